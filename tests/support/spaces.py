"""PNG and AVIF files that name their colour space by chunks and boxes, for tests."""

import struct
import zlib

from PIL import Image

from tests.support import pictures


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(width: int, height: int, header: tuple[int, ...], rows: bytes, *before: bytes) -> bytes:
    """Return a PNG with these header fields (depth, colour, compression, filter, interlace) and earlier chunks."""
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">II5B", width, height, *header))
    return start + b"".join(before) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def png(image: Image.Image, *chunks: bytes) -> bytes:
    data = pictures.encoded(image, "PNG")
    return data[:33] + b"".join(chunks) + data[33:]


def cicp(primaries: int, transfer: int, full_range: int = 1) -> bytes:
    return chunk(b"cICP", bytes((primaries, transfer, 0, full_range)))


def gamma(value: int) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", value))


def with_nclx(data: bytes, primaries: int, transfer: int) -> bytes:
    at = data.index(b"nclx") + 4
    return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]


def avif(image: Image.Image, primaries: int, transfer: int, **options: object) -> bytes:
    data = pictures.encoded(image, "AVIF", quality=100, subsampling="4:4:4", **options)
    return with_nclx(data, primaries, transfer)
