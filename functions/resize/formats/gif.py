"""GIF: frames are counted and composed here as browsers do it (GIF89a specification, sections 17 to 27)."""

import struct
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import NamedTuple

from PIL import Image, ImageFile

from functions.resize.formats.base import Decoded, Format, Frame, Opened, loaded, profile_of, starts_with, whole
from shared.limits import MAX_IMAGE_PIXELS, Limits

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_HEADER_BYTES, _IMAGE_BYTES = 13, 10
_CONTROL = b"\xf9\4"
# Disposal methods: clear the frame's rectangle, or restore the canvas. Some encoders write 4 for 3 by mistake.
_CLEAR, _RESTORE = 2, {3, 4}


class _Frame(NamedTuple):
    """A frame's bytes from `start` to `end`, and the four bytes of its control block: flags, duration, transparent
    index.
    """

    start: int
    end: int
    control: bytes


def _frames(data: bytes) -> Iterator[_Frame]:
    """Yields the frames of the GIF in `data`; in a broken file, the frames before the break."""
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
            at += 1  # decoders step over stray bytes between blocks


def _size(data: bytes) -> tuple[int, int]:
    """Reads the canvas's width and height in pixels."""
    return int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")


def count_frames(data: bytes, most: int) -> int:
    """Counts the frames of the GIF in `data`, up to `most`. Pillow would decode them all to count them."""
    return max(sum(1 for _ in islice(_frames(data), most)), 1)


def fills_canvas(data: bytes, size: tuple[int, int]) -> bool:
    """Tells whether the first frame covers the whole canvas of `size`, width and height in pixels."""
    frame = next(_frames(data), None)
    return frame is None or struct.unpack_from("<4H", data, frame.start + 1) == (0, 0, *size)


def composed(data: bytes, size: tuple[int, int]) -> Iterator[Frame]:
    """Yields each frame on the canvas of `size`, RGB or RGBA.

    Follows browsers: cleared or never drawn pixels are transparent and do not take the background's colour. Pixels
    outside the canvas and frames without a colour table do not show. Pillow does not do this, so it decodes each frame
    as a separate file.
    Raises Pillow's exceptions over broken frames.
    """
    canvas = Image.new("RGBA", size)
    for frame in _frames(data):
        left, upper, width, height = struct.unpack_from("<4H", data, frame.start + 1)
        disposal = frame.control[0] >> 2 & 7
        before = canvas.copy() if disposal in _RESTORE else None
        coloured = _table_bytes(data, 10) or _table_bytes(data, frame.start + 9)
        if width and height and coloured:
            if width * height > max(MAX_IMAGE_PIXELS, size[0] * size[1]):
                raise ValueError("a frame is larger than any picture may be")
            _draw(canvas, _decoded(data, frame), left, upper)
        opaque = canvas.getchannel("A").getextrema() == (255, 255)
        duration = int.from_bytes(frame.control[1:3], "little") * 10
        yield Frame(canvas.convert("RGB") if opaque else canvas.copy(), duration)
        if before is not None:
            canvas = before
        elif disposal == _CLEAR:
            canvas.paste((0, 0, 0, 0), (left, upper, left + width, upper + height))


def _draw(canvas: Image.Image, frame: Image.Image, left: int, upper: int) -> None:
    """Pastes the frame's part inside the canvas. As a separate function it frees large pictures on return."""
    inside = min(frame.width, canvas.width - left), min(frame.height, canvas.height - upper)
    if min(inside) > 0:
        patch = (frame if inside == frame.size else frame.crop((0, 0, *inside))).convert("RGBA")
        canvas.paste(patch, (left, upper), patch)


def _decoded(data: bytes, frame: _Frame) -> Image.Image:
    """Opens one frame with Pillow, as a separate file."""
    size = data[frame.start + 5 : frame.start + 9]
    # Only the table in use: from a grey and a coloured table Pillow makes a mode that it cannot convert.
    own = _table_bytes(data, frame.start + 9)
    tables = bytes(3) if own else data[10 : _HEADER_BYTES + _table_bytes(data, 10)]
    control = b"!" + _CONTROL + bytes((frame.control[0] & 1, 0, 0, frame.control[3])) + b"\0"
    image = b"," + bytes(4) + data[frame.start + 5 : frame.end]
    return FORMAT.pillow(b"GIF89a" + size + tables + control + image + bytes((_TRAILER,)))


def _table_bytes(data: bytes, at: int) -> int:
    """Returns the size of the colour table that the flags at `at` announce."""
    flags = data[at] if at < len(data) else 0
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    """Returns the end of the chain of sub-blocks that begins at `at`."""
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at + 1


def _open(data: bytes, limits: Limits) -> Opened:
    image = FORMAT.pillow(data)
    return Opened(
        *image.size,
        decode=lambda *_: _decode(data, image),
        space=profile_of(image),
        frames=count_frames(data, limits.max_frames + 1),
        animate=partial(composed, data, image.size),
        loops=_loops(image.info.get("loop")),
    )


def _decode(data: bytes, image: ImageFile.ImageFile) -> Decoded:
    if fills_canvas(data, image.size):
        return loaded(image)
    return whole(next(composed(data, image.size)).image)


def _loops(repetitions: int | None) -> int:
    """Converts GIF's count, the repetitions after the first time, to the number of plays; 0 means for ever."""
    if repetitions is None:
        return 1
    return repetitions + 1 if repetitions else 0


FORMAT = Format(
    "GIF", ("PIL.GifImagePlugin", "GifImageFile"), ("image/gif",), starts_with(b"GIF87a", b"GIF89a"), _open, _size
)
