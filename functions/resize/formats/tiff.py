"""TIFF, by Pillow and libtiff, and the tags that Pillow leaves to its callers (TIFF 6.0, section 8; DNG 1.7)."""

import ctypes
import functools
from pathlib import Path

from PIL import Image, ImageFile

from functions.resize.formats.base import Decoded, Format, Opened, check_size, loaded, profile_of, unread
from shared.limits import Limits

# Canon's raw format CR2: a TIFF whose first picture is a preview.
CANON_RAW = b"II*\0\x10\0\0\0CR"

_NEW_SUBFILE_TYPE, _BITS_PER_SAMPLE, _PHOTOMETRIC, _TILE_WIDTH, _TILE_LENGTH = 254, 258, 262, 322, 323
_DNG_VERSION = 50706
_COMPRESSION, _FAX, _THUNDERSCAN = 259, {2, 3, 4}, 32809
# libtiff calls these for as long as the process lives.
_HANDLERS: list[object] = []
# Pillow's message for kinds of pixels that it does not read, such as colours in floating point.
_UNKNOWN_PIXELS = "unknown pixel mode"


def _tag(image: Image.Image, number: int) -> object:
    """Returns a tag's value; None without it, and for a picture of another format."""
    tags = getattr(image, "tag_v2", None)
    return tags.get(number) if tags is not None else None


def _is_raw(image: Image.Image) -> bool:
    """Recognises a camera's raw file by DNGVersion, or by a first picture that is marked as a reduced copy."""
    return _tag(image, _DNG_VERSION) is not None or _tag(image, _NEW_SUBFILE_TYPE) == 1


def _tile_size(image: Image.Image) -> tuple[int, int]:
    """Returns the tiles' width and height in pixels, 1 x 1 without tiles. A tile is decoded whole, however small the
    picture is.
    """
    width, height = _tag(image, _TILE_WIDTH), _tag(image, _TILE_LENGTH)
    return (width, height) if isinstance(width, int) and isinstance(height, int) else (1, 1)


def white_bits(image: Image.Image) -> int:
    """Returns how many bits of a 16-bit picture are in use: Pillow does not scale TIFF's 9 to 15 bits."""
    bits = _tag(image, _BITS_PER_SAMPLE)
    return int(bits[0]) if isinstance(bits, tuple) and 8 < int(bits[0]) < 16 else 16


def zero_is_white(image: Image.Image) -> bool:
    """Tells whether the tag WhiteIsZero is set. Pillow applies it only at 8 bits."""
    return _tag(image, _PHOTOMETRIC) == 0


def _matches(head: bytes) -> bool:
    return head.startswith((b"II*\0", b"MM\0*", b"II+\0")) and not head.startswith(CANON_RAW)


def _open(data: bytes, limits: Limits) -> Opened:
    try:
        image = FORMAT.pillow(data)
    except SyntaxError as error:
        if str(error) == _UNKNOWN_PIXELS:
            raise unread("a TIFF with an unusual kind of pixels") from error
        if isinstance(error.__cause__, KeyError):  # Pillow's table of codings lacks the number
            raise unread(f"a TIFF in a coding that its decoder lacks ({error})") from error
        raise
    if _is_raw(image):
        raise unread("a raw camera file")
    coding = _tag(image, _COMPRESSION)
    if coding == _THUNDERSCAN:  # libtiff knows it, Pillow does not
        raise unread("a TIFF in ThunderScan's coding")
    libtiff = _libtiff()
    if isinstance(coding, int) and libtiff and not libtiff.TIFFIsCODECConfigured(coding):
        raise unread(f"a TIFF in a coding that its decoder lacks ({coding})")
    check_size(*_tile_size(image), 1, limits)
    decode = _decode_fax if coding in _FAX else loaded
    # Pillow turns the picture upright.
    return Opened(*image.size, decode=lambda *_: decode(image), space=profile_of(image))


def _decode_fax(image: ImageFile.ImageFile) -> Decoded:
    """Decodes a fax. Raises ValueError if libtiff reports a bad code word: Pillow shows the rest of the page white
    then.
    """
    errors = _libtiff_errors()
    errors.clear()
    decoded = loaded(image)
    if errors:
        raise ValueError("its fax coding is broken")
    return decoded


@functools.cache
def _libtiff() -> ctypes.CDLL | None:
    """Loads the libtiff in Pillow's wheel, if there is one."""
    folder = Path(Image.__file__).parent.parent / "pillow.libs"
    found = next(folder.glob("libtiff-*.so*"), None)
    return ctypes.CDLL(str(found)) if found else None


@functools.cache
def _libtiff_errors() -> list[bytes]:
    """Returns a list to which libtiff adds errors of faxes."""
    errors: list[bytes] = []
    libtiff = _libtiff()
    if libtiff is None:
        return errors

    def note(module: bytes, *_: object) -> None:
        if module.startswith(b"Fax"):  # other errors are about tags that make no sense
            errors.append(module)

    handler = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)(note)
    _HANDLERS.append(handler)
    libtiff.TIFFSetErrorHandler(handler)
    return errors


FORMAT = Format("TIFF", ("PIL.TiffImagePlugin", "TiffImageFile"), ("image/tiff",), _matches, _open)
