"""TIFF's tags (TIFF 6.0, section 8; DNG 1.7): what Pillow leaves to its callers."""

from PIL import Image

_NEW_SUBFILE_TYPE, _BITS_PER_SAMPLE, _PHOTOMETRIC, _TILE_WIDTH, _TILE_LENGTH = 254, 258, 262, 322, 323
_DNG_VERSION = 50706
# What Pillow says of kinds of pixels that it does not read, such as colours in floating point.
UNKNOWN_PIXELS = "unknown pixel mode"


def _tag(image: Image.Image, number: int) -> object:
    """A tag's value, or None; None of any picture that is no TIFF."""
    tags = getattr(image, "tag_v2", None)
    return tags.get(number) if tags is not None else None


def is_raw(image: Image.Image) -> bool:
    """Whether it is a camera's raw file: DNGVersion, or a first picture that calls itself a smaller one of another."""
    return _tag(image, _DNG_VERSION) is not None or _tag(image, _NEW_SUBFILE_TYPE) == 1


def tile_size(image: Image.Image) -> tuple[int, int]:
    """Width and height in pixels of its tiles, which are decoded whole however small the picture is; 1 x 1 of none."""
    width, height = _tag(image, _TILE_WIDTH), _tag(image, _TILE_LENGTH)
    return (width, height) if isinstance(width, int) and isinstance(height, int) else (1, 1)


def white_bits(image: Image.Image) -> int:
    """How many bits of a 16-bit picture are used: Pillow unpacks TIFF's 9 to 15 bits without scaling them."""
    bits = _tag(image, _BITS_PER_SAMPLE)
    return int(bits[0]) if isinstance(bits, tuple) and 8 < int(bits[0]) < 16 else 16


def zero_is_white(image: Image.Image) -> bool:
    """WhiteIsZero, which Pillow heeds at 8 bits only."""
    return _tag(image, _PHOTOMETRIC) == 0
