"""GIF: how many frames there are, and each as browsers show it (GIF89a specification, sections 17 to 27)."""

import io
import struct
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from PIL import Image

from shared.limits import MAX_IMAGE_PIXELS

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_HEADER_BYTES, _IMAGE_BYTES = 13, 10
_CONTROL = b"\xf9\4"
# What becomes of a frame before the next: its place is cleared, or is as before. 4 is a mistake that some made for 3.
_CLEAR, _RESTORE = 2, {3, 4}


class _Frame(NamedTuple):
    """Where a frame's bytes begin and end, and the four of its control block: flags, duration, transparent index."""

    start: int
    end: int
    control: bytes


def _frames(data: bytes) -> Iterator[_Frame]:
    """The frames of the GIF in `data`; of a broken file those before the break."""
    at, control = _HEADER_BYTES + _table_bytes(data, 10), bytes(4)
    while at < len(data):
        kind = data[at]
        if kind == _EXTENSION:
            if data[at + 1 : at + 3] == _CONTROL:
                control = data[at + 3 : at + 7]
            at = _after_blocks(data, at + 2)
        elif kind == _IMAGE:
            end = _after_blocks(data, at + _IMAGE_BYTES + _table_bytes(data, at + 9) + 1)
            yield _Frame(at, end, control)
            at, control = end, bytes(4)
        elif kind == _TRAILER:
            break
        else:
            at += 1  # stray bytes between blocks: decoders step over them


def size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels of the canvas."""
    return int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")


def count_frames(data: bytes, most: int) -> int:
    """The frames of the GIF in `data`, counted no further than `most`; a broken file has those before the break."""
    return max(sum(1 for _ in islice(_frames(data), most)), 1)


def fills_canvas(data: bytes, size: tuple[int, int]) -> bool:
    """Whether the first frame covers all of the canvas of `size`, width and height in pixels."""
    frame = next(_frames(data), None)
    return frame is None or struct.unpack_from("<4H", data, frame.start + 1) == (0, 0, *size)


def shown(data: bytes, size: tuple[int, int]) -> Iterator[tuple[Image.Image, int]]:
    """Each frame on the canvas of `size`, RGB or RGBA, and its duration in milliseconds.

    As browsers do: where no frame has drawn, or one was cleared away, nothing is, not the background's colour; what
    is outside the canvas, or has no table of colours, does not show. Pillow decodes frame by frame, each as a file of
    its own, as it does none of this.
    Raises what Pillow does over broken frames.
    """
    canvas = Image.new("RGBA", size)
    for frame in _frames(data):
        left, upper, width, height = struct.unpack_from("<4H", data, frame.start + 1)
        disposal = frame.control[0] >> 2 & 7
        before = canvas.copy() if disposal in _RESTORE else None
        coloured = _table_bytes(data, 10) or _table_bytes(data, frame.start + 9)
        if width and height and coloured:
            _draw(canvas, _decoded(data, frame, width * height), left, upper)
        opaque = canvas.getchannel("A").getextrema() == (255, 255)
        yield canvas.convert("RGB") if opaque else canvas.copy(), int.from_bytes(frame.control[1:3], "little") * 10
        if before is not None:
            canvas = before
        elif disposal == _CLEAR:
            canvas.paste((0, 0, 0, 0), (left, upper, left + width, upper + height))


def _draw(canvas: Image.Image, frame: Image.Image, left: int, upper: int) -> None:
    """Puts what of the frame is on the canvas there. By a name of its own no large picture outlives its use."""
    inside = min(frame.width, canvas.width - left), min(frame.height, canvas.height - upper)
    if min(inside) > 0:
        patch = (frame if inside == frame.size else frame.crop((0, 0, *inside))).convert("RGBA")
        canvas.paste(patch, (left, upper), patch)


def _decoded(data: bytes, frame: _Frame, pixels: int) -> Image.Image:
    """One frame's own pixels, by Pillow."""
    from PIL.GifImagePlugin import GifImageFile

    if pixels > MAX_IMAGE_PIXELS:
        raise ValueError("a frame is larger than any picture may be")
    size = data[frame.start + 5 : frame.start + 9]
    # Only the table that counts: of two, one of them grey, Pillow makes a mode that it cannot convert.
    own = _table_bytes(data, frame.start + 9)
    tables = bytes(3) if own else data[10 : _HEADER_BYTES + _table_bytes(data, 10)]
    control = b"!" + _CONTROL + bytes((frame.control[0] & 1, 0, 0, frame.control[3])) + b"\0"
    image = b"," + bytes(4) + data[frame.start + 5 : frame.end]
    return GifImageFile(io.BytesIO(b"GIF89a" + size + tables + control + image + bytes((_TRAILER,))))


def _table_bytes(data: bytes, at: int) -> int:
    """The size of the colour table that the flags at `at` announce."""
    flags = data[at] if at < len(data) else 0
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    """Where the chain of sub-blocks that begins at `at` has ended."""
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at + 1
