"""A renderer in virtual time. Some pictures end it, like the process of the real renderer."""

import importlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.support.simulation.world import World

# A body with this ending crashes the renderer, hangs it, needs too much memory, or is no picture.
CRASHES, HANGS, OUT_OF_MEMORY, REJECTED = b"!crashes!", b"!hangs!", b"!out-of-memory!", b"!rejected!"
DEATHS = {CRASHES: ("crashed", 1.0), HANGS: ("timed-out", 30.0), OUT_OF_MEMORY: ("out-of-memory", 2.0)}


class SimulatedRenderer:
    """Replaces functions.resize.renderer. It is made within an environment and raises that environment's errors.

    `renders` counts by the bytes of the file; all environments share it.
    """

    def __init__(self, world: World, seconds: float, renders: Counter[bytes]) -> None:
        self._world = world
        self._seconds = seconds
        self._renders = renders
        self._free_at = 0.0
        self._errors: Any = importlib.import_module("shared.errors")
        self._rendered: Any = importlib.import_module("functions.resize.rendered")
        self._limits: Any = importlib.import_module("shared.limits")
        self._deadline: Any = importlib.import_module("shared.deadline")

    def start(self) -> None:
        """Does nothing: it is always ready."""

    def stop(self) -> None:
        """Does nothing."""

    def render(self, data: bytes, renditions: Sequence[Any], limits: object) -> Any:
        """Returns pictures whose bytes include the original's. Renders one picture at a time."""
        left = self._deadline.seconds_left() - max(self._free_at - self._world.seconds, 0)
        if left < self._limits.MIN_RENDER_SECONDS:
            raise self._errors.Outage("no-time-left", "The invocation had too little time left.")
        self._renders[data] += 1
        for mark, (code, seconds) in DEATHS.items():
            if data.endswith(mark):
                self._take(min(seconds, left))
                if left < seconds:
                    raise self._errors.Outage("no-time-left", "The invocation had too little time left.")
                raise self._errors.Unavailable(code, f"The picture ends the renderer ({code}).")
        self._take(self._seconds)
        if data.endswith(REJECTED):
            raise self._errors.Rejected("not-an-image", "The file is no picture.")
        pictures = [
            self._rendered.Picture(rendition.name, rendition.name.encode() + b" of " + data, "jpeg", 400, 300)
            for rendition in renditions
        ]
        return self._rendered.Rendered(4000, 3000, "jpeg", 0.0, self._seconds, 0.0, tuple(pictures))

    def _take(self, seconds: float) -> None:
        self._free_at = max(self._free_at, self._world.seconds) + seconds
        self._world.sleep(self._free_at - self._world.seconds)
