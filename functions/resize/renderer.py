"""The renderer as the function sees it: a sealed process that takes a file's bytes and returns renditions."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from functions.resize.rendered import Picture, Rendered
from shared.deadline import seconds_left
from shared.errors import Unavailable
from shared.limits import FUNCTION_MEMORY_MB, RENDER_SECONDS, RENDERER_MEMORY_PERCENT, Limits
from shared.renditions import FORMATS, Rendition
from shared.sealed import Sealed


class Renderer:
    """Renders in a sealed process (shared/sealed.py), one picture at a time; callable from several threads."""

    def __init__(self) -> None:
        function_mb = int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", FUNCTION_MEMORY_MB))
        self._process = Sealed(
            "functions.resize.rendering",
            seconds=RENDER_SECONDS,
            memory_bytes=function_mb * 1024 * 1024 * RENDERER_MEMORY_PERCENT // 100,
        )

    def start(self) -> None:
        """Starts the process; returns at once, while it warms up."""
        self._process.start()

    def stop(self) -> None:
        """Ends the process; the next picture starts another."""
        self._process.stop()

    def render(self, data: bytes, renditions: Sequence[Rendition], limits: Limits) -> Rendered:
        """Returns `data` in each of `renditions`, in their order, as functions.resize.render does.

        Raises Rejected if the file cannot become a picture. Raises Unavailable if the process ends while it renders:
        `crashed`, `out-of-memory` or `timed-out`. Raises Outage (`no-time-left`) if the invocation ends too soon.
        """
        question = {"renditions": [asdict(rendition) for rendition in renditions], "limits": asdict(limits)}
        header, bodies = self._process.ask(question, data, seconds_left())
        try:
            return _rendered(header, bodies, renditions)
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable("crashed", f"The renderer sent an answer that makes no sense ({error!r}).") from None


def _rendered(header: dict[str, Any], bodies: list[bytes], renditions: Sequence[Rendition]) -> Rendered:
    """Reads a worker's answer. It comes from a process that read hostile bytes, so every value is checked.

    Raises KeyError, TypeError or ValueError for anything that the renderer does not send.
    """
    pictures = []
    for rendition, picture, body in zip(renditions, header["pictures"], bodies, strict=True):
        if picture["encoding"] not in FORMATS[1:]:
            raise ValueError(picture["encoding"])
        size = _pixels(picture["width_px"]), _pixels(picture["height_px"])
        pictures.append(Picture(rendition.name, body, picture["encoding"], *size))
    return Rendered(
        width_px=_pixels(header["width_px"]),
        height_px=_pixels(header["height_px"]),
        format=str(header["format"])[:16],
        decode_seconds=float(header["decode_seconds"]),
        resize_seconds=float(header["resize_seconds"]),
        encode_seconds=float(header["encode_seconds"]),
        pictures=tuple(pictures),
    )


def _pixels(value: object) -> int:
    if type(value) is not int or not 1 <= value <= 2**31:
        raise ValueError(f"{value!r} pixels")
    return value


renderer = Renderer()
