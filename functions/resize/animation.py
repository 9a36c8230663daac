"""Animations: every frame as a viewer would see it, and when."""

from collections.abc import Iterator
from typing import Any

from PIL import Image

from functions.resize import gif
from functions.resize.opening import Opened, damage_is_rejected

# A frame without a duration is shown for this long, as every browser does.
_DEFAULT_MS = 100
_MAX_LOOPS = 65_535
# The longest that a GIF can say, 11 minutes. An APNG can say 18 hours, and libwebp adds up in 32 bits.
_LONGEST_MS = 655_350


def frames(opened: Opened) -> Iterator[tuple[Image.Image, int]]:
    """Each frame of an animation, complete (disposal and blending done), with its duration in milliseconds.

    Raises Rejected `damaged-image`.
    """
    steps = gif.shown(opened.data, opened.image.size) if opened.kind == "GIF" else _shown(opened)
    for _ in range(opened.frames):
        with damage_is_rejected():
            shown, duration = next(steps)
        yield shown, min(max(1, round(duration)), _LONGEST_MS) if duration else _DEFAULT_MS


def _shown(opened: Opened) -> Iterator[tuple[Image.Image, float]]:
    """Each frame and its duration in milliseconds as Pillow has them."""
    first = 1 if opened.kind == "PNG" and opened.image.info.get("default_image") else 0
    for index in range(first, first + opened.frames):
        opened.image.seek(index)
        opened.image.load()
        yield opened.image.copy(), opened.image.info.get("duration", 0)


def loops(opened: Opened) -> int:
    """How many times the animation plays, 0 for ever: WebP's count."""
    info: dict[Any, Any] = opened.image.info
    if opened.kind != "GIF":
        return min(int(info.get("loop", 0)), _MAX_LOOPS)
    # GIF counts the repetitions after the first time; without a count it plays once.
    if "loop" not in info:
        return 1
    return min(int(info["loop"]) + 1, _MAX_LOOPS) if info["loop"] else 0
