"""PNG: pixels by libspng or Pillow, and a check for missing rows."""

import functools
import zlib
from dataclasses import replace

from PIL import Image, ImageFile

from functions.resize.damage import second_opinion
from functions.resize.deep import Deep, from_values
from functions.resize.formats import libspng
from functions.resize.formats.base import Decoded, Encoder, Format, Opened, loaded, orientation_of, seek_frames, whole
from functions.resize.formats.png_chunks import SIGNATURE, Header, bare, declared_size, read
from functions.resize.space import Coded
from shared.limits import Limits

# Values per pixel by colour type. The first column and row of each pass of an interlaced picture, and its steps.
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
# Bytes inflated at once; they become at most a thousand times as many bytes.
_PIECE_BYTES = 65_536


def _transparent_value(header: Header, key: object) -> object:
    """Scales the one transparent grey or colour of tRNS to 8 bits, as Pillow's pixels are."""
    if header.colour == 2 and header.depth == 16 and isinstance(key, tuple):
        return tuple(value >> 8 for value in key)
    if header.colour == 0 and header.depth in {2, 4} and isinstance(key, int):
        return key * 255 // (2**header.depth - 1)
    return key


def _check_rows(data: bytes, image: Image.Image) -> None:
    """Raises ValueError if the pixels in `data` end before the last row of `image`.

    Pillow notices a broken stream, but not a stream that ends too early: the missing rows stay zero.
    """
    last = [image.crop((0, y, image.width, y + 1)) for y in range(max(0, image.height - 2), image.height)]
    if all(any(row.tobytes()) for row in last):
        return
    header, inflater = read(data), zlib.decompressobj()
    lacking = _inflated_bytes(header)
    for start, end in header.pixels:
        for at in range(start, end, _PIECE_BYTES):
            if lacking > 0 and not inflater.eof:
                lacking -= len(inflater.decompress(data[at : min(at + _PIECE_BYTES, end)]))
    if lacking > 0:
        raise ValueError("its last rows are missing")


def _inflated_bytes(header: Header) -> int:
    """Returns how many bytes all rows have, each with the byte that names its filter."""
    bits = header.depth * _CHANNELS[header.colour]
    total = 0
    for left, upper, across, down in _PASSES if header.interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(header.width_px - left) // across), -(-(header.height_px - upper) // down)
        total += rows * (1 + (columns * bits + 7) // 8) if columns > 0 and rows > 0 else 0
    return total


def decode(data: bytes, header: Header) -> Image.Image | None:
    """Decodes an RGB or RGBA picture of 8 bits with libspng, in two thirds of Pillow's time. Returns None for others.

    Raises ValueError if the pixels are damaged.
    """
    if header.depth != 8 or header.colour not in {2, 6} or b"tRNS" in header.chunks:
        return None
    mode, size = "RGB" if header.colour == 2 else "RGBA", (header.width_px, header.height_px)
    pixels = libspng.pixels(data, size[0] * size[1] * len(mode))
    return Image.frombuffer(mode, size, pixels, "raw", mode, 0, 1) if pixels is not None else None


def _decode_deep(data: bytes, header: Header, needed: tuple[int, int]) -> Deep | None:
    """Decodes an HDR picture in RGB with all its 16 bits. Returns None for others, of which Pillow keeps 8 bits."""
    if header.depth != 16 or header.colour != 2 or b"tRNS" in header.chunks:
        return None
    size = header.width_px, header.height_px
    pixels = libspng.pixels(data, size[0] * size[1] * 6)
    return from_values(memoryview(pixels), size, needed) if pixels is not None else None


def _matches(head: bytes) -> bool:
    return head.startswith(SIGNATURE)


def _open(data: bytes, _: Limits) -> Opened:
    header = read(data)
    data = bare(data, header)
    image = FORMAT.pillow(data)
    if "transparency" in image.info:
        image.info["transparency"] = _transparent_value(header, image.info["transparency"])
    hidden = 1 if image.info.get("default_image") else 0  # the still for viewers without animations
    frames = int(getattr(image, "n_frames", 1)) - hidden
    return Opened(
        *image.size,
        decode=functools.partial(_decode, data, header, image),
        orientation=orientation_of(header.exif),
        space=header.space,
        frames=frames,
        animate=functools.partial(seek_frames, image, hidden, frames),
        loops=int(image.info.get("loop", 0)),
    )


def open_still(data: bytes, limits: Limits) -> Opened:
    """Opens a PNG inside another file as a still picture."""
    return replace(_open(data, limits), frames=1)


def _decode(data: bytes, header: Header, image: ImageFile.ImageFile, width_px: int, height_px: int) -> Decoded:
    needed = width_px, height_px
    hdr = isinstance(header.space, Coded) and header.space.is_hdr
    return second_opinion(
        lambda: _by_libspng(data, header, needed if hdr else None) or _by_pillow(data, image),
        lambda: _by_pillow(data, image),
    )


def _by_libspng(data: bytes, header: Header, deep: tuple[int, int] | None) -> Decoded | None:
    """Decodes with libspng. Returns None for kinds that Pillow decodes.

    `deep` is the needed size of a picture whose 16 bits all count.
    """
    decoded = _decode_deep(data, header, deep) if deep and header.depth == 16 else decode(data, header)
    return whole(decoded) if decoded is not None else None


def _by_pillow(data: bytes, image: ImageFile.ImageFile) -> Decoded:
    decoded = loaded(image)
    _check_rows(data, image)
    return decoded


FORMAT = Format(
    "PNG",
    ("PIL.PngImagePlugin", "PngImageFile"),
    ("image/png", "image/apng"),
    _matches,
    _open,
    declared_size,
    Encoder(lambda _: {"compress_level": 6}),
)
