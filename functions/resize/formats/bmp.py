"""BMP, by Pillow."""

from functions.resize.formats.base import Format, Opened, loaded
from shared.limits import Limits

# The sizes of all BMP headers. A file that starts with "BM" and has another size is some text.
_HEADER_SIZES = {size.to_bytes(4, "little") for size in (12, 16, 40, 52, 56, 64, 108, 124)}


def _matches(head: bytes) -> bool:
    return head.startswith(b"BM") and head[14:18] in _HEADER_SIZES


def _open(data: bytes, _: Limits) -> Opened:
    image = FORMAT.pillow(data)
    return Opened(*image.size, decode=lambda *_: loaded(image))


FORMAT = Format("BMP", ("PIL.BmpImagePlugin", "BmpImageFile"), ("image/bmp",), _matches, _open)
