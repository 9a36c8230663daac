"""The clock that the code takes its time from."""

from datetime import UTC, timedelta

from shared import clock


def test_the_time_is_in_utc() -> None:
    assert clock.now().utcoffset() == timedelta(0)
    assert clock.now().tzinfo is UTC


def test_sleeping_takes_as_long_as_it_says() -> None:
    began = clock.monotonic()
    clock.sleep(0.01)
    assert clock.monotonic() - began >= 0.01
