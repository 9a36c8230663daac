"""Computes SSIM against a floating-point reference (Wang et al. 2004, "Image quality assessment")."""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

type Plane = npt.NDArray[np.float64]

_SIGMA, _RADIUS = 1.5, 5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_window = np.exp(-(np.arange(-_RADIUS, _RADIUS + 1) ** 2) / (2 * _SIGMA**2))
_WINDOW = _window / _window.sum()


def reference(data: bytes, side: int) -> Plane:
    """Returns the luma of the whole picture, resized in floating point with Lanczos: the ideal rendition."""
    image = Image.open(io.BytesIO(data)).convert("RGB").convert("L").convert("F")
    scale = min(side / image.width, side / image.height, 1)
    size = (round(image.width * scale), round(image.height * scale))
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS), np.float64)


def ssim(reference_luma: Plane, body: bytes) -> float:
    """Returns the mean structural similarity of an encoded rendition to its reference; 1 means equal."""
    image = Image.open(io.BytesIO(body)).convert("RGB").convert("L")
    if image.size != reference_luma.shape[::-1]:
        image = image.resize(reference_luma.shape[::-1], Image.Resampling.LANCZOS)
    x, y = reference_luma, np.asarray(image, np.float64)
    mean_x, mean_y = _blur(x), _blur(y)
    var_x, var_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    score = ((2 * mean_x * mean_y + _C1) * (2 * covariance + _C2)) / (
        (mean_x**2 + mean_y**2 + _C1) * (var_x + var_y + _C2)
    )
    return float(score.mean())


def _blur(plane: Plane) -> Plane:
    rows = sum(w * plane[:, i : plane.shape[1] - 2 * _RADIUS + i] for i, w in enumerate(_WINDOW))
    assert isinstance(rows, np.ndarray)
    both = sum(w * rows[i : rows.shape[0] - 2 * _RADIUS + i] for i, w in enumerate(_WINDOW))
    assert isinstance(both, np.ndarray)
    return both
