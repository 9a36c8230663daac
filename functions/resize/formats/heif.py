"""HEIF with HEVC pictures (HEIC), by libheif."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import ImageFile

from functions.resize.formats.base import Decoded, Format, Opened, loaded, profile_of, unread
from functions.resize.formats.isobmff import CODED_BRANDS, HEVC_BRANDS, brands, first_of, properties
from shared.limits import Limits

# libheif's messages (heif_error.h).
_BEYOND = re.compile(r"unsupported|security limit|not supported|no decoding plugin", re.IGNORECASE)
# Structural brands name no codec. Without another brand, such files hold HEVC.
_STRUCTURAL = {b"mif1", b"msf1"}


def _matches(head: bytes) -> bool:
    coded = first_of(head, CODED_BRANDS)
    return coded in HEVC_BRANDS or (coded is None and brands(head)[:1] in ([brand] for brand in _STRUCTURAL))


def _open(data: bytes, _: Limits) -> Opened:
    with _unsupported_is_said():
        image = FORMAT.pillow(data)
    found = properties(data)
    turned = found.item.keys() & {b"irot", b"imir"}  # libheif applies these, and readers then ignore EXIF
    return Opened(
        *image.size,
        decode=lambda *_: _decode(image),
        orientation=1 if turned else image.info.get("original_orientation") or 1,
        space=profile_of(image) or found.space(animated=False),
    )


def _decode(image: ImageFile.ImageFile) -> Decoded:
    with _unsupported_is_said():
        return loaded(image)


@contextmanager
def _unsupported_is_said() -> Iterator[None]:
    """Turns libheif's words for pictures beyond its abilities or limits into Rejected `unsupported-format`."""
    try:
        yield
    except (RuntimeError, ValueError, OSError, SyntaxError) as error:
        if _BEYOND.search(str(error)):
            raise unread("a HEIF picture of a kind or size beyond its decoder") from error
        raise


FORMAT = Format("HEIF", ("pi_heif.as_plugin", "HeifImageFile"), ("image/heic", "image/heif"), _matches, _open)
