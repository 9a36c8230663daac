"""ICO: the one picture of an icon that is worth showing, found before anything is decoded (Windows' ICONDIR)."""

import struct

from functions.resize.sniff import PNG_START

_ENTRY = struct.Struct("<BBBxHHII")  # width, height (0 is 256), colours (0 is many), planes, bits, bytes, offset
_HEADER_BYTES = 6


def largest(data: bytes) -> bytes:
    """The largest picture of the icon in `data`, of these the one with most colours: a PNG, or an icon of it alone.

    Raises ValueError if there is none.
    """
    table = data[_HEADER_BYTES : _HEADER_BYTES + _ENTRY.size * int.from_bytes(data[4:6], "little")]
    if not table or len(table) % _ENTRY.size:
        raise ValueError("its pictures are missing")
    width, height, colours, planes, bits, size, offset = max(_ENTRY.iter_unpack(table), key=_rank)
    if data.startswith(PNG_START, offset):
        return data[offset:]
    entry = _ENTRY.pack(width, height, colours, planes, bits, size, _HEADER_BYTES + _ENTRY.size)
    return b"\0\0\1\0\1\0" + entry + data[offset : offset + size]


def _rank(entry: tuple[int, ...]) -> tuple[int, int]:
    width, height, colours, _, bits, *_ = entry
    return (width or 256) * (height or 256), bits or (colours - 1).bit_length() or 8


def size(icon: bytes) -> tuple[int, int]:
    """Width and height in pixels of the bitmap in an icon of one. Raises struct.error if its header is missing."""
    at = _HEADER_BYTES + _ENTRY.size
    old = icon[at : at + 4] == b"\x0c\0\0\0"
    width, height = struct.unpack_from("<HH" if old else "<ii", icon, at + 4)
    return abs(width), abs(height) // 2  # below the picture is its mask, as high
