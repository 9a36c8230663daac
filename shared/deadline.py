"""An end to waiting: whatever a message does, it stops in time for its batch to be reported."""

import faulthandler
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from shared.errors import Unavailable
from shared.limits import HANG_GRACE_SECONDS


class _Expired(BaseException):
    """The time is up. Not an Exception: botocore retries those, and libraries swallow them."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Lets the block run for `seconds` and then raises Unavailable (`timed-out`) from within it.

    Waiting for a network or a child ends at once. C code that neither returns nor looks at signals is given
    HANG_GRACE_SECONDS more; then the process ends, after writing to stderr where it hung: better than to run into the
    function's time-out, which says nothing. For the main thread only, which is where Lambda calls handlers.
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
        raise Unavailable(
            "timed-out", f"It was not done after {seconds:.0f} s. If S3 answers as usual, the picture itself hangs."
        ) from None


def _expire(_signal: int, _frame: FrameType | None) -> None:
    raise _Expired
