"""The renderer's side in the sealed process: questions and answers of functions/resize/renderer.py."""

from typing import Any

from functions.resize.memory import kept_memory
from functions.resize.render import render
from functions.resize.warm_up import warm_up
from shared.limits import Limits
from shared.renditions import Rendition

__all__ = ["answer", "warm_up"]


def answer(question: dict[str, Any], data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Renders `data` as the question says; returns the header and the files of the answer. Raises Rejected."""
    renditions = [Rendition(**rendition) for rendition in question["renditions"]]
    with kept_memory():
        rendered = render(data, renditions, Limits(**question["limits"]))
    header = {
        "width_px": rendered.width_px,
        "height_px": rendered.height_px,
        "format": rendered.format,
        "decode_seconds": rendered.decode_seconds,
        "resize_seconds": rendered.resize_seconds,
        "encode_seconds": rendered.encode_seconds,
        "pictures": [
            {"encoding": picture.encoding, "width_px": picture.width_px, "height_px": picture.height_px}
            for picture in rendered.pictures
        ],
    }
    return header, [picture.body for picture in rendered.pictures]
