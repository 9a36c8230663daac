"""Summarises log lines: outcomes of uploads, reasons of failures, and each panel's series over time."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import fmean, quantiles

from ops.monitoring.logs import LogLine
from ops.monitoring.panels import Series
from shared import log_events
from shared.metrics import Metric

_ENDS = {
    log_events.UploadResized.message: "resized",
    log_events.UploadRejected.message: "rejected",
    log_events.DeadLetterSent.message: "dead-lettered",
    log_events.UploadSuperseded.message: "superseded",
}
# Common lengths of a bin, in seconds.
_BINS = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400)
MAX_BINS = 40


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The number of different uploads per outcome. The last line counts, so a successful replay counts as resized.

    `retried` counts uploads with at least one failed attempt, whatever their outcome. `open` uploads have no outcome
    yet.
    """

    ticketed: int
    received: int
    resized: int
    rejected: int
    dead_lettered: int
    superseded: int
    retried: int
    open: int


@dataclass(frozen=True, slots=True)
class Point:
    """The value of a series in the bin that begins at `at`."""

    at: datetime
    label: str
    value: float


def outcomes(lines: Sequence[LogLine]) -> Outcomes:
    """Count each upload once."""
    seen: defaultdict[str, set[str]] = defaultdict(set)
    ends: dict[str, str] = {}
    for line in lines:
        # A message without an upload event has no image id and counts by its message id.
        one = line.image_id or line.fields.get("message_id", "")
        seen[line.message].add(one)
        end = _ENDS.get(line.message)
        if end == "superseded" and ends.get(one, "open") != "open":
            continue  # an old event arrived late, and the upload has its outcome already
        if end:
            ends[one] = end
        elif line.message == log_events.UploadReceived.message:
            ends.setdefault(one, "open")
    ended = Counter(ends.values())
    return Outcomes(
        ticketed=len(seen[log_events.UploadTicketed.message]),
        received=len(seen[log_events.UploadReceived.message]),
        resized=ended["resized"],
        rejected=ended["rejected"],
        dead_lettered=ended["dead-lettered"],
        superseded=ended["superseded"],
        retried=len(seen[log_events.MessageFailed.message]),
        open=ended["open"],
    )


def reasons(lines: Sequence[LogLine]) -> list[tuple[str, str, int]]:
    """Return (outcome, code, different uploads) for every failure and rejection, the most frequent first."""
    names = {
        log_events.UploadRejected.message: "rejected",
        log_events.MessageFailed.message: "retried",
        log_events.DeadLetterSent.message: "dead-lettered",
    }
    found: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for line in lines:
        if line.message in names:
            one = line.image_id or line.fields["message_id"]
            found[names[line.message], line.fields["code"]].add(one)
    return sorted(((what, code, len(ids)) for (what, code), ids in found.items()), key=lambda one: (-one[2], one))


def percentile(values: Sequence[float], percent: int) -> float:
    """Interpolate linearly between the two nearest ranks, as CloudWatch does. `percent` is 1 to 99.

    Raises statistics.StatisticsError if `values` is empty.
    """
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def values(lines: Sequence[LogLine], message: str, field: str) -> list[float]:
    """Return the numbers in one field of one kind of line."""
    return [float(line.fields[field]) for line in lines if line.message == message and field in line.fields]


def slowest(lines: Sequence[LogLine], count: int) -> list[LogLine]:
    """Return the `upload resized` lines with the greatest latency, one per upload, the slowest first."""
    resized = {line.image_id: line for line in lines if line.message == log_events.UploadResized.message}
    return sorted(resized.values(), key=lambda line: -line.fields["latency_ms"])[:count]


def bin_seconds(begin: datetime, end: datetime) -> int:
    """Return the shortest bin of which at most MAX_BINS fill the time."""
    whole = (end - begin).total_seconds()
    return next((seconds for seconds in _BINS if whole / seconds <= MAX_BINS), _BINS[-1])


def over_time(lines: Sequence[LogLine], series: Series, seconds: int) -> list[Point]:
    """Return the series in bins of `seconds`, from the log lines of its metric, without empty bins."""
    assert isinstance(series.metric, Metric), series
    binned: defaultdict[datetime, list[float]] = defaultdict(list)
    for line in lines:
        for value in _values_of(line, series.metric):
            binned[_floor(line.at, seconds)].append(value)
    return [Point(at, series.label, _statistic(series.statistic)(found)) for at, found in sorted(binned.items())]


def waits(lines: Sequence[LogLine], seconds: int) -> list[Point]:
    """Return the median and p99 of the milliseconds that messages waited in the queue before their first attempt."""
    binned: defaultdict[datetime, list[float]] = defaultdict(list)
    for line in lines:
        if line.message == log_events.UploadReceived.message and line.fields["attempts"] == 1:
            binned[_floor(line.at, seconds)].append(line.fields["queue_ms"])
    return [
        Point(at, f"p{percent}", percentile(found, percent))
        for at, found in sorted(binned.items())
        for percent in (50, 99)
    ]


def _values_of(line: LogLine, metric: Metric) -> list[float]:
    event = log_events.EVENTS.get(line.message)
    return [float(value) for found, value in event.metrics(line.fields) if found == metric] if event else []


def _statistic(name: str) -> Callable[[Sequence[float]], float]:
    if name.startswith("p"):
        return lambda found: percentile(found, int(name[1:]))
    named: dict[str, Callable[[Sequence[float]], float]] = {"Sum": math.fsum, "Maximum": max, "Average": fmean}
    return named[name]


def _floor(at: datetime, seconds: int) -> datetime:
    return datetime.fromtimestamp(at.timestamp() // seconds * seconds, UTC)


def span(lines: Sequence[LogLine], since: datetime, now: datetime) -> tuple[datetime, datetime]:
    """Return the time from the first to the last line, at least a minute; without lines, the whole requested time."""
    if not lines:
        return since, now
    return lines[0].at, max(lines[-1].at, lines[0].at + timedelta(minutes=1))
