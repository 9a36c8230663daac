"""HEIF with HEVC pictures (HEIC), by libheif."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from PIL import ImageFile

from functions.resize.formats import heif_deep
from functions.resize.formats.base import Decoded, Format, Opened, loaded, profile_of, unread, whole
from functions.resize.formats.isobmff import CODED_BRANDS, HEVC_BRANDS, brands, first_of, properties
from functions.resize.space import Coded
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
    space = profile_of(image) or found.space(animated=False)
    deep = data if isinstance(space, Coded) and space.is_hdr else None
    return Opened(
        *image.size,
        decode=partial(_decode, image, deep),
        orientation=1 if turned else image.info.get("original_orientation") or 1,
        space=space,
    )


def _decode(image: ImageFile.ImageFile, deep: bytes | None, width_px: int, height_px: int) -> Decoded:
    """Decodes the picture. `deep` is the file where all its bits count."""
    with _unsupported_is_said():
        wide = heif_deep.decode(deep, image.size, (width_px, height_px)) if deep is not None else None
        return loaded(image) if wide is None else whole(wide)


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
