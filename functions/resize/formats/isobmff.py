"""The container of AVIF and HEIF: the ISO base media file format (ISO/IEC 14496-12, 23008-12)."""

import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from functions.resize.space import DEFAULT_PEAK_NITS, Coded, Space

AVIF_BRANDS = {b"avif", b"avis"}
HEVC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
# The brands that name a codec. The first brand of a file decides which decoder reads it.
CODED_BRANDS = AVIF_BRANDS | HEVC_BRANDS


def brands(head: bytes) -> list[bytes]:
    """Returns the major brand and then the compatible ones; nothing for another format."""
    if head[4:8] != b"ftyp":
        return []
    box_bytes = int.from_bytes(head[:4])
    return [head[8:12]] + [head[at : at + 4] for at in range(16, min(box_bytes, len(head)) - 3, 4)]


def first_of(head: bytes, known: set[bytes]) -> bytes | None:
    """Returns the first brand of the file that is in `known`, or None."""
    return next((brand for brand in brands(head) if brand in known), None)


# Transfer characteristics of ITU-T H.273: sRGB, and BT.709 with its relatives. Browsers show the latter as sRGB in a
# picture too, because cameras and encoders write these values without a television's curve.
_SRGB, _VIDEO = 13, {1, 6, 11, 12, 14, 15}


class Box(NamedTuple):
    """One box: its type, and the positions of its start, its content and its end."""

    kind: bytes
    start: int
    body: int
    end: int


class Properties(NamedTuple):
    """The properties of the primary item, and the colour of a sequence's track: type -> content without the header."""

    item: dict[bytes, bytes]
    track: dict[bytes, bytes]

    def space(self, animated: bool) -> Space:
        """Returns the space that `nclx` names. ICC profiles come before it and are read by the decoder."""
        found = self.track if animated else self.item
        colour = found.get(b"colr:nclx", b"")
        if len(colour) < 6:
            return None
        primaries, transfer = struct.unpack_from(">HH", colour)
        return Coded(primaries, _SRGB if transfer in _VIDEO else transfer, peak_nits=_peak_nits(found))


def _peak_nits(found: dict[bytes, bytes]) -> float:
    """Returns the brightest light in the picture, or else of its mastering display, in cd/m2."""
    content = int.from_bytes(found.get(b"clli", b"")[:2])
    display = int.from_bytes(found.get(b"mdcv", b"")[16:20]) / 10_000
    return content or display or DEFAULT_PEAK_NITS


def boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """Yields the boxes between two places. Stops at a truncated or malformed box."""
    at = start
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, at)
        body = at + 8
        if size == 1 and at + 16 <= end:
            size, body = int.from_bytes(data[body : body + 8]), at + 16
        stop = end if size == 0 else at + size
        if stop < body or stop > end:
            return
        yield Box(kind, at, body, stop)
        at = stop


def box(kind: bytes, content: bytes) -> bytes:
    """Returns a box with its header."""
    return struct.pack(">I4s", 8 + len(content), kind) + content


def find(data: bytes, path: list[bytes], start: int = 0, end: int | None = None) -> Box | None:
    """Returns the first box at `path`, a list of types from the outermost on."""
    stop = len(data) if end is None else end
    for one in boxes(data, start, stop):
        if one.kind == path[0]:
            return find(data, path[1:], one.body + _HEADERS.get(one.kind, 0), one.end) if path[1:] else one
    return None


# Bytes between a box's header and the boxes in it: version and flags, a count, a sample entry's fields.
_HEADERS = {b"meta": 4, b"stsd": 8, b"av01": 78}


def properties(data: bytes) -> Properties:
    """Reads the properties of the primary item and of the first AV1 track. A file without them has none."""
    item: dict[bytes, bytes] = {}
    primary, container = find(data, [b"meta", b"pitm"]), find(data, [b"meta", b"iprp", b"ipco"])
    if primary and container:
        version, number = data[primary.body], data[primary.body + 4 : primary.end]
        item_id = int.from_bytes(number[:4] if version else number[:2])
        every = list(boxes(data, container.body, container.end))
        item = _contents(data, [every[index - 1] for index in _associated(data, item_id) if 0 < index <= len(every)])
    entry = find(data, [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"av01"])
    track = _contents(data, list(boxes(data, entry.body + _HEADERS[b"av01"], entry.end))) if entry else {}
    return Properties(item, track)


def _contents(data: bytes, found: list[Box]) -> dict[bytes, bytes]:
    """Maps each box's type to its content, the first of each type; `colr` is mapped with its colour type."""
    contents: dict[bytes, bytes] = {}
    for box in found:
        content = data[box.body : box.end]
        if box.kind == b"colr":
            contents.setdefault(b"colr:" + content[:4], content[4:])
        else:
            contents.setdefault(box.kind, content)
    return contents


def _associated(data: bytes, item_id: int) -> list[int]:
    """Returns the numbers of the item's properties, from 1 on, in order (ISO/IEC 23008-12, 9.3)."""
    found: list[int] = []
    container = find(data, [b"meta", b"iprp"])
    for box in boxes(data, container.body, container.end) if container else ():
        if box.kind == b"ipma":
            found += _in_association(data, box, item_id)
    return found


def _in_association(data: bytes, box: Box, item_id: int) -> list[int]:
    version, wide = data[box.body], data[box.body + 3] & 1
    id_bytes, index_bytes = 4 if version else 2, 2 if wide else 1
    at = box.body + 8
    for _ in range(int.from_bytes(data[box.body + 4 : at])):
        if at + id_bytes >= box.end:
            break
        listed, count = int.from_bytes(data[at : at + id_bytes]), data[at + id_bytes]
        at += id_bytes + 1
        indexes = [int.from_bytes(data[i : i + index_bytes]) for i in range(at, at + count * index_bytes, index_bytes)]
        if listed == item_id:
            return [index & (0x7FFF if wide else 0x7F) for index in indexes]
        at += count * index_bytes
    return []


def clean_aperture(clap: bytes, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Returns the part of a picture of `size` that `clap` shows (left, upper, right, lower), or None if the box makes
    no sense.

    The box has width, height and the offset of the centre, each a fraction (ISO/IEC 14496-12, 12.1.4).
    """
    if len(clap) < 32:
        return None
    numbers = struct.unpack_from(">IIIIiIiI", clap)
    if not all(numbers[1::2]):
        return None
    width, height, right, down = (Fraction(n, d) for n, d in zip(numbers[::2], numbers[1::2], strict=True))
    left, upper = (size[0] - width) / 2 + right, (size[1] - height) / 2 + down
    if left < 0 or upper < 0 or left + width > size[0] or upper + height > size[1] or width < 1 or height < 1:
        return None
    return round(left), round(upper), round(left + width), round(upper + height)
