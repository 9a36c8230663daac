"""A circuit breaker: an execution environment does not hammer a service that is down."""

from threading import Lock

from shared.errors import Outage
from shared.limits import BREAKER_OUTAGES


class Breaker:
    """Opens after BREAKER_OUTAGES outages in a row, and closes with the first success."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._in_a_row = 0
        self._last: Outage | None = None

    @property
    def open(self) -> Outage | None:
        """The outage that others should assume without trying, or None while the service seems to work."""
        return self._last if self._in_a_row >= BREAKER_OUTAGES else None

    def note(self, outage: Outage | None) -> None:
        """Notes the outcome of one attempt that reached the service; None is a success."""
        with self._lock:
            self._last = outage
            self._in_a_row = self._in_a_row + 1 if outage else 0
