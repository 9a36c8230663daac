"""Values that an execution environment makes once."""

from collections.abc import Callable
from functools import cache
from threading import RLock

_making = RLock()


class Once[T]:
    """Decorates a function without arguments: its first call makes a value, and every call returns that value.

    Threads that call it meanwhile wait. With functools.cache each thread would make a value: four clients of S3 took
    four times the time and the memory. One lock serves all values, because boto3's default session, which the clients
    share, is not thread-safe (boto3.amazonaws.com/v1/documentation/api/latest/guide/clients.html).
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._cached = cache(make)
        self.__doc__ = make.__doc__

    def __call__(self) -> T:
        with _making:
            return self._cached()

    def cache_clear(self) -> None:
        """Forgets the value, for tests."""
        self._cached.cache_clear()
