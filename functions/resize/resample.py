"""The resampler: SIMD where there is one for this processor, Pillow's own elsewhere; both with the same filters."""

import functools
from collections.abc import Callable

from PIL import Image

type Box = tuple[float, float, float, float]
type Resample = Callable[[Image.Image, tuple[int, int], Box], Image.Image]

# What both resamplers take. Others are converted first: a palette cannot be averaged.
MODES = {"L", "RGB", "RGBA", "CMYK"}


def resample(image: Image.Image, size: tuple[int, int], box: Box | None = None) -> Image.Image:
    """`image`, or the part of it in `box` (pixels: left, upper, right, lower), scaled to `size`.

    `image` is L, RGB, RGBA or CMYK; so is the answer. Reduces with Lanczos (a = 3), enlarges with a Mitchell-like
    cubic. Colours are weighted by their alpha, so that what a transparent pixel hides never shows at an edge.
    """
    assert image.mode in MODES, image.mode
    box = box or (0.0, 0.0, float(image.width), float(image.height))
    if size == image.size and box == (0, 0, *image.size):
        return image
    return resampler()(image, size, box)


@functools.cache
def resampler() -> Resample:
    """The best resampler here. cykooz-resizer has wheels for x86_64 only, so on arm64 its layer is empty."""
    try:
        import cykooz_resizer  # noqa: F401
    except ImportError:
        return with_pillow
    return _with_simd


def with_pillow(image: Image.Image, size: tuple[int, int], box: Box) -> Image.Image:
    """`resample` by Pillow's own scalar code."""
    # Pillow's bicubic has a = -0.5 (Catmull-Rom), sharper than Mitchell and the nearest that it has to it.
    method = Image.Resampling.BICUBIC if _enlarges(size, box) else Image.Resampling.LANCZOS
    return image.resize(size, method, box)


def _with_simd(image: Image.Image, size: tuple[int, int], box: Box) -> Image.Image:
    """`resample` by Rust's fast_image_resize (AVX2, SSE4.1), on Pillow's own memory."""
    from cykooz_resizer import CropBox, FilterType, ResizeAlg, ResizeOptions, Resizer

    left, upper, right, lower = box
    filter_type = FilterType.mitchell if _enlarges(size, box) else FilterType.lanczos3
    options = ResizeOptions(
        ResizeAlg.convolution(filter_type), crop_box=CropBox(left, upper, right - left, lower - upper)
    )
    resized = Image.new(image.mode, size, None)  # None: left as it is, every pixel is written
    # A new one each time: it keeps its buffers, among them a copy of the largest transparent picture it has seen.
    Resizer().resize_pil(image, resized, options)
    return resized


def _enlarges(size: tuple[int, int], box: Box) -> bool:
    return size[0] > box[2] - box[0] or size[1] > box[3] - box[1]
