"""glibc's allocator, set differently in the two processes that use much memory.

The renderer keeps freed memory: glibc returns large freed blocks, so the next picture page-faults them in again. For a
12 megapixel PNG that is a seventh of the time. The function returns freed memory: its threads hold originals for a
moment each, and glibc would keep a heap for every thread.
"""

import ctypes
import functools
from collections.abc import Iterator
from contextlib import contextmanager

from shared.limits import KEPT_ALLOCATION_BYTES, KEPT_BYTES, RETURNED_BYTES

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # mallopt(3)


class _MallInfo2(ctypes.Structure):  # mallinfo(3)
    _fields_ = (("numbers", ctypes.c_size_t * 10),)  # the ninth field, fordblks, counts the free bytes


def return_memory() -> None:
    """Has glibc return freed blocks of RETURNED_BYTES and more, and share one heap between all threads."""
    if hasattr(glibc := ctypes.CDLL(None), "mallopt"):
        glibc.mallopt(_M_MMAP_THRESHOLD, RETURNED_BYTES)
        glibc.mallopt(_M_ARENA_MAX, 1)


@contextmanager
def kept_memory() -> Iterator[None]:
    """Keeps up to KEPT_BYTES of freed memory for the next picture in this process. Does nothing without glibc."""
    glibc = _keeping_glibc()
    try:
        yield
    finally:
        if glibc and glibc.mallinfo2().numbers[8] > KEPT_BYTES:
            glibc.malloc_trim(0)


@functools.cache
def _keeping_glibc() -> ctypes.CDLL | None:
    """Returns glibc after configuring it once; None with another C library."""
    glibc = ctypes.CDLL(None)
    if not hasattr(glibc, "mallinfo2"):  # glibc 2.33; Amazon Linux 2023 has 2.34
        return None
    glibc.mallinfo2.restype = _MallInfo2
    glibc.mallopt(_M_MMAP_THRESHOLD, KEPT_ALLOCATION_BYTES)
    glibc.mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
    return glibc
