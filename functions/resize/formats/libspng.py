"""The libspng inside pyspng's extension module, by ctypes. The import of NumPy would take 0.3 s."""

import ctypes
import functools
import importlib.util

# spng.h: use a chunk whatever its checksum; write pixels as the file stores them, in this machine's order of bytes.
_CRC_USE, _FORMAT_AS_STORED = 2, 256


def pixels(data: bytes, size_bytes: int) -> bytearray | None:
    """Decodes the PNG in `data`, whose checksums have been compared, to its `size_bytes` of pixels.

    Returns None where the library is missing; Pillow decodes then. Raises ValueError if the pixels are damaged.
    """
    spng = library()
    if spng is None:
        return None
    decoded = bytearray(size_bytes)
    context = spng.spng_ctx_new(0)
    try:
        spng.spng_set_crc_action(context, _CRC_USE, _CRC_USE)
        status = spng.spng_set_png_buffer(context, data, len(data))
        memory = (ctypes.c_char * size_bytes).from_buffer(decoded)
        status = status or spng.spng_decode_image(context, memory, size_bytes, _FORMAT_AS_STORED, 0)
        if status:
            raise ValueError(spng.spng_strerror(status).decode())
    finally:
        spng.spng_ctx_free(context)
    return decoded


@functools.cache
def library() -> ctypes.CDLL | None:
    """Loads the library, or returns None where it is missing."""
    found = importlib.util.find_spec("_pyspng_c")
    if found is None or found.origin is None:
        return None
    try:
        spng = ctypes.CDLL(found.origin)
        spng.spng_ctx_new.argtypes = (ctypes.c_int,)
        spng.spng_ctx_new.restype = ctypes.c_void_p
        spng.spng_ctx_free.argtypes = (ctypes.c_void_p,)
        spng.spng_set_crc_action.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_int)
        spng.spng_set_png_buffer.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t)
        spng.spng_decode_image.argtypes = (
            ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int,
        )  # fmt: skip
        spng.spng_strerror.argtypes = (ctypes.c_int,)
        spng.spng_strerror.restype = ctypes.c_char_p
    except (OSError, AttributeError):
        return None
    return spng
