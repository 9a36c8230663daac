"""AVIF stills of 10 and 12 bits, by the libavif inside Pillow's wheel: Pillow itself reduces them to 8 bits."""

import ctypes
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from functions.resize.deep import Deep, enough, from_values

# libavif's avif.h. The number of the library's interface is in its file's name.
_LIBRARY = "libavif-*.so.16.*"
_OK, _FORMAT_RGB = 0, 0
_DIAGNOSTICS_BYTES = 256  # avifDiagnostics, a text that is not read here


class _Decoder(ctypes.Structure):
    """The first fields of avifDecoder, which libavif allocates."""

    _fields_ = (("options", ctypes.c_int * 10), ("strict", ctypes.c_uint32), ("image", ctypes.c_void_p))


class _Image(ctypes.Structure):
    """The first fields of avifImage, which libavif allocates."""

    _fields_ = (
        ("width", ctypes.c_uint32),
        ("height", ctypes.c_uint32),
        ("depth", ctypes.c_uint32),
        ("format", ctypes.c_int * 3),
        ("planes", ctypes.c_void_p * 3),
        ("rows", ctypes.c_uint32 * 3),
        ("owned", ctypes.c_int),
        ("alpha", ctypes.c_void_p),
    )


class _Rgb(ctypes.Structure):
    """avifRGBImage."""

    _fields_ = (
        ("width", ctypes.c_uint32),
        ("height", ctypes.c_uint32),
        ("depth", ctypes.c_uint32),
        ("format", ctypes.c_int),
        ("options", ctypes.c_int * 6),
        ("threads", ctypes.c_int),
        ("pixels", ctypes.c_void_p),
        ("row_bytes", ctypes.c_uint32),
        ("spare", ctypes.c_uint8 * 64),  # for fields that a later version may add
    )


@functools.cache
def library() -> ctypes.CDLL | None:
    """Loads the library. Returns None where Pillow was built otherwise; Pillow then decodes to 8 bits."""
    folder = Path(Image.__file__).parent.parent / "pillow.libs"
    try:
        found = ctypes.CDLL(str(next(folder.glob(_LIBRARY))))
        found.avifDecoderCreate.restype = ctypes.POINTER(_Decoder)
        found.avifDecoderDestroy.argtypes = (ctypes.c_void_p,)
        found.avifDecoderSetIOMemory.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t)
        found.avifDecoderParse.argtypes = (ctypes.c_void_p,)
        found.avifDecoderNextImage.argtypes = (ctypes.c_void_p,)
        found.avifImageScale.argtypes = (ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p)
        found.avifRGBImageSetDefaults.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
        found.avifImageYUVToRGB.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
    except (StopIteration, OSError, AttributeError):
        return None
    return found


@contextmanager
def _decoder(avif: ctypes.CDLL) -> Iterator[ctypes.POINTER(_Decoder)]:  # type: ignore[valid-type]
    decoder = avif.avifDecoderCreate()
    if not decoder:
        raise MemoryError
    try:
        yield decoder
    finally:
        avif.avifDecoderDestroy(decoder)


def decode(data: bytes, size: tuple[int, int], needed: tuple[int, int]) -> Deep | None:
    """Decodes the still in `data`, which Pillow has found to be of `size`, to `needed` pixels or more.

    libavif reduces it before it converts it to RGB, so a large picture needs no more memory than its own planes.
    Returns None for pictures of 8 bits and for transparent ones. Raises ValueError if the file is damaged.
    """
    avif = library()
    if avif is None:
        return None
    with _decoder(avif) as decoder:
        decoder.contents.strict = 0
        _check(avif.avifDecoderSetIOMemory(decoder, data, len(data)))
        _check(avif.avifDecoderParse(decoder))
        image = ctypes.cast(decoder.contents.image, ctypes.POINTER(_Image))
        if (image.contents.width, image.contents.height) != size or image.contents.depth <= 8:
            return None
        _check(avif.avifDecoderNextImage(decoder))
        if image.contents.alpha:
            return None
        smallest = enough(size, needed)
        if smallest != size:
            _check(avif.avifImageScale(image, *smallest, ctypes.create_string_buffer(_DIAGNOSTICS_BYTES)))
        return _rgb(avif, image, smallest, needed)


def _rgb(avif: ctypes.CDLL, image: object, size: tuple[int, int], needed: tuple[int, int]) -> Deep:
    rgb = _Rgb()
    avif.avifRGBImageSetDefaults(ctypes.byref(rgb), image)
    pixels = bytearray(size[0] * size[1] * 6)
    memory = (ctypes.c_char * len(pixels)).from_buffer(pixels)
    rgb.depth, rgb.format = 16, _FORMAT_RGB
    rgb.pixels, rgb.row_bytes = ctypes.addressof(memory), size[0] * 6
    _check(avif.avifImageYUVToRGB(image, ctypes.byref(rgb)))
    return from_values(memoryview(pixels), size, needed)


def _check(status: int) -> None:
    if status != _OK:
        raise ValueError(f"libavif's status {status}")
