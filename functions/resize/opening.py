"""Opening: every limit is checked before a pixel is decoded.

Each format's plugin is called by name. Pillow's own search would try all the formats that it knows: a file must never
reach a rarely used plugin, or a program such as Ghostscript.
"""

from dataclasses import replace

from PIL import Image

from functions.resize.damage import damage_is_rejected
from functions.resize.formats.base import Opened, check_size
from functions.resize.formats.sniff import sniff
from shared.errors import Rejected
from shared.limits import Limits


def open_picture(data: bytes, limits: Limits) -> Opened:
    """Reads the header of the picture in `data` and compares it with `limits`. Raises Rejected.

    An animation of too many frames is opened as a still.
    """
    if len(data) > limits.max_bytes:
        raise Rejected(
            "too-many-bytes",
            f"The file has {len(data):,} bytes and at most {limits.max_bytes:,} are taken. Upload a smaller copy.",
        )
    format_ = sniff(data)
    Image.MAX_IMAGE_PIXELS = limits.max_pixels  # of frames and icons inside; Pillow refuses more than twice as many
    with damage_is_rejected():
        if format_.declared_size:
            check_size(*format_.declared_size(data), 1, limits)
        opened = format_.open(data, limits)
        check_size(opened.width_px, opened.height_px, 1, limits)
        frames = opened.frames if 1 < opened.frames <= limits.max_frames else 1
        check_size(opened.width_px, opened.height_px, frames, limits)
    return replace(opened, format=format_.name.lower(), frames=frames)
