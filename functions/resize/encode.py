"""Encoding: pixels in, a file's bytes out, without any metadata."""

import io
import re
from collections.abc import Sequence
from typing import Any

from PIL import Image

from functions.resize.formats.base import Format

# The header of an animation's movie, track or media and its two times (ISO/IEC 14496-12: 8.2.2, 8.3.2, 8.4.2).
_TIMES = re.compile(rb"((?:mvhd|tkhd|mdhd)\x01...).{16}", re.DOTALL)


def encode(frames: Sequence[Image.Image], format_: Format, quality: int, timing: dict[str, Any]) -> bytes:
    """Returns the file of one picture, or of an animation if there are several `frames` and the format can store them.

    `frames` are L, RGB or RGBA, of one size. `timing` has `duration` (milliseconds a frame) and `loop` (times, 0 is
    for ever) of an animation. A format without alpha shows white where the picture is transparent.
    """
    encoder = format_.encoder
    assert encoder is not None
    format_.load_plugin()  # otherwise Pillow imports all its plugins to find this one
    first = frames[0] if encoder.has_alpha else _on_white(frames[0])
    options = encoder.options(quality)
    if len(frames) > 1 and encoder.has_animation:
        options |= {"save_all": True, "append_images": frames[1:], **timing}
    # The first frame's info has the original's EXIF, XMP, thumbnail and comment. Encoders would write them.
    first.info.clear()
    body = io.BytesIO()
    first.save(body, format_.name, **options)
    return _without_times(body.getvalue()) if format_.name == "AVIF" else body.getvalue()


def _without_times(avif: bytes) -> bytes:
    """Sets an animation's creation and modification times to zero, so that the same picture has the same bytes."""
    head, mark, pixels = avif.partition(b"mdat")
    return _TIMES.sub(rb"\1" + bytes(16), head) + mark + pixels


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")
