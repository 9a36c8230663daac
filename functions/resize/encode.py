"""Encoding: pixels in, a file's bytes out, with no metadata of any kind."""

import importlib
import io
import re
from collections.abc import Sequence
from typing import Any, Literal

from PIL import Image

type Encoding = Literal["jpeg", "webp", "avif", "png"]

CONTENT_TYPES: dict[Encoding, str] = {
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "avif": "image/avif",
    "png": "image/png",
}
EXTENSIONS: dict[Encoding, str] = {"jpeg": "jpg", "webp": "webp", "avif": "avif", "png": "png"}
_PLUGINS: dict[Encoding, str] = {
    "jpeg": "PIL.JpegImagePlugin",
    "webp": "PIL.WebPImagePlugin",
    "avif": "PIL.AvifImagePlugin",
    "png": "PIL.PngImagePlugin",
}
# Measured on 1600 px: WebP method 2 takes 61 ms, 4 takes 144 for 3 % fewer bytes; AVIF at speed 8, 352 ms.
_WEBP_METHOD = 2
_AVIF_SPEED = 8
# The header of an animation's movie, track or media and its two times (ISO/IEC 14496-12: 8.2.2, 8.3.2, 8.4.2).
_TIMES = re.compile(rb"((?:mvhd|tkhd|mdhd)\x01...).{16}", re.DOTALL)


def encode(frames: Sequence[Image.Image], encoding: Encoding, quality: int, timing: dict[str, Any]) -> bytes:
    """The file of one picture, or of an animation where there are several `frames` and `encoding` is webp or avif.

    `frames` are L, RGB or RGBA, of one size. `timing` has `duration` (milliseconds a frame) and `loop` (times, 0 is
    for ever) of an animation. A format without alpha shows white where the picture is transparent.
    """
    importlib.import_module(_PLUGINS[encoding])  # registers itself; Pillow would else import every plugin it has
    first = frames[0]
    options: dict[str, Any] = {"quality": quality}
    match encoding:
        case "jpeg":
            first = _on_white(first)
        case "png":
            options = {"compress_level": 6}
        case "webp":
            options["method"] = _WEBP_METHOD
        case "avif":
            options |= {"speed": _AVIF_SPEED, "max_threads": 1}  # one thread: the bytes are the same every time
    if len(frames) > 1 and encoding in {"webp", "avif"}:
        options |= {"save_all": True, "append_images": frames[1:], **timing}
    # It holds what came with the original: EXIF, XMP, a thumbnail, a comment. None of it goes on. Encoders ask no other
    # frame's.
    first.info.clear()
    body = io.BytesIO()
    first.save(body, encoding.upper(), **options)
    return _without_times(body.getvalue()) if encoding == "avif" else body.getvalue()


def _without_times(avif: bytes) -> bytes:
    """Sets an animation's creation and modification times to zero, so that the same picture has the same bytes."""
    head, mark, pixels = avif.partition(b"mdat")
    return _TIMES.sub(rb"\1" + bytes(16), head) + mark + pixels


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")
