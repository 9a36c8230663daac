"""PNG's structure: are its chunks whole and in order, and is it an animation (PNG specification, third edition)."""

import ctypes
import functools
import importlib.util
import struct
import zlib
from typing import NamedTuple

from PIL import Image

from shared.limits import MAX_PROFILE_BYTES

_SIGNATURE_BYTES = 8
_CHUNK_BYTES = 12  # length, type and checksum
# The ancillary chunks that say what pixels look like; of the others a rendition needs none.
_KEPT = {b"tRNS", b"acTL", b"fcTL", b"fdAT"}
# A whole file of empty chunks takes Pillow a quarter of a minute.
_MAX_CHUNKS = 200_000
# libspng's spng.h: use a chunk whatever its checksum; write pixels as the file stores them.
_CRC_USE, _FORMAT_AS_STORED = 2, 256
# How many values a pixel of each colour type has; where each pass of an interlaced picture begins, and its steps.
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
# So much is inflated at once: at most a thousand times as much comes out.
_PIECE_BYTES = 65_536
# The bit depths that each colour type may have (table 8).
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


class Header(NamedTuple):
    """The picture's header and where its pixels and the chunks in `dropped` are: bytes from and to."""

    width_px: int
    height_px: int
    depth: int
    colour: int
    interlaced: bool
    chunks: frozenset[bytes]
    pixels: list[tuple[int, int]]
    dropped: list[tuple[int, int]]
    exif: bytes | None
    profile: bytes | None


def read(data: bytes) -> Header:
    """The header of the PNG in `data`, after a check of every critical chunk.

    Pillow leaves the checksum of the pixels unread and takes a file without its end; a browser shows half of it.
    Raises ValueError that says what is wrong.
    """
    at = _SIGNATURE_BYTES
    header: tuple[int, int, int, int, int, int, int] | None = None
    seen: set[bytes] = set()
    pixels: list[tuple[int, int]] = []
    dropped: list[tuple[int, int]] = []
    once: dict[bytes, tuple[int, int]] = {}
    count = 0
    view = memoryview(data)
    while b"IEND" not in seen:
        if at + _CHUNK_BYTES > len(data):
            raise ValueError("its end is missing")
        length, kind = struct.unpack_from(">I4s", data, at)
        body, end = at + 8, at + 8 + length
        if end + 4 > len(data):
            raise ValueError("its end is missing")
        count += 1
        if count > _MAX_CHUNKS:
            raise ValueError(f"more than {_MAX_CHUNKS:,} chunks")
        critical = not kind[0] & 0x20
        if critical and zlib.crc32(view[at + 4 : end]) != int.from_bytes(data[end : end + 4]):
            raise ValueError(f"a checksum is wrong ({kind.decode('latin-1')})")
        if header is None:
            if kind != b"IHDR" or length != 13:
                raise ValueError("its header is missing")
            header = struct.unpack_from(">IIBBBBB", data, body)
        if kind == b"IDAT":
            pixels.append((body, end))
        if not critical and kind not in _KEPT:
            dropped.append((at, end + 4))
            once.setdefault(kind, (body, end))
        seen.add(kind)
        at = end + 4
    assert header is not None
    width, height, depth, colour, compression, filtering, interlace = header
    if depth not in _DEPTHS.get(colour, ()) or compression or filtering or interlace > 1:
        raise ValueError("its header makes no sense")
    if not pixels:
        raise ValueError("its pixels are missing")
    if colour == 3 and b"PLTE" not in seen:
        raise ValueError("its palette is missing")
    profile = _profile(data[slice(*once[b"iCCP"])]) if b"iCCP" in once else None
    exif = data[slice(*once[b"eXIf"])] if b"eXIf" in once else None
    return Header(width, height, depth, colour, bool(interlace), frozenset(seen), pixels, dropped, exif, profile)


def _profile(chunk: bytes) -> bytes | None:
    """The ICC profile in an iCCP chunk (section 11.3.2.3), or None if it is broken or longer than profiles are."""
    inflater = zlib.decompressobj()
    try:
        profile = inflater.decompress(chunk[chunk.index(b"\0") + 2 :], MAX_PROFILE_BYTES)
    except (ValueError, zlib.error):
        return None
    return profile if inflater.eof else None


def bare(data: bytes, header: Header) -> bytes:
    """`data` without the chunks that no rendition needs: decoders refuse a picture for long texts or one bad note."""
    if not header.dropped:
        return data
    edges = [0, *(at for span in header.dropped for at in span), len(data)]
    return b"".join(data[edges[i] : edges[i + 1]] for i in range(0, len(edges), 2))


def transparent_value(header: Header, key: object) -> object:
    """tRNS's one transparent grey or colour as Pillow's pixels have it: they are 8 bits deep, and `key` is not."""
    if header.colour == 2 and header.depth == 16 and isinstance(key, tuple):
        return tuple(value >> 8 for value in key)
    if header.colour == 0 and header.depth in {2, 4} and isinstance(key, int):
        return key * 255 // (2**header.depth - 1)
    return key


def check_rows(data: bytes, image: Image.Image) -> None:
    """Raises ValueError if the PNG in `data` ends before its last row, which Pillow leaves zero in `image` then.

    Pillow sees a stream of pixels that breaks off, not one that was ended too early.
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
    """How many bytes all rows have, each after a byte that names its filter."""
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
    library = _libspng() if header.depth == 8 and header.colour in {2, 6} and b"tRNS" not in header.chunks else None
    if library is None:
        return None
    mode = "RGB" if header.colour == 2 else "RGBA"
    pixels = bytearray(header.width_px * header.height_px * len(mode))
    context = library.spng_ctx_new(0)
    try:
        library.spng_set_crc_action(context, _CRC_USE, _CRC_USE)  # `read` has compared the checksums
        status = library.spng_set_png_buffer(context, data, len(data))
        memory = (ctypes.c_char * len(pixels)).from_buffer(pixels)
        status = status or library.spng_decode_image(context, memory, len(pixels), _FORMAT_AS_STORED, 0)
        if status:
            raise ValueError(library.spng_strerror(status).decode())
    finally:
        library.spng_ctx_free(context)
    return Image.frombuffer(mode, (header.width_px, header.height_px), pixels, "raw", mode, 0, 1)


@functools.cache
def _libspng() -> ctypes.CDLL | None:
    """Loads the libspng inside pyspng's extension module. Returns None where that is missing; Pillow decodes then.

    ctypes spares the import of NumPy, which pyspng's own binding needs: 0.3 s.
    """
    found = importlib.util.find_spec("_pyspng_c")
    if found is None or found.origin is None:
        return None
    try:
        library = ctypes.CDLL(found.origin)
        library.spng_ctx_new.argtypes = (ctypes.c_int,)
        library.spng_ctx_new.restype = ctypes.c_void_p
        library.spng_ctx_free.argtypes = (ctypes.c_void_p,)
        library.spng_set_crc_action.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_int)
        library.spng_set_png_buffer.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t)
        library.spng_decode_image.argtypes = (
            ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int,
        )  # fmt: skip
        library.spng_strerror.argtypes = (ctypes.c_int,)
        library.spng_strerror.restype = ctypes.c_char_p
    except (OSError, AttributeError):
        return None
    return library
