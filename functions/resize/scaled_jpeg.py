"""JPEGs decoded at a fraction of their size by scaled_jpeg.c, for which libjpeg takes up to twice as long."""

import ctypes
import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

# Eighths of the picture's size, and how many times the pixels a side that are wanted each must leave: with fewer, the
# resampler cannot smooth what a block's few coefficients leave out (SSIM .953 at 1.25, .960 at 1.5, .963 at 2.5). The
# nearer to the whole picture, the more the next scale costs and the less it gives.
_SPARE = {1: 1.5, 2: 1.5, 3: 1.4, 4: 1.25}


def scale_for(size: tuple[int, int], wanted: tuple[int, int]) -> int | None:
    """The eighths at which a picture of `size` pixels is best decoded for one of `wanted`; None if that is too many."""
    for scale, spare in _SPARE.items():
        if all(side * scale >= 8 * spare * least for side, least in zip(size, wanted, strict=True)):
            return scale
    return None


def decode(data: bytes, mode: str, size: tuple[int, int], scale: int) -> Image.Image | None:
    """The JPEG in `data`, of `size` pixels and Pillow's `mode` (L, or RGB that is stored as YCbCr), at `scale` eighths.

    None if the decoder is not here, does not know this kind of JPEG, or finds any fault in it.
    """
    decoder = _decoder()
    if decoder is None:
        return None
    width, height = (-(-side * scale // 8) for side in size)
    pixels = bytearray(width * height * (4 if mode == "RGB" else 1))
    if not decoder(data, len(data), scale, (ctypes.c_char * len(pixels)).from_buffer(pixels), len(pixels)):
        return None
    return Image.frombytes(mode, (width, height), pixels, "raw", "RGBX" if mode == "RGB" else "L")


@functools.cache
def _decoder() -> Callable[..., int] | None:
    """The function of scaled_jpeg.c, or None where it cannot be loaded."""
    path = library(sys.platform, os.uname().machine)
    try:
        function: Any = ctypes.CDLL(str(path)).scaled_jpeg
    except (OSError, AttributeError):  # not there, or nothing for this machine: libjpeg does it, and no picture suffers
        return None
    function.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]
    return function  # type: ignore[no-any-return]


def library(platform: str, machine: str) -> Path:
    """Where the compiled decoder is: `platform` as sys.platform says it, `machine` as uname does.

    It is not called .so: SAM leaves such files out of what it builds.
    """
    return Path(__file__).with_name(f"scaled_jpeg-{platform}-{machine}.bin")
