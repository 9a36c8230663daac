"""The resampler: SIMD if the processor has it, else Pillow's own; both with the same filters."""

import functools
from collections.abc import Callable
from typing import overload

from PIL import Image

from functions.resize.deep import Deep

type Box = tuple[float, float, float, float]
type Resample = Callable[[Image.Image, tuple[int, int], Box], Image.Image]

# The modes of both resamplers. Others are converted first: a palette cannot be averaged.
MODES = {"L", "RGB", "RGBA", "CMYK"}


@overload
def resample(image: Image.Image, size: tuple[int, int], box: Box | None = None) -> Image.Image: ...


@overload
def resample(image: Image.Image | Deep, size: tuple[int, int], box: Box | None = None) -> Image.Image | Deep: ...


def resample(image: Image.Image | Deep, size: tuple[int, int], box: Box | None = None) -> Image.Image | Deep:
    """Scales `image`, or its part in `box` (pixels: left, upper, right, lower), to `size`.

    `image` and the result are L, RGB, RGBA or CMYK, or a deep picture, of which Pillow scales each plane. Reduces with
    Lanczos (a = 3), enlarges with a Mitchell-like cubic. Colours are weighted by alpha, so the hidden colour of a
    transparent pixel never shows at an edge.
    """
    box = box or (0.0, 0.0, float(image.width), float(image.height))
    if size == (image.width, image.height) and box == (0, 0, *size):
        return image
    if isinstance(image, Deep):
        return image.map(lambda plane: with_pillow(plane, size, box))
    assert image.mode in MODES, image.mode
    return resampler()(image, size, box)


@functools.cache
def resampler() -> Resample:
    """Returns the fastest available resampler. The package cykooz-resizer has Linux wheels for x86_64 only."""
    try:
        import cykooz_resizer  # noqa: F401
    except ImportError:
        return with_pillow
    return _with_simd


def with_pillow(image: Image.Image, size: tuple[int, int], box: Box) -> Image.Image:
    """Does `resample` with Pillow's scalar code."""
    # Pillow's bicubic has a = -0.5 (Catmull-Rom): sharper than Mitchell, and Pillow's nearest filter.
    method = Image.Resampling.BICUBIC if _enlarges(size, box) else Image.Resampling.LANCZOS
    return image.resize(size, method, box)


def _with_simd(image: Image.Image, size: tuple[int, int], box: Box) -> Image.Image:
    """Does `resample` with Rust's fast_image_resize (AVX2, SSE4.1), on Pillow's memory."""
    from cykooz_resizer import CropBox, FilterType, ResizeAlg, ResizeOptions, Resizer

    left, upper, right, lower = box
    filter_type = FilterType.mitchell if _enlarges(size, box) else FilterType.lanczos3
    options = ResizeOptions(
        ResizeAlg.convolution(filter_type), crop_box=CropBox(left, upper, right - left, lower - upper)
    )
    resized = Image.new(image.mode, size, None)  # not initialised, because every pixel is written
    # A new resizer for each call, because it keeps buffers as large as its largest transparent picture.
    Resizer().resize_pil(image, resized, options)
    return resized


def _enlarges(size: tuple[int, int], box: Box) -> bool:
    return size[0] > box[2] - box[0] or size[1] > box[3] - box[1]
