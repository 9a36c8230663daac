"""Bounds on several threads at the same time: the bytes that they hold, and their downloads."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, Semaphore


class Budget:
    """At most `limit_bytes` at a time; a thread that asks for more waits until others have finished."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._free_bytes = limit_bytes
        self._changed = Condition()

    @contextmanager
    def held(self, size_bytes: int) -> Iterator[None]:
        """Reserves `size_bytes` for the block. A size over the limit waits until no other thread holds anything."""
        size_bytes = min(size_bytes, self._limit_bytes)
        with self._changed:
            self._changed.wait_for(lambda: self._free_bytes >= size_bytes)
            self._free_bytes -= size_bytes
        try:
            yield
        finally:
            with self._changed:
                self._free_bytes += size_bytes
                self._changed.notify_all()


class Turns:
    """Gives turns to `most` threads at a time. A thread waits `seconds` for a turn and then goes on without one.

    So threads that share a line do not slow each other down, and a thread that is stuck holds up no other for long.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self._free = Semaphore(most)
        self._seconds = seconds

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Takes a turn for the block."""
        taken = self._free.acquire(timeout=self._seconds)
        try:
            yield
        finally:
            if taken:
                self._free.release()
