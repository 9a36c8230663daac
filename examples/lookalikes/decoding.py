"""Decodes a thumb to grey pixels in the sealed process (shared/sealed.py)."""

import io
from typing import Any

from PIL import Image

from shared.errors import Rejected

MAX_SIDE_PX = 400  # the side of a thumb; a larger picture is reduced to this side


def warm_up() -> None:
    """Loads Pillow's decoders, which a sealed worker could not open."""
    Image.init()
    for kind in ("JPEG", "PNG", "WEBP", "AVIF"):
        body = io.BytesIO()
        Image.new("RGB", (16, 16)).save(body, kind)
        answer({}, body.getvalue())


def answer(_question: dict[str, Any], data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Returns the picture's grey pixels, row by row, and its size. Raises Rejected (`not-an-image`)."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX))
            grey = picture.convert("L")
    except (OSError, ValueError, SyntaxError) as error:
        raise Rejected("not-an-image", f"The thumb is no picture that Pillow reads ({error}).") from error
    return {"width_px": grey.width, "height_px": grey.height}, [grey.tobytes()]
