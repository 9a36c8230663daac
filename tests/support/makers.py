"""Small pictures, at least one for each of the engine's decoders, for tests that damage them."""

import functools
import struct
from collections.abc import Callable

from tests.support import pictures
from tests.support.boxes import minimized
from tests.support.deep import TEN_BIT_RAMP, sixteen_bit_png, ten_bit_heic
from tests.support.spaces import cicp


def _bmp(bits: int, compression: int, rest: bytes) -> bytes:
    """Returns a BMP of 96 x 64 with what follows the 40 bytes of its header."""
    colours = 256 if bits == 8 else 0
    info = struct.pack("<IiiHHIIiiII", 40, 96, 64, 1, bits, compression, 0, 0, 0, colours, 0)
    return struct.pack("<2sIII", b"BM", 54 + len(rest), 0, 54 + (1024 if colours else 12)) + info + rest


def run_lengths() -> bytes:
    """Returns a BMP in run lengths: runs, single values, moves and ends of lines."""
    palette = bytes(value for grey in range(256) for value in (grey, grey, grey, 0))
    line = bytes((40, 7, 0, 3, 1, 2, 3, 0, 0, 2, 5, 0, 20, 200, 0, 0))
    return _bmp(8, 1, palette + line * 64 + b"\0\1")


def bit_fields() -> bytes:
    """Returns a BMP of 16 bits a pixel in fields."""
    return _bmp(16, 3, struct.pack("<3I", 0xF800, 0x07E0, 0x001F) + bytes(range(192)) * 64)


MAKERS: dict[str, Callable[[], bytes]] = {
    "jpeg": lambda: pictures.jpeg(96, 64),
    "progressive": lambda: pictures.jpeg(96, 64, progressive=True),
    "png": lambda: pictures.encoded(pictures.scene(96, 64), "PNG"),
    "gif": lambda: pictures.animated_gif(3),
    "webp": lambda: pictures.encoded(pictures.scene(96, 64), "WEBP"),
    "avif": lambda: pictures.encoded(pictures.scene(96, 64), "AVIF", speed=10),
    "heic": lambda: pictures.heic(96, 64),
    "tiff": lambda: pictures.encoded(pictures.scene(96, 64), "TIFF", compression="tiff_lzw"),
    "bmp": lambda: pictures.encoded(pictures.scene(96, 64), "BMP"),
    "ico": lambda: pictures.encoded(pictures.scene(48, 48), "ICO", sizes=[(48, 48)]),
    "bmp of runs": run_lengths,
    "bmp of fields": bit_fields,
    "minimized avif": lambda: minimized(pictures.encoded(pictures.scene(96, 64), "AVIF", speed=10)),
    "deep avif": lambda: TEN_BIT_RAMP,
    "deep heic": lambda: ten_bit_heic(pictures.scene(96, 64), 9, 16),
    "deep png": lambda: sixteen_bit_png(pictures.scene(96, 64), cicp(9, 16)),
}


@functools.cache
def valid(name: str) -> bytes:
    """Return the small picture of that format."""
    return MAKERS[name]()
