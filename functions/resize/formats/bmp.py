"""BMP. Pillow decodes it, or bmp_pixels.py where Pillow cannot."""

from functions.resize.damage import second_opinion
from functions.resize.formats import bmp_pixels
from functions.resize.formats.base import Decoded, Format, Opened, check_size, loaded, unread, whole
from shared.limits import Limits

# The sizes of all BMP headers. A file that starts with "BM" and has another size is some text.
_HEADER_SIZES = {size.to_bytes(4, "little") for size in (12, 16, 40, 52, 56, 64, 108, 124)}


def _matches(head: bytes) -> bool:
    return head.startswith(b"BM") and head[14:18] in _HEADER_SIZES


def _open(data: bytes, limits: Limits) -> Opened:
    header = bmp_pixels.header(data)
    if header and not header.is_known:
        raise unread(f"a BMP in an unusual coding ({header.compression}, {header.bits} bits a pixel)")
    if header and header.is_read_here:
        return _open_here(data, header, limits)
    return second_opinion(lambda: _open_in_pillow(data), lambda: _open_here(data, header, limits))


def _open_here(data: bytes, header: bmp_pixels.Header | None, limits: Limits) -> Opened:
    if header is None:
        raise ValueError("its header is of OS/2")
    check_size(header.width_px, header.height_px, 1, limits)

    def here() -> Decoded:
        return whole(bmp_pixels.decode(data, header))

    def decode(*_: int) -> Decoded:
        # Pillow would show a part of a picture whose run lengths are cut.
        return here() if header.has_runs else second_opinion(here, lambda: loaded(FORMAT.pillow(data)))

    return Opened(header.width_px, header.height_px, decode=decode)


def _open_in_pillow(data: bytes) -> Opened:
    image = FORMAT.pillow(data)
    return Opened(*image.size, decode=lambda *_: loaded(image))


FORMAT = Format("BMP", ("PIL.BmpImagePlugin", "BmpImageFile"), ("image/bmp",), _matches, _open)
