"""AVIF files with a minimized header (brand `mif3`), which libavif does not read, rewritten with an ordinary one.

The box `mini` packs all properties of one picture into bits (ISO/IEC 23008-12, annex O).
"""

import struct
from typing import NamedTuple

from functions.resize.formats.base import unread
from functions.resize.formats.isobmff import box, find

# Longer headers need gain maps.
_HEADER_BYTES = 64
_MATRIX_BT601, _UNSPECIFIED, _SRGB_PRIMARIES, _SRGB_TRANSFER = 6, 2, 1, 13
_ALPHA = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"


class _Item(NamedTuple):
    """One coded picture: its AV1 configuration and its data."""

    configuration: bytes
    data: bytes


class _Mini(NamedTuple):
    width_px: int
    height_px: int
    orientation: int
    bits: int
    channels: int
    nclx: bytes
    icc: bytes
    main: _Item
    alpha: _Item | None
    premultiplied: bool


class _Bits:
    """Reads fields of any number of bits, one after another."""

    def __init__(self, data: bytes) -> None:
        self._left = len(data) * 8
        self._value = int.from_bytes(data)

    def read(self, count: int) -> int:
        """Returns the next `count` bits. Raises ValueError at the end."""
        self._left -= count
        if self._left < 0:
            raise ValueError("its header is cut")
        return self._value >> self._left & ((1 << count) - 1)

    def bytes_read(self, total: int) -> int:
        """Returns how many of the `total` bytes are read, the last one perhaps in part."""
        return total - self._left // 8


def matches(head: bytes) -> bool:
    """Tells whether a file that begins with `head` is such an AVIF."""
    return head[4:16] == b"ftypmif3avif"


def expanded(data: bytes) -> tuple[bytes, int]:
    """Returns the file with an ordinary header, and its orientation as in EXIF.

    Raises ValueError if it is damaged, and Rejected `unsupported-format` for gain maps and other codings.
    """
    found = find(data, [b"mini"])
    if found is None:
        raise ValueError("its header is missing")
    mini = _read(data[found.body : found.end])
    return _written(mini), mini.orientation


def _read(mini: bytes) -> _Mini:
    head = mini[:_HEADER_BYTES]
    bits = _Bits(head)
    if bits.read(2):
        raise unread("an AVIF with a minimized header of an unknown version")
    other_codec, is_float, full_range, has_alpha, has_cicp, hdr, has_icc, has_exif, has_xmp = (
        bool(bits.read(1)) for _ in range(9)
    )
    if other_codec or is_float or hdr:
        raise unread("an AVIF with a minimized header and a gain map, HDR metadata or another coding")
    subsampling, orientation, side_bits = bits.read(2), bits.read(3) + 1, 15 if bits.read(1) else 7
    width, height = bits.read(side_bits) + 1, bits.read(side_bits) + 1
    bits.read({1: 2, 2: 1}.get(subsampling, 0))  # the position of chroma samples
    depth = 9 + bits.read(3) if bits.read(1) else 8
    premultiplied = bool(bits.read(1)) if has_alpha else False
    nclx = _nclx(bits, has_cicp, has_icc, subsampling > 0) + bytes((full_range << 7,))
    sizes = _sizes(bits, has_icc, has_exif + has_xmp, has_alpha)
    alpha_configuration, main_configuration, icc, alpha, main = _parts(mini, bits.bytes_read(len(head)), sizes)
    return _Mini(
        width,
        height,
        orientation,
        depth,
        3 if subsampling else 1,
        nclx,
        icc,
        _Item(main_configuration, main),
        _Item(alpha_configuration or main_configuration, alpha) if alpha else None,
        premultiplied,
    )


def _sizes(bits: _Bits, has_icc: bool, notes: int, has_alpha: bool) -> tuple[int, ...]:
    """Reads the number of bytes of each part, in the order of the parts in the file.

    The parts are alpha's configuration, the main configuration, the ICC profile, alpha and the main picture. `notes` is
    the number of EXIF and XMP parts, which follow and are not needed.
    """
    metadata_bits = (20 if bits.read(1) else 10) if has_icc or notes else 0
    configuration_bits, data_bits = 12 if bits.read(1) else 3, 28 if bits.read(1) else 15
    icc_bytes = bits.read(metadata_bits) + 1 if has_icc else 0
    main_configuration_bytes, main_bytes = bits.read(configuration_bits), bits.read(data_bits) + 1
    alpha_bytes = bits.read(data_bits) if has_alpha else 0
    alpha_configuration_bytes = bits.read(configuration_bits) if alpha_bytes else 0
    if notes:
        bits.read(1 + metadata_bits * notes)
    return alpha_configuration_bytes, main_configuration_bytes, icc_bytes, alpha_bytes, main_bytes


def _parts(mini: bytes, at: int, sizes: tuple[int, ...]) -> list[bytes]:
    parts = []
    for size in sizes:
        parts.append(mini[at : at + size])
        at += size
    if at > len(mini):
        raise ValueError("its end is missing")
    return parts


def _nclx(bits: _Bits, has_cicp: bool, has_icc: bool, has_chroma: bool) -> bytes:
    """Returns primaries, transfer and matrix. The defaults are in table O.3."""
    if has_cicp:
        return struct.pack(">HHH", bits.read(8), bits.read(8), bits.read(8) if has_chroma else _UNSPECIFIED)
    primaries, transfer = (_UNSPECIFIED, _UNSPECIFIED) if has_icc else (_SRGB_PRIMARIES, _SRGB_TRANSFER)
    return struct.pack(">HHH", primaries, transfer, _MATRIX_BT601 if has_chroma else _UNSPECIFIED)


def _written(mini: _Mini) -> bytes:
    items = [mini.main, mini.alpha] if mini.alpha else [mini.main]
    properties = [
        box(b"ispe", struct.pack(">III", 0, mini.width_px, mini.height_px)),
        box(b"pixi", bytes((0, 0, 0, 0, mini.channels)) + bytes((mini.bits,)) * mini.channels),
        box(b"av1C", mini.main.configuration),
        box(b"colr", b"nclx" + mini.nclx),
    ]
    if mini.icc:
        properties.append(box(b"colr", b"prof" + mini.icc))
    associated = [[1, 2, 0x80 | 3, *range(4, len(properties) + 1)]]
    references = b""
    if mini.alpha:
        first = len(properties) + 1
        properties += [
            box(b"pixi", bytes((0, 0, 0, 0, 1, mini.bits))),
            box(b"av1C", mini.alpha.configuration),
            box(b"auxC", bytes(4) + _ALPHA),
        ]
        associated.append([1, first, 0x80 | first + 1, first + 2])
        references = box(b"auxl", struct.pack(">HHH", 2, 1, 1))
        if mini.premultiplied:
            references += box(b"prem", struct.pack(">HHH", 1, 1, 2))
    listed = b"".join(struct.pack(">HB", n, len(them)) + bytes(them) for n, them in enumerate(associated, 1))
    entries = b"".join(
        box(b"infe", struct.pack(">IHH4sB", 2 << 24, n, 0, b"av01", 0)) for n in range(1, len(items) + 1)
    )
    before = [
        box(b"hdlr", bytes(8) + b"pict" + bytes(13)),
        box(b"pitm", struct.pack(">IH", 0, 1)),
        box(b"iinf", struct.pack(">IH", 0, len(items)) + entries),
        box(b"iprp", box(b"ipco", b"".join(properties)) + box(b"ipma", struct.pack(">II", 0, len(items)) + listed)),
        box(b"iref", bytes(4) + references) if references else b"",
    ]
    start = box(b"ftyp", b"avif" + bytes(4) + b"avifmif1miaf")
    location_bytes = 8 + 4 + 2 + 2 + 14 * len(items)
    at = len(start) + 12 + sum(map(len, before)) + location_bytes + 8
    locations = struct.pack(">IHH", 0, 0x4400, len(items))
    for number, item in enumerate(items, 1):
        locations += struct.pack(">HHHII", number, 0, 1, at, len(item.data))
        at += len(item.data)
    meta = box(b"meta", bytes(4) + b"".join(before) + box(b"iloc", locations))
    return start + meta + box(b"mdat", b"".join(item.data for item in items))
