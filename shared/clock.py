"""The time, from one place: a simulation replaces these three functions and runs hours within seconds."""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """Returns the date and time in UTC. This clock may differ from other machines' clocks, and it may be set back."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Returns seconds since some moment; they never run backwards."""
    return time.monotonic()


def sleep(seconds: float) -> None:
    """Waits for so many seconds."""
    time.sleep(seconds)
