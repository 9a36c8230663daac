"""Animations: every frame and its duration."""

from collections.abc import Iterator

from PIL import Image

from functions.resize.damage import damage_is_rejected
from functions.resize.formats.base import Opened

# Every browser shows a frame without a duration for this long.
_DEFAULT_MS = 100
_MAX_LOOPS = 65_535
# The longest duration of a GIF, 11 minutes. An APNG may say 18 hours, and libwebp adds durations up in 32 bits.
_LONGEST_MS = 655_350


def frames(opened: Opened) -> Iterator[tuple[Image.Image, int]]:
    """Yields each frame of an animation and its duration in milliseconds. Raises Rejected `damaged-image`."""
    assert opened.animate is not None
    shown = opened.animate()
    for _ in range(opened.frames):
        with damage_is_rejected():
            image, duration = next(shown)
        yield image, min(max(1, round(duration)), _LONGEST_MS) if duration else _DEFAULT_MS


def loops(opened: Opened) -> int:
    """Returns how many times the animation plays, 0 for ever."""
    return min(opened.loops, _MAX_LOOPS)
