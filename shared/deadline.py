"""The end of an invocation's time: all work stops early enough for its batch to be reported."""

import faulthandler
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType

from shared import clock
from shared.errors import Outage, Unavailable
from shared.limits import HANG_GRACE_SECONDS

_ends = ContextVar("ends", default=float("inf"))


class _Expired(BaseException):
    """The time is up. Not an Exception: botocore retries those, and libraries swallow them."""


@contextmanager
def ends_at(monotonic: float) -> Iterator[None]:
    """Tells the block when its time ends (`seconds_left`); does not interrupt it."""
    token = _ends.set(monotonic)
    try:
        yield
    finally:
        _ends.reset(token)


def seconds_left() -> float:
    """Returns the seconds until the current message's time ends; infinity outside of a batch."""
    return _ends.get() - clock.monotonic()


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Runs the block for at most `seconds`, then raises Unavailable (`timed-out`) within it.

    Waiting for a network or a process ends at once. C code that neither returns nor handles signals is given
    HANG_GRACE_SECONDS more. Then the process writes to stderr where it hung, and ends. Lambda's own timeout would not
    say where it hung. For the main thread only, which is where Lambda calls handlers.
    """
    before = signal.signal(signal.SIGALRM, _expire)
    faulthandler.dump_traceback_later(seconds + HANG_GRACE_SECONDS, exit=True)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            faulthandler.cancel_dump_traceback_later()
            signal.signal(signal.SIGALRM, before)
    except _Expired:
        raise Unavailable("timed-out", f"The message was not processed within {seconds:.0f} s.") from None


def no_time_left() -> Outage:
    """Returns the outage of a message that its invocation has no time for."""
    return Outage("no-time-left", "The invocation has too little time left for this message.")


def _expire(_signal: int, _frame: FrameType | None) -> None:
    raise _Expired
