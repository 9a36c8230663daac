"""HEIC pictures of 10 and 12 bits, by the libheif inside pi-heif's wheel: its Pillow plugin reduces them to 8 bits."""

import ctypes
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from functions.resize.deep import Deep, enough

# libheif's heif.h and heif_image.h.
_LIBRARY = "libheif-*.so.1.*"
_RGB, _PLANES = 1, 3  # heif_colorspace_RGB, heif_chroma_444
_CHANNELS = (3, 4, 5)  # red, green, blue


class _Error(ctypes.Structure):
    _fields_ = (("code", ctypes.c_int), ("detail", ctypes.c_int), ("message", ctypes.c_char_p))


@functools.cache
def library() -> ctypes.CDLL | None:
    """Loads the library. Returns None where pi-heif was built otherwise; it then decodes to 8 bits."""
    import pi_heif  # loads the decoders that the library needs

    folder = Path(pi_heif.__file__).parent.parent / "pi_heif.libs"
    try:
        found = ctypes.CDLL(str(next(folder.glob(_LIBRARY))))
        for name in ("context_read_from_memory_without_copy", "context_get_primary_image_handle", "decode_image"):
            getattr(found, f"heif_{name}").restype = _Error
        for name in ("context_alloc", "image_get_plane_readonly"):
            getattr(found, f"heif_{name}").restype = ctypes.c_void_p
    except (StopIteration, OSError, AttributeError):
        return None
    return found


@contextmanager
def _decoded(heif: ctypes.CDLL, data: bytes) -> Iterator[ctypes.c_void_p | None]:
    """Decodes the primary picture to planes of RGB; yields None if it has 8 bits or alpha."""
    context, handle, image = ctypes.c_void_p(heif.heif_context_alloc()), ctypes.c_void_p(), ctypes.c_void_p()
    try:
        _check(heif.heif_context_read_from_memory_without_copy(context, data, ctypes.c_size_t(len(data)), None))
        _check(heif.heif_context_get_primary_image_handle(context, ctypes.byref(handle)))
        if heif.heif_image_handle_get_luma_bits_per_pixel(handle) <= 8:
            yield None
            return
        if heif.heif_image_handle_has_alpha_channel(handle):
            yield None
            return
        _check(heif.heif_decode_image(handle, ctypes.byref(image), _RGB, _PLANES, None))
        yield image
    finally:
        heif.heif_image_release(image)
        heif.heif_image_handle_release(handle)
        heif.heif_context_free(context)


def decode(data: bytes, size: tuple[int, int], needed: tuple[int, int]) -> Deep | None:
    """Decodes the picture in `data`, which is of `size`, to `needed` pixels or more.

    Returns None for pictures of 8 bits and for transparent ones. Raises ValueError if the file is damaged.
    """
    heif = library()
    if heif is None:
        return None
    with _decoded(heif, data) as image:
        if image is None:
            return None
        bits = heif.heif_image_get_bits_per_pixel_range(image, _CHANNELS[0])
        if bits <= 8:
            return None
        red, green, blue = (_plane(heif, image, channel, size, needed) for channel in _CHANNELS)
        return Deep(red, green, blue, 2**bits - 1)


def _plane(
    heif: ctypes.CDLL, image: object, channel: int, size: tuple[int, int], needed: tuple[int, int]
) -> Image.Image:
    """Copies one plane, reduced, out of libheif's memory."""
    if (heif.heif_image_get_width(image, channel), heif.heif_image_get_height(image, channel)) != size:
        raise ValueError("its size differs from the header's")
    stride = ctypes.c_int()
    place = heif.heif_image_get_plane_readonly(image, channel, ctypes.byref(stride))
    if not place:
        raise ValueError("a colour is missing")
    values: Any = (ctypes.c_char * (stride.value * size[1])).from_address(place)
    plane = Image.frombuffer("I;16", size, values, "raw", "I;16", stride.value, 1)
    smallest = enough(size, needed)
    return plane.copy() if smallest == size else plane.resize(smallest, Image.Resampling.BOX)


def _check(error: _Error) -> None:
    if error.code:
        raise ValueError((error.message or b"libheif failed").decode(errors="replace"))
