"""The chunks of a PNG (PNG specification, third edition): its header, its colour space, and checks of the structure."""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from functions.resize.space import DEFAULT_PEAK_NITS, Chromaticities, Coded, Measured, Profile, Space
from shared.limits import MAX_PROFILE_BYTES

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHUNK_BYTES = 12  # length, type and checksum
# The ancillary chunks that decoders need. Others are removed, because decoders refuse pictures with long texts.
_KEPT = {b"tRNS", b"acTL", b"fcTL", b"fdAT"}
_READ_HERE = {b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"mDCV", b"cLLI", b"eXIf"}
# Pillow takes a quarter of a minute for a whole file of empty chunks.
_MAX_CHUNKS = 200_000
_SRGB_GAMMA = 45_455
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


def bare(data: bytes, header: Header) -> bytes:
    """Returns `data` without the chunks that no decoder needs."""
    if not header.dropped:
        return data
    edges = [0, *(at for span in header.dropped for at in span), len(data)]
    return b"".join(data[edges[i] : edges[i + 1]] for i in range(0, len(edges), 2))
