"""Colour: every picture ends as sRGB in L, RGB or RGBA, whatever it came in."""

import functools
import io
import itertools
from math import isfinite
from typing import TYPE_CHECKING

from PIL import Image, ImageChops

from functions.resize.formats import tiff
from functions.resize.resample import MODES

if TYPE_CHECKING:
    from PIL import ImageCms

_PROFILE_HEADER_BYTES = 128
# Colours from all over the cube. What changes none by more than two of 255 is sRGB but for rounding.
_SAMPLE = bytes(value for colour in itertools.product(range(0, 256, 51), repeat=3) for value in colour)
_SAME = 2


def resamplable(image: Image.Image) -> Image.Image:
    """`image` in a mode that can be resampled: palettes resolved, 16 and 32 bits scaled to 8, alpha kept."""
    if image.mode in MODES and "transparency" not in image.info:
        return image
    if image.mode == "1":
        return image.convert("RGBA" if "transparency" in image.info else "L")
    if image.mode.startswith(("I", "F")):
        return _eight_bits(image)
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image.convert("L" if image.mode in {"L", "LA", "La"} else "RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """A grey picture of more than 8 bits a pixel, scaled so that its white stays white. Pillow itself would clip."""
    if image.mode.startswith("I;16"):
        return _from_sixteen(image)
    low, high = (float(value) for value in image.getextrema())  # type: ignore[arg-type]
    if not isfinite(low) or not isfinite(high):
        raise ValueError("it holds values that are not numbers")
    # 32 bits say nothing about where white is: the narrowest range of those in use that holds every value.
    floor = min(low, 0.0)
    ranges = (1.0, 255.0, 65_535.0) if image.mode == "F" else (255.0, 65_535.0)
    white = next((white for white in ranges if high <= white), high)
    scale = 255.0 / (white - floor)
    return image.convert("F").point(lambda value: value * scale + (0.5 - floor * scale)).convert("L")


def _from_sixteen(image: Image.Image) -> Image.Image:
    """A 16-bit grey picture by tables; RGBA where one value stands for transparent."""
    white = 2 ** tiff.white_bits(image) - 1
    wide = image.convert("I")
    table = [min(255, (value * 255 + white // 2) // white) for value in range(65_536)]
    if tiff.zero_is_white(image):
        table = [255 - value for value in table]
    grey = wide.point(table, "L")
    key = image.info.get("transparency")
    if not isinstance(key, int):
        return grey
    alpha = wide.point([0 if value == key else 255 for value in range(65_536)], "L")
    return Image.merge("LA", (grey, alpha)).convert("RGBA")


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """`image` (L, RGB, RGBA or CMYK) in sRGB, by its embedded ICC `profile`; L, RGB or RGBA.

    Without a profile, or with a broken one, the values are taken for sRGB, as browsers do.
    """
    if profile and profile[16:20] == b"GRAY" and image.mode == "RGBA" and _is_grey(image):
        grey = to_srgb(image.getchannel("R"), profile)
        return Image.merge("RGBA", (grey, grey, grey, image.getchannel("A")))
    if profile and len(profile) > _PROFILE_HEADER_BYTES and _fits(profile, image.mode):
        converted = _by_profile(image, profile)
        if converted is not None:
            return converted
    return image.convert("RGB") if image.mode == "CMYK" else image


def _is_grey(image: Image.Image) -> bool:
    red, green, blue, *_ = image.split()
    return red.tobytes() == green.tobytes() == blue.tobytes()


def _fits(profile: bytes, mode: str) -> bool:
    """Whether the colour space that the profile is of (bytes 16 to 20, ICC.1:2022 table 17) is the picture's."""
    return profile[16:20] == {"L": b"GRAY", "RGB": b"RGB ", "RGBA": b"RGB ", "CMYK": b"CMYK"}[mode]


def _by_profile(image: Image.Image, profile: bytes) -> Image.Image | None:
    """`image` through its profile, or None if that cannot be read or is sRGB itself."""
    transform = _to_srgb(profile, image.mode)
    if transform is None:
        return None
    from PIL import ImageCms

    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None
    return converted.convert("L") if image.mode == "L" else converted


# Nearly all photos of a phone have the same profile, and building a transform takes 2 ms.
@functools.lru_cache(maxsize=4)
def _to_srgb(profile: bytes, mode: str) -> "ImageCms.ImageCmsTransform | None":
    """The way from a profile to sRGB, or None if it cannot be read or leads nowhere: its name may say sRGB and lie."""
    from PIL import ImageCms

    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGBA" if mode == "RGBA" else "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    if mode == "CMYK":
        return transform
    sample = Image.frombytes("RGB", (len(_SAMPLE) // 3, 1), _SAMPLE).convert(mode)
    converted = ImageCms.applyTransform(sample, transform)
    assert converted is not None
    changes = ImageChops.difference(sample.convert("RGB"), converted.convert("RGB")).getextrema()
    return transform if max(change[1] for change in changes if isinstance(change, tuple)) > _SAME else None
