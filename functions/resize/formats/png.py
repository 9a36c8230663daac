"""PNG: checks of the structure (PNG specification, third edition), and pixels by libspng or Pillow."""

import functools
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from PIL import Image, ImageFile

from functions.resize.damage import second_opinion
from functions.resize.deep import Deep, from_values
from functions.resize.formats import libspng
from functions.resize.formats.base import Decoded, Encoder, Format, Opened, loaded, orientation_of, seek_frames, whole
from functions.resize.space import DEFAULT_PEAK_NITS, Chromaticities, Coded, Measured, Profile, Space
from shared.limits import MAX_PROFILE_BYTES, Limits

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHUNK_BYTES = 12  # length, type and checksum
# The ancillary chunks that decoders need. Others are removed, because decoders refuse pictures with long texts.
_KEPT = {b"tRNS", b"acTL", b"fcTL", b"fdAT"}
_READ_HERE = {b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"mDCV", b"cLLI", b"eXIf"}
# Pillow takes a quarter of a minute for a whole file of empty chunks.
_MAX_CHUNKS = 200_000
_SRGB_GAMMA = 45_455
# Values per pixel by colour type. The first column and row of each pass of an interlaced picture, and its steps.
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
# Bytes inflated at once; they become at most a thousand times as many bytes.
_PIECE_BYTES = 65_536
# The bit depths that each colour type may have (table 8).
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


class Header(NamedTuple):
    """The fields of IHDR; the kinds of chunks; the ranges of bytes of the pixels and of unneeded chunks."""

    width_px: int
    height_px: int
    depth: int
    colour: int
    interlaced: bool
    chunks: frozenset[bytes]
    pixels: list[tuple[int, int]]
    dropped: list[tuple[int, int]]
    exif: bytes | None
    space: Space


class _Chunk(NamedTuple):
    """One chunk: its kind, its start and end, and the start and end of its body, which excludes length, type and
    checksum.
    """

    kind: bytes
    start: int
    body: int
    body_end: int
    end: int

    @property
    def critical(self) -> bool:
        return not self.kind[0] & 0x20


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """Yields the chunks of the PNG in `data` up to IEND, each one checked to be whole.

    Raises ValueError if a chunk is truncated, a critical chunk has a wrong checksum, or there are too many chunks.
    """
    at = len(SIGNATURE)
    view = memoryview(data)
    for _ in range(_MAX_CHUNKS):
        if at + _CHUNK_BYTES > len(data):
            raise ValueError("its end is missing")
        length, kind = struct.unpack_from(">I4s", data, at)
        chunk = _Chunk(kind, at, at + 8, at + 8 + length, at + _CHUNK_BYTES + length)
        if chunk.end > len(data):
            raise ValueError("its end is missing")
        checksum = int.from_bytes(data[chunk.body_end : chunk.end])
        if chunk.critical and zlib.crc32(view[at + 4 : chunk.body_end]) != checksum:
            raise ValueError(f"a checksum is wrong ({kind.decode('latin-1')})")
        yield chunk
        if kind == b"IEND":
            return
        at = chunk.end
    raise ValueError(f"more than {_MAX_CHUNKS:,} chunks")


def read(data: bytes) -> Header:
    """Reads the header of the PNG in `data` and checks every critical chunk.

    Pillow does not compare the checksums of the pixels and accepts a file without its end; a browser shows half of it.
    Raises ValueError with the reason.
    """
    chunks = list(_chunks(data))
    kinds = frozenset(chunk.kind for chunk in chunks)
    dropped = [chunk for chunk in chunks if not chunk.critical and chunk.kind not in _KEPT]
    notes = {chunk.kind: data[chunk.body : chunk.body_end] for chunk in reversed(dropped) if chunk.kind in _READ_HERE}
    width, height, depth, colour, interlaced = _ihdr(data, chunks[0])
    if b"IDAT" not in kinds:
        raise ValueError("its pixels are missing")
    if colour == 3 and b"PLTE" not in kinds:
        raise ValueError("its palette is missing")
    return Header(
        width,
        height,
        depth,
        colour,
        interlaced,
        kinds,
        [(chunk.body, chunk.body_end) for chunk in chunks if chunk.kind == b"IDAT"],
        [(chunk.start, chunk.end) for chunk in dropped],
        notes.get(b"eXIf"),
        _space(notes),
    )


def _ihdr(data: bytes, chunk: _Chunk) -> tuple[int, int, int, int, bool]:
    """Reads width, height, bit depth, colour type and interlacing. Raises ValueError if a value is not allowed."""
    if chunk.kind != b"IHDR" or chunk.body_end - chunk.body != 13:
        raise ValueError("its header is missing")
    width, height, depth, colour, compression, filtering, interlace = struct.unpack_from(">IIBBBBB", data, chunk.body)
    if depth not in _DEPTHS.get(colour, ()) or compression or filtering or interlace > 1:
        raise ValueError("its header makes no sense")
    return width, height, depth, colour, bool(interlace)


def declared_size(data: bytes) -> tuple[int, int]:
    """Reads width and height in pixels. Raises ValueError if the header is missing."""
    if data[12:16] != b"IHDR" or len(data) < 24:
        raise ValueError("its header is missing")
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _space(chunks: dict[bytes, bytes]) -> Space:
    """Returns the space that the chunks name: cICP before iCCP before sRGB before gAMA and cHRM (section 4.3)."""
    cicp = chunks.get(b"cICP", b"")
    if len(cicp) == 4 and cicp[2] == 0:  # RGB, the only matrix that PNG allows
        return Coded(cicp[0], cicp[1], narrow=cicp[3] == 0, peak_nits=_peak_nits(chunks))
    if profile := _profile(chunks.get(b"iCCP", b"")):
        return Profile(profile)
    gamma, corners = int.from_bytes(chunks.get(b"gAMA", b"")[:4]), chunks.get(b"cHRM", b"")
    if b"sRGB" in chunks or not gamma:
        return None
    if len(corners) == 32:
        return Measured(100_000 / gamma, _chromaticities(corners))
    # Many encoders write this gamma for sRGB, and browsers treat it as sRGB.
    return None if gamma == _SRGB_GAMMA else Measured(100_000 / gamma, None)


def _chromaticities(chunk: bytes) -> Chromaticities:
    numbers = [value / 100_000 for value in struct.unpack(">8i", chunk)]
    white, red, green, blue = zip(numbers[::2], numbers[1::2], strict=True)
    return Chromaticities(white, red, green, blue)


def _peak_nits(chunks: dict[bytes, bytes]) -> float:
    """Returns the brightest light in the picture, or else of its mastering display, in cd/m2."""
    for kind, at in ((b"cLLI", 0), (b"mDCV", 16)):
        nits = int.from_bytes(chunks.get(kind, b"")[at : at + 4]) / 10_000
        if nits:
            return nits
    return DEFAULT_PEAK_NITS


def _profile(chunk: bytes) -> bytes | None:
    """Inflates the ICC profile in an iCCP chunk (section 11.3.2.3). Returns None if it is broken or too long."""
    inflater = zlib.decompressobj()
    try:
        profile = inflater.decompress(chunk[chunk.index(b"\0") + 2 :], MAX_PROFILE_BYTES)
    except (ValueError, zlib.error):
        return None
    return profile if inflater.eof else None


def _bare(data: bytes, header: Header) -> bytes:
    """Returns `data` without the chunks that no decoder needs."""
    if not header.dropped:
        return data
    edges = [0, *(at for span in header.dropped for at in span), len(data)]
    return b"".join(data[edges[i] : edges[i + 1]] for i in range(0, len(edges), 2))


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
    data = _bare(data, header)
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
