"""Colour: converts every picture to sRGB in L, RGB or RGBA, from any space and mode."""

import functools
import io
import itertools
from collections.abc import Callable
from math import isfinite
from typing import TYPE_CHECKING

from PIL import Image, ImageChops

from functions.resize.deep import Deep
from functions.resize.formats import tiff
from functions.resize.icc import CURVES, SRGB_CURVE, Curve, matrix_profile, power
from functions.resize.primaries import BY_CODE, SRGB
from functions.resize.resample import MODES
from functions.resize.space import Chromaticities, Coded, Measured, Profile, Space
from functions.resize.tone import encoded, tone_map

if TYPE_CHECKING:
    from PIL import ImageCms

_PROFILE_HEADER_BYTES = 128
# Colours from all parts of the cube. A profile that changes each by at most two of 255 is sRGB with rounding.
_SAMPLE = bytes(value for colour in itertools.product(range(0, 256, 51), repeat=3) for value in colour)
_SAME = 2


def resamplable(image: Image.Image | Deep, space: Space) -> tuple[Image.Image | Deep, Space]:
    """Converts `image` to a mode that can be resampled. Resolves palettes, scales 16 and 32 bits to 8, keeps alpha.

    Returns it with its new space: 16-bit greys are converted to sRGB at once, while they still have all their bits.
    """
    if isinstance(image, Deep):
        return image, space
    if image.mode.startswith("I;16") and isinstance(space, Measured):
        return _from_sixteen(image, space.exponent), None
    return _eight_bits_a_value(image), space


def _eight_bits_a_value(image: Image.Image) -> Image.Image:
    if image.mode in MODES and "transparency" not in image.info:
        return image
    if image.mode == "1":
        return image.convert("RGBA" if "transparency" in image.info else "L")
    if image.mode.startswith(("I", "F")):
        return _from_sixteen(image) if image.mode.startswith("I;16") else _from_thirty_two(image)
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image.convert("L" if image.mode in {"L", "LA", "La"} else "RGB")  # of CIELAB by littlecms


def _from_thirty_two(image: Image.Image) -> Image.Image:
    """Scales a grey picture of 32 bits so that its white stays white. Pillow itself would clip."""
    low, high = (float(value) for value in image.getextrema())  # type: ignore[arg-type]
    if not isfinite(low) or not isfinite(high):
        raise ValueError("it holds values that are not numbers")
    # 32 bits do not say which value is white. Of the ranges in use, the narrowest that holds every value is taken.
    floor = min(low, 0.0)
    ranges = (1.0, 255.0, 65_535.0) if image.mode == "F" else (255.0, 65_535.0)
    white = next((white for white in ranges if high <= white), high)
    scale = 255.0 / (white - floor)
    return image.convert("F").point(lambda value: value * scale + (0.5 - floor * scale)).convert("L")


def _from_sixteen(image: Image.Image, exponent: float | None = None) -> Image.Image:
    """Scales a 16-bit grey picture by tables. Returns RGBA where one value stands for transparent.

    `exponent` converts values to light, which is then encoded as sRGB.
    """
    white = 2 ** tiff.white_bits(image) - 1
    wide = image.convert("I")
    table = [min(255, (value * 255 + white // 2) // white) for value in range(65_536)]
    if exponent is not None:
        table = [round(255 * encoded(min(value / white, 1.0) ** exponent)) for value in range(65_536)]
    if tiff.zero_is_white(image):
        table = [255 - value for value in table]
    grey = wide.point(table, "L")
    key = image.info.get("transparency")
    if not isinstance(key, int):
        return grey
    alpha = wide.point([0 if value == key else 255 for value in range(65_536)], "L")
    return Image.merge("LA", (grey, alpha)).convert("RGBA")


def to_srgb(image: Image.Image | Deep, space: Space) -> Image.Image:
    """Converts `image` (L, RGB, RGBA, CMYK, or deep HDR) from `space` to sRGB: L, RGB or RGBA.

    Values in a space that cannot be read count as sRGB, as in browsers.
    """
    if isinstance(image, Deep):
        assert isinstance(space, Coded)
        return tone_map(image, space)
    match space:
        case Profile(icc):
            return _from_profile(image, icc)
        case Coded() if image.mode != "CMYK":
            return _from_rgb_space(image, space, _from_coded)
        case Measured() if image.mode != "CMYK":
            return _from_rgb_space(image, space, _from_measured)
    return image.convert("RGB") if image.mode == "CMYK" else image


def _from_rgb_space[S](image: Image.Image, space: S, convert: Callable[[Image.Image, S], Image.Image]) -> Image.Image:
    """Converts with `convert`, which takes RGB and RGBA. Grey stays grey in every RGB space."""
    if image.mode != "L":
        return convert(image, space)
    return convert(image.convert("RGB"), space).getchannel("G")


def _from_coded(image: Image.Image, space: Coded) -> Image.Image:
    if space.is_hdr:
        return tone_map(image, space)
    if space.narrow:
        full = [min(max(round((value - 16) * 255 / 219), 0), 255) for value in range(256)]
        image = image.point(full * 3 + (list(range(256)) if image.mode == "RGBA" else []))
    return _by_matrix(image, BY_CODE.get(space.primaries, SRGB), CURVES.get(space.transfer, SRGB_CURVE))


def _from_measured(image: Image.Image, space: Measured) -> Image.Image:
    return _by_matrix(image, space.chromaticities or SRGB, power(space.exponent))


def _by_matrix(image: Image.Image, chromaticities: Chromaticities, curve: Curve) -> Image.Image:
    if (chromaticities, curve) == (SRGB, SRGB_CURVE):
        return image
    try:
        profile = matrix_profile(chromaticities, curve)
    except ArithmeticError:  # no space has such chromaticities
        return image
    return _by_profile(image, profile) or image


def _from_profile(image: Image.Image, profile: bytes) -> Image.Image:
    if profile[16:20] == b"GRAY" and image.mode == "RGBA" and _is_grey(image):
        grey = _from_profile(image.getchannel("R"), profile)
        return Image.merge("RGBA", (grey, grey, grey, image.getchannel("A")))
    if len(profile) > _PROFILE_HEADER_BYTES and _fits(profile, image.mode):
        converted = _by_profile(image, profile)
        if converted is not None:
            return converted
    return image.convert("RGB") if image.mode == "CMYK" else image


def _is_grey(image: Image.Image) -> bool:
    red, green, blue, *_ = image.split()
    return red.tobytes() == green.tobytes() == blue.tobytes()


def _fits(profile: bytes, mode: str) -> bool:
    """Tells whether the profile's colour space (bytes 16 to 20, ICC.1:2022 table 17) equals the picture's."""
    return profile[16:20] == {"L": b"GRAY", "RGB": b"RGB ", "RGBA": b"RGB ", "CMYK": b"CMYK"}[mode]


def _by_profile(image: Image.Image, profile: bytes) -> Image.Image | None:
    """Converts `image` by its profile. Returns None if the profile cannot be read or is sRGB itself."""
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
    """Builds the transform from a profile to sRGB. Returns None if the profile cannot be read, or changes no colour.

    A profile's name proves nothing: some profiles named sRGB have other colours.
    """
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
