"""Decoding: an opened still in, its pixels out, no more of them than its renditions need."""

import io
import math
from typing import Any, NamedTuple

from PIL import Image, ImageFile

from functions.resize import gif, jpeg, png, webp
from functions.resize.opening import Opened, damage_is_rejected, plugin
from functions.resize.resample import Box

# Pixels a side, for each of the rendition's, that libjpeg's reduced decode must leave: by 8, by less.
_SPARE_BY_EIGHT, _SPARE = 1.5, 1.25


class Decoded(NamedTuple):
    """Pixels, and the part of them (left, upper, right, lower in pixels) that is the picture."""

    image: Image.Image
    box: Box


def decode(opened: Opened, width_px: int, height_px: int) -> Decoded:
    """The pixels of a still, at a reduced size where the format can, but not under `width_px` x `height_px`.

    Raises Rejected `damaged-image`.
    """
    with damage_is_rejected():
        if opened.kind == "JPEG":
            return _decode_jpeg(opened, width_px, height_px)
        image = _decode_better(opened, width_px, height_px)
        if image is None:
            opened.image.load()
            image = opened.image
            if opened.header is not None:
                png.check_rows(opened.data, image)
        return Decoded(image, (0.0, 0.0, float(image.width), float(image.height)))


def _decode_better(opened: Opened, width_px: int, height_px: int) -> Image.Image | None:
    """The pixels by a decoder better than Pillow's, or None if there is none for this file or on this machine."""
    if opened.header is not None:
        return png.decode(opened.data, opened.header)
    if opened.kind == "GIF" and not gif.fills_canvas(opened.data, opened.image.size):
        return next(gif.shown(opened.data, opened.image.size))[0]
    if opened.kind == "WEBP" and not getattr(opened.image, "is_animated", False):
        return webp.decode(opened.data, width_px, height_px)
    return None


def _decode_jpeg(opened: Opened, width_px: int, height_px: int) -> Decoded:
    image, structure = opened.image, opened.structure
    assert structure is not None
    smallest = (width_px, height_px) if structure.progressive else _smallest(opened, width_px, height_px)
    drafted = image.draft(None, smallest)
    box = drafted[1] if drafted else (0, 0, *image.size)
    scale = round(opened.width_px / box[2]) if drafted else 1
    if structure.progressive:
        reduced = jpeg.for_scale(opened.data, structure, scale)
        if reduced is not opened.data:
            image = plugin("JPEG")(io.BytesIO(reduced))
            image.draft(None, smallest)
    _load_at_once(image, len(opened.data))
    if not structure.progressive and _ends_flat(image, scale):
        fed = plugin("JPEG")(io.BytesIO(jpeg.hungry(opened.data, structure)))
        fed.draft(None, smallest)
        _load_at_once(fed, len(opened.data))
        if fed.tobytes() != image.tobytes():
            raise ValueError("its last part is missing")
    return Decoded(image, (float(box[0]), float(box[1]), float(box[2]), float(box[3])))


def _smallest(opened: Opened, width_px: int, height_px: int) -> tuple[int, int]:
    """The size that libjpeg's reduced decode of a baseline file must not go under.

    It makes of a block the means of its parts: a box filter, whose jagged edges show unless the resampler has pixels
    enough to smooth them. A progressive file is spared this: at a quarter it needs the AC scans, and takes many times
    as long.
    """
    shrink = min(opened.width_px / width_px, opened.height_px / height_px)
    quarter = (opened.width_px // 4, opened.height_px // 4) if shrink < 8 * _SPARE_BY_EIGHT else (1, 1)
    return max(math.ceil(width_px * _SPARE), quarter[0]), max(math.ceil(height_px * _SPARE), quarter[1])


def _load_at_once(image: ImageFile.ImageFile, size_bytes: int) -> None:
    """Decodes with the whole file at hand: Pillow's pieces of 64 kB cost a baseline JPEG 2 to 3 %."""
    image.decodermaxblock = max(image.decodermaxblock, size_bytes)
    image.load()


def _ends_flat(image: Image.Image, scale: int) -> bool:
    """Whether the lower right corner, 64 x 16 pixels before the reduction, is of one colour.

    So it is where libjpeg ran out of data and filled the rest; and in skies and screenshots.
    """
    width, height = image.size
    corner = image.crop((max(0, width - 64 // scale), max(0, height - 16 // scale), width, height))
    extrema = corner.getextrema()
    bands: list[Any] = [extrema] if len(image.getbands()) == 1 else list(extrema)
    return all(low == high for low, high in bands)
