"""Waits that end only when nothing progresses any more, so that a slow machine does not look broken."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path


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
        listed = subprocess.run(["ps", "-A", "-o", "pgid=,pid=,time="], capture_output=True, text=True, check=False)
        own = sorted(line.split()[1:] for line in listed.stdout.splitlines() if line.split()[0] == str(group))
        return log.stat().st_size if log.exists() else 0, own

    return progress
