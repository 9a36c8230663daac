"""JPEG files taken apart, for tests of the decoder of our own."""

import io
from collections.abc import Iterator

from PIL import Image

from functions.resize import scaled_jpeg

SCALES = [1, 2, 3, 4]


def scaled(data: bytes, scale: int) -> Image.Image | None:
    """What the decoder makes of a file whose header Pillow can read."""
    image = Image.open(io.BytesIO(data))
    return scaled_jpeg.decode(data, image.mode, image.size, scale)


def segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) of each segment up to the first scan's."""
    at = 2
    while True:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        yield marker, at, at + 2 + length
        if marker == 0xDA:
            return
        at += 2 + length


def first(data: bytes, marker: int) -> tuple[int, int]:
    return next((start, end) for found, start, end in segments(data) if found == marker)


def changed(data: bytes, at: int, value: int) -> bytes:
    return data[:at] + bytes([value]) + data[at + 1 :]
