"""ICO: the best picture of an icon, found before anything is decoded (Windows' ICONDIR)."""

import struct

from functions.resize.formats import png, png_chunks
from functions.resize.formats.base import Format, Opened, loaded, starts_with
from shared.limits import Limits

_ENTRY = struct.Struct("<BBBxHHII")  # width, height (0 means 256), colours (0 means many), planes, bits, bytes, offset
_HEADER_BYTES = 6


def _largest(data: bytes) -> bytes:
    """Returns the largest picture of the icon in `data`, as a PNG or as an icon with one picture. Of several largest
    pictures, it returns the most colourful.

    Raises ValueError if there is none.
    """
    table = data[_HEADER_BYTES : _HEADER_BYTES + _ENTRY.size * int.from_bytes(data[4:6], "little")]
    if not table or len(table) % _ENTRY.size:
        raise ValueError("its pictures are missing")
    width, height, colours, planes, bits, size, offset = max(_ENTRY.iter_unpack(table), key=_rank)
    if data.startswith(png_chunks.SIGNATURE, offset):
        return data[offset:]
    entry = _ENTRY.pack(width, height, colours, planes, bits, size, _HEADER_BYTES + _ENTRY.size)
    return b"\0\0\1\0\1\0" + entry + data[offset : offset + size]


def _rank(entry: tuple[int, ...]) -> tuple[int, int]:
    width, height, colours, _, bits, *_ = entry
    return (width or 256) * (height or 256), bits or (colours - 1).bit_length() or 8


def _size(data: bytes) -> tuple[int, int]:
    """Reads the largest picture's width and height in pixels. Raises struct.error if its header is missing."""
    icon = _largest(data)
    if icon.startswith(png_chunks.SIGNATURE):
        return png_chunks.declared_size(icon)
    at = _HEADER_BYTES + _ENTRY.size
    old = icon[at : at + 4] == b"\x0c\0\0\0"
    width, height = struct.unpack_from("<HH" if old else "<ii", icon, at + 4)
    return abs(width), abs(height) // 2  # the picture is followed by a mask of the same height


def _open(data: bytes, limits: Limits) -> Opened:
    icon = _largest(data)
    if icon.startswith(png_chunks.SIGNATURE):
        return png.open_still(icon, limits)
    image = FORMAT.pillow(icon)
    return Opened(*image.size, decode=lambda *_: loaded(image))


FORMAT = Format(
    "ICO",
    ("PIL.IcoImagePlugin", "IcoImageFile"),
    ("image/x-icon", "image/vnd.microsoft.icon"),
    starts_with(b"\0\0\1\0"),
    _open,
    _size,
)
