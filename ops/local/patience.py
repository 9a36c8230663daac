"""Waits that end only when nothing progresses any more, so that a slow machine does not look broken."""

import time
from collections.abc import Callable
from pathlib import Path

from ops.local.processes import cpu_times


class Patience:
    """Ends after `seconds` in which `progress` returned the same value."""

    def __init__(self, seconds: float, progress: Callable[[], object]) -> None:
        self._seconds = seconds
        self._progress = progress
        self._last = progress()
        self._since = time.monotonic()

    def is_over(self) -> bool:
        """Look at the progress; say whether there was none for too long."""
        now = time.monotonic()
        if (found := self._progress()) != self._last:
            self._last, self._since = found, now
        return now - self._since > self._seconds


def work_of(group: int, log: Path) -> Callable[[], object]:
    """Return a progress for Patience: the size of `log` and the CPU time of each process in the process group."""

    def progress() -> object:
        return log.stat().st_size if log.exists() else 0, cpu_times(group)

    return progress
