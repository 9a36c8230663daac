"""A bound on the bytes that several threads hold in memory at the same time."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class Budget:
    """At most `limit_bytes` at a time; a thread that asks for more waits until others have finished."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._free_bytes = limit_bytes
        self._changed = Condition()

    @contextmanager
    def held(self, size_bytes: int) -> Iterator[None]:
        """Reserves `size_bytes` for the block. A size over the limit waits for the whole of it."""
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
