"""`darkroom report` and `darkroom trace` on given log lines."""

import io
import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ops.monitoring import report, summary, trace
from ops.monitoring.logs import LogLine, parse
from ops.monitoring.panels import LATENCY, REPORTED, THROUGHPUT
from shared import log_events
from shared.keys import new_image_id
from shared.log_events import LogEvent

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
QUIET = {"waiting": 0, "in_flight": 0, "dead_letters": 0}
RESIZED: dict[str, Any] = {
    "format": "jpeg",
    "size_bytes": 2_000_000,
    "decode_ms": 30,
    "resize_ms": 20,
    "encode_ms": 10,
    "bytes_out": 9,
}


def line(
    kind: type[LogEvent], image_id: str | None, seconds: float = 0, service: str = "resize", **fields: Any
) -> LogLine:
    at = START + timedelta(seconds=seconds)
    whole = fields | {"message": kind.message, "service": service, "level": kind.level.upper()}
    whole |= {"timestamp": at.isoformat()} | ({"image_id": image_id} if image_id else {})
    return parse([json.dumps(whole)])[0]


def failed(
    image_id: str | None, seconds: float, attempts: int, kind: type[LogEvent] = log_events.MessageFailed
) -> LogLine:
    told: dict[str, Any] = {
        "code": "storage-unavailable",
        "sentence": "S3 is away.",
        "attempts": attempts,
        "message_id": "m1",
    }
    return line(kind, image_id, seconds, **told)


def story(image_id: str) -> list[LogLine]:
    """Return the lines of an upload whose first attempt failed."""
    received: dict[str, Any] = {"file_name": "<b>cat</b>.jpg", "queue_ms": 100, "message_id": "m1"}
    return [
        line(log_events.UploadTicketed, image_id, 0, "ingest", file_name="<b>cat</b>.jpg"),
        line(log_events.UploadReceived, image_id, 1, attempts=1, **received),
        failed(image_id, 2, 1),
        line(log_events.UploadReceived, image_id, 5, attempts=2, **received),
        line(log_events.UploadResized, image_id, 6, latency_ms=5500, **RESIZED),
        line(log_events.UploadShown, image_id, 7, "list", since_ticket_ms=7000),
    ]


def test_log_lines_of_other_software_are_ignored() -> None:
    texts = ["START RequestId: 1", '{"_aws": {}, "service": "resize"}', "[]", "{", json.dumps(story("a")[0].fields)]
    assert [found.message for found in parse(texts)] == ["upload ticketed"]


def test_each_upload_counts_once_with_its_last_outcome() -> None:
    lines = [
        *story("a"),
        line(log_events.UploadReceived, "b", 1, attempts=1, queue_ms=1),
        line(log_events.UploadRejected, "b", 2, code="not-an-image", sentence="No."),
        line(log_events.UploadRejected, "b", 3, code="not-an-image", sentence="No."),  # delivered twice
        line(log_events.UploadReceived, "c", 1, attempts=5, queue_ms=1),
        failed("c", 2, 5, log_events.DeadLetterSent),
        failed("d", 2, 5, log_events.DeadLetterSent),
        line(log_events.UploadResized, "d", 9, latency_ms=1, **RESIZED),  # replayed
        failed(None, 2, 5, log_events.DeadLetterSent),  # no upload event
        line(log_events.UploadResized, "e", 1, latency_ms=1, **RESIZED),
        line(log_events.UploadSuperseded, "e", 2, key="k", etag="e"),  # an old event, late
        line(log_events.UploadReceived, "f", 1, attempts=1, queue_ms=1),
    ]
    assert summary.outcomes(lines) == summary.Outcomes(
        ticketed=1, received=4, resized=3, rejected=1, dead_lettered=2, superseded=0, retried=1, open=1
    )
    assert summary.reasons(lines) == [
        ("dead-lettered", "storage-unavailable", 3),
        ("rejected", "not-an-image", 1),
        ("retried", "storage-unavailable", 1),
    ]


@given(st.lists(st.integers(0, 100_000), min_size=1), st.integers(1, 99))
def test_a_percentile_lies_between_the_smallest_and_largest_value(values: list[int], percent: int) -> None:
    found = summary.percentile(values, percent)
    assert min(values) <= found <= max(values)
    assert sum(value <= found for value in values) >= len(values) * percent / 100 - 1


def test_the_bins_of_a_series_add_up_to_the_total() -> None:
    lines = [line(log_events.UploadResized, f"{n}", n, latency_ms=n * 10, **RESIZED) for n in range(100)]
    points = summary.over_time(lines, THROUGHPUT.series[0], 30)
    assert [point.value for point in points] == [30, 30, 30, 10]
    assert [point.at - START for point in points] == [timedelta(seconds=n * 30) for n in range(4)]
    p50 = summary.over_time(lines, LATENCY.series[0], 3600)
    assert [point.value for point in p50] == [495]


@pytest.mark.parametrize("minutes", [1, 20, 60, 24 * 60, 30 * 24 * 60])
def test_the_number_of_bins_in_a_chart_is_bounded(minutes: int) -> None:
    seconds = summary.bin_seconds(START, START + timedelta(minutes=minutes))
    assert 7 <= minutes * 60 / seconds <= summary.MAX_BINS


class Page(HTMLParser):
    """Collects the addresses that a page loads, its text and its tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in {"src", "href", "xlink:href"}]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_report_is_one_self_contained_file() -> None:
    image_id = new_image_id(START)
    found = [*story(image_id), line(log_events.UploadRejected, "b", 9, code="not-an-image", sentence="A <poem>.")]
    picture = "data:image/jpeg;base64,AAAA"
    text = report.page("darkroom", found, QUIET, {image_id: picture}, START, START + timedelta(hours=1))
    page = Page(text)
    assert page.loads == [picture]
    assert "script" not in page.tags
    assert not re.search(r"url\((?!#)", text)
    assert page.tags.count("svg") == len(REPORTED) + 2
    assert "prefers-color-scheme: dark" in text
    assert "<b>cat</b>.jpg" in page.text  # as text, not as a tag
    assert "5.5 s" in page.text
    assert "A <poem>." in page.text
    assert "rejected: not-an-image" in page.text
    assert image_id in page.text
    assert re.search(r"dollars0\.0\d\dper thousand uploads", page.text)


def test_a_report_without_uploads_says_so() -> None:
    page = Page(report.page("darkroom", [], QUIET, {}, START, START + timedelta(hours=1)))
    assert "Nothing arrived" in page.text
    assert "svg" not in page.tags


@pytest.mark.parametrize(
    ("queues", "title", "command"),
    [
        (QUIET, "All is well", ""),
        (QUIET | {"waiting": 2}, "2 uploads under way", "darkroom status --watch"),
        (QUIET | {"waiting": 2, "dead_letters": 1}, "1 upload given up", "darkroom dead-letters list"),
    ],
)
def test_the_first_sentence_gives_the_health_and_the_next_command(
    queues: dict[str, int], title: str, command: str
) -> None:
    found = report.verdict(summary.outcomes(story("a")), queues)
    assert (found["title"], found["command"]) == (title, command)


def test_a_trace_lists_the_events_in_order() -> None:
    console = Console(width=200, record=True, file=io.StringIO())
    found = story("a")
    console.print(trace.timeline(found))
    text = console.export_text()
    for row, one in zip(text.splitlines()[1:], found, strict=True):
        assert one.message in row
    assert "5.00 s" in text
    assert "S3 is away." in text
    assert "retry" not in text
    assert trace.verdict(found) == "[green]It is in the gallery.[/]"
    assert "tried again" in trace.verdict(found[:3])
