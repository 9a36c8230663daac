"""HEIF with HEVC pictures (HEIC), by libheif."""

from functions.resize.formats.base import Format, Opened, loaded, profile_of
from functions.resize.formats.isobmff import CODED_BRANDS, HEVC_BRANDS, brands, first_of, properties
from shared.limits import Limits

# Structural brands, which do not name the codec. Without another brand such files contain HEVC.
_STRUCTURAL = {b"mif1", b"msf1"}


def _matches(head: bytes) -> bool:
    coded = first_of(head, CODED_BRANDS)
    return coded in HEVC_BRANDS or (coded is None and brands(head)[:1] in ([brand] for brand in _STRUCTURAL))


def _open(data: bytes, _: Limits) -> Opened:
    image = FORMAT.pillow(data)
    found = properties(data)
    turned = found.item.keys() & {b"irot", b"imir"}  # libheif applies these, and readers then ignore EXIF
    return Opened(
        *image.size,
        decode=lambda *_: loaded(image),
        orientation=1 if turned else image.info.get("original_orientation") or 1,
        space=profile_of(image) or found.space(animated=False),
    )


FORMAT = Format("HEIF", ("pi_heif.as_plugin", "HeifImageFile"), ("image/heic", "image/heif"), _matches, _open)
