"""JPEG: checks for missing parts, and pixels at the scales of libjpeg-turbo."""

import functools
import math
from typing import Any

from PIL import Image, ImageFile

from functions.resize.formats.base import (
    Decoded,
    Encoder,
    Format,
    Opened,
    orientation_of,
    profile_of,
    starts_with,
    unread,
)
from functions.resize.formats.jpeg_scans import EOI, Structure, for_scale, hungry, missing, read
from shared.limits import Limits

# A reduced decode of a baseline file keeps at least this many pixels a side for each pixel of the rendition: at 1/8,
# and at other scales.
_SPARE_BY_EIGHT, _SPARE = 1.5, 1.25


def _open(data: bytes, _: Limits) -> Opened:
    structure = read(data)
    ended = structure.ended
    if not ended:  # browsers show a file that has all but its end marker
        data = data.rstrip(b"\xff") + EOI
        structure = read(data)
    if lack := missing(structure):
        raise ValueError(lack)
    if structure.precision != 8:
        raise unread(f"a JPEG with {structure.precision} bits a colour")
    image = FORMAT.pillow(data)
    if not ended and _is_cut(data, structure, (1, 1) if not structure.progressive else image.size):
        raise ValueError("its end is missing")
    decode = _decode_progressive if structure.progressive else _decode_baseline
    return Opened(
        *image.size,
        decode=functools.partial(decode, data, structure, image),
        orientation=orientation_of(image.info.get("exif")),
        space=profile_of(image),
    )


def _decode_progressive(
    data: bytes, structure: Structure, image: ImageFile.ImageFile, width_px: int, height_px: int
) -> Decoded:
    full_width = image.width
    box = _draft(image, (width_px, height_px))
    reduced = for_scale(data, structure, round(full_width / box[2]))
    if reduced is not data:
        image = FORMAT.pillow(reduced)
        image.draft(None, (width_px, height_px))
    _load_at_once(image, len(data))
    return Decoded(image, box)


def _decode_baseline(
    data: bytes, structure: Structure, image: ImageFile.ImageFile, width_px: int, height_px: int
) -> Decoded:
    """Decodes a baseline file. Raises ValueError if the file was cut and closed with an end marker."""
    full_width = image.width
    smallest = _smallest(image.size, (width_px, height_px))
    box = _draft(image, smallest)
    _load_at_once(image, len(data))
    if _ends_flat(image, round(full_width / box[2])) and _differs(image, hungry(data, structure), smallest):
        raise ValueError("its last part is missing")
    return Decoded(image, box)


def _is_cut(data: bytes, structure: Structure, smallest: tuple[int, int]) -> bool:
    """Tells whether blocks are missing, by a decode to `smallest` or more. A smaller decode cannot show missing
    details.
    """
    image = FORMAT.pillow(data)
    image.draft(None, smallest)
    _load_at_once(image, len(data))
    return _differs(image, hungry(data, structure), smallest)


def _differs(image: Image.Image, data: bytes, smallest: tuple[int, int]) -> bool:
    other = FORMAT.pillow(data)
    other.draft(None, smallest)
    _load_at_once(other, len(data))
    return other.tobytes() != image.tobytes()


def _draft(image: ImageFile.ImageFile, smallest: tuple[int, int]) -> tuple[float, float, float, float]:
    """Lets libjpeg reduce the picture, but not under the size `smallest`. Returns the part that shows the picture."""
    drafted = image.draft(None, smallest)
    left, upper, right, lower = drafted[1] if drafted else (0, 0, *image.size)
    return float(left), float(upper), float(right), float(lower)


def _smallest(size: tuple[int, int], needed: tuple[int, int]) -> tuple[int, int]:
    """Returns the smallest size that libjpeg may reduce a baseline file of `size` to, for a rendition of `needed`.

    libjpeg averages the parts of a block: a box filter, whose jagged edges show unless the resampler has enough pixels
    to smooth them. A progressive file goes without this margin: at 1/4 it needs the AC scans and takes far longer.
    """
    by_eight = min(full / least for full, least in zip(size, needed, strict=True)) >= 8 * _SPARE_BY_EIGHT
    width, height = (
        max(math.ceil(least * _SPARE), 1 if by_eight else full // 4) for full, least in zip(size, needed, strict=True)
    )
    return width, height


def _load_at_once(image: ImageFile.ImageFile, size_bytes: int) -> None:
    """Decodes the file in one piece: Pillow's pieces of 64 kB cost a baseline JPEG 2 to 3 %."""
    image.decodermaxblock = max(image.decodermaxblock, size_bytes)
    image.load()


def _ends_flat(image: Image.Image, scale: int) -> bool:
    """Tells whether the lower right corner, 64 x 16 pixels before the reduction, has one colour.

    This happens if libjpeg ran out of data and filled the rest, and in some complete pictures, such as screenshots.
    """
    width, height = image.size
    corner = image.crop((max(0, width - 64 // scale), max(0, height - 16 // scale), width, height))
    extrema = corner.getextrema()
    bands: list[Any] = [extrema] if len(image.getbands()) == 1 else list(extrema)
    return all(low == high for low, high in bands)


FORMAT = Format(
    "JPEG",
    ("PIL.JpegImagePlugin", "JpegImageFile"),
    ("image/jpeg",),
    starts_with(b"\xff\xd8\xff"),
    _open,
    encoder=Encoder(lambda quality: {"quality": quality}, has_alpha=False),
)
