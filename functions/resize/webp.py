"""WebP: the size that a file claims (RFC 9649, section 2), and stills straight from libwebp."""

import ctypes
import functools
from pathlib import Path

from PIL import Image

_HEADER_BYTES = 30


def size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels of the canvas. Raises ValueError if there is no header."""
    if len(data) < _HEADER_BYTES:
        raise ValueError("its header is missing")
    match data[12:16]:
        case b"VP8X":
            return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
        case b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            return (
                int.from_bytes(data[26:28], "little") & 0x3FFF,
                int.from_bytes(data[28:30], "little") & 0x3FFF,
            )
    raise ValueError("its header makes no sense")


# libwebp's decode.h: what the structures below are laid out for. The library itself refuses another major version.
_ABI_VERSION = 0x0209
_MODE_RGB, _MODE_RGBA = 0, 1
_OK = 0
# The decoder averages areas while it decodes, which costs less than to write all pixels out. For a small picture, a
# quarter more than is wanted leaves the last step, which decides how sharp it looks, to the resampler (SSIM .966 and
# not .963 from 12 megapixels to 400). For a large one that gains a thousandth and takes an eighth longer.
_MARGIN = 1.25
_MARGIN_PIXELS = 1_000_000


class _Rgba(ctypes.Structure):
    _fields_ = (("pixels", ctypes.c_void_p), ("stride", ctypes.c_int), ("size", ctypes.c_size_t))


class _Plane(ctypes.Union):
    _fields_ = (("rgba", _Rgba), ("yuva", ctypes.c_uint8 * 80))


class _Buffer(ctypes.Structure):
    _fields_ = (
        ("colorspace", ctypes.c_int),
        ("width", ctypes.c_int),
        ("height", ctypes.c_int),
        ("is_external_memory", ctypes.c_int),
        ("u", _Plane),
        ("pad", ctypes.c_uint32 * 4),
        ("private_memory", ctypes.c_void_p),
    )


class _Features(ctypes.Structure):
    _fields_ = (
        ("width", ctypes.c_int),
        ("height", ctypes.c_int),
        ("has_alpha", ctypes.c_int),
        ("has_animation", ctypes.c_int),
        ("format", ctypes.c_int),
        ("pad", ctypes.c_uint32 * 5),
    )


class _Options(ctypes.Structure):
    _fields_ = (
        ("bypass_filtering", ctypes.c_int),
        ("no_fancy_upsampling", ctypes.c_int),
        ("use_cropping", ctypes.c_int),
        ("crop", ctypes.c_int * 4),
        ("use_scaling", ctypes.c_int),
        ("scaled_width", ctypes.c_int),
        ("scaled_height", ctypes.c_int),
        ("rest", ctypes.c_uint32 * 9),
    )


class _Config(ctypes.Structure):
    _fields_ = (("input", _Features), ("output", _Buffer), ("options", _Options))


@functools.cache
def _library() -> ctypes.CDLL | None:
    """The libwebp inside Pillow's wheel, or None where Pillow was built otherwise: then its own, slower way serves."""
    import PIL

    folder = Path(PIL.__file__).parent.parent / "pillow.libs"
    try:
        library = ctypes.CDLL(str(next(folder.glob("libwebp-*.so*"))))
        library.WebPDecode.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p)
        library.WebPGetFeaturesInternal.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_int)
        known = library.WebPInitDecoderConfigInternal(ctypes.byref(_Config()), _ABI_VERSION)
    except (StopIteration, OSError, AttributeError):
        return None
    return library if known else None


def decode(data: bytes, width_px: int, height_px: int) -> Image.Image | None:
    """The still in `data`, RGB or RGBA, not under `width_px` x `height_px` unless it is smaller itself.

    None where libwebp cannot be reached, or for an animation, if only of one frame. Pillow goes through the animation
    decoder, which costs twice the time.
    Raises ValueError if the file is damaged.
    """
    library = _library()
    if library is None:
        return None
    config = _Config()
    library.WebPInitDecoderConfigInternal(ctypes.byref(config), _ABI_VERSION)
    if library.WebPGetFeaturesInternal(data, len(data), ctypes.byref(config.input), _ABI_VERSION) != _OK:
        raise ValueError("its header makes no sense")
    if config.input.has_animation:
        return None
    width, height = config.input.width, config.input.height
    mode, config.output.colorspace, channels = (
        ("RGBA", _MODE_RGBA, 4) if config.input.has_alpha else ("RGB", _MODE_RGB, 3)
    )
    margin = _MARGIN if width_px * height_px < _MARGIN_PIXELS else 1
    scale = max(width_px / width, height_px / height) * margin
    # Only opaque pictures: the decoder's average would mix in the colours that transparent pixels hide.
    if scale < 1 and mode == "RGB":
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
        config.options.use_scaling, config.options.scaled_width, config.options.scaled_height = 1, width, height
    pixels = bytearray(width * height * channels)
    memory = (ctypes.c_char * len(pixels)).from_buffer(pixels)
    config.output.is_external_memory = 1
    config.output.u.rgba.pixels = ctypes.addressof(memory)
    config.output.u.rgba.stride = width * channels
    config.output.u.rgba.size = len(pixels)
    status = library.WebPDecode(data, len(data), ctypes.byref(config))
    if status != _OK:
        raise ValueError(f"libwebp's status {status}")
    return Image.frombuffer(mode, (width, height), pixels, "raw", mode, 0, 1)
