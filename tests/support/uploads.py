"""Small pictures to upload, and their state in the gallery."""

from io import BytesIO
from typing import Any

import httpx
from PIL import Image

from tests.support.deployed import Stack, until


def picture(
    width_px: int = 640,
    height_px: int = 480,
    colour: tuple[int, int, int] = (200, 80, 20),
    kind: str = "JPEG",
    **save: Any,
) -> bytes:
    """Return a picture whose upper left quarter is white, so that its orientation is visible."""
    image = Image.new("RGB", (width_px, height_px), colour)
    image.paste((255, 255, 255), (0, 0, width_px // 2, height_px // 2))
    buffer = BytesIO()
    image.save(buffer, kind, **save)
    return buffer.getvalue()


def shown(stack: Stack, image_id: str) -> dict[str, Any]:
    """Wait until the gallery lists the picture, and return its entry."""

    def listed() -> list[dict[str, Any]]:
        answer = httpx.get(f"{stack.gallery_url}images?limit=200").json()
        return [image for image in answer["images"] if image["id"] == image_id]

    return until(listed, f"{image_id} in the gallery")[0]
