"""Log events and metrics: their contents, and their uploads, whose lines never mix."""

import ast
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from mypy_boto3_s3 import S3Client
from PIL import Image

from functions.list import shown
from functions.resize.render import render
from functions.resize.work import Settings, resize_upload
from ops.develop.log_fields import FIELDS
from shared import keys, log_events, metrics, telemetry
from shared.events import Upload
from shared.limits import MAX_SHOWN_IDS, SHOWN_SECONDS
from tests.support.context import Context

ROOT = Path(__file__).parents[2]
RESIZED: dict[str, Any] = {
    "image_id": "a",
    "format": "jpeg",
    "size_bytes": 1,
    "bytes_out": 2,
    "renditions": 2,
    "latency_ms": 5,
    "decode_ms": 1.0,
    "resize_ms": 2.0,
    "encode_ms": 3.0,
}


class Stdout:
    """Writes to the current sys.stdout, which pytest replaces for each test."""

    def write(self, text: str) -> None:
        sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry.logger.registered_handler, "stream", Stdout())
    telemetry._metrics().provider.clear_metrics()
    telemetry._coded.clear()
    telemetry._environments.clear()


def told(capsys: pytest.CaptureFixture[str]) -> tuple[list[dict[str, Any]], dict[str, list[float]]]:
    """Return the log lines, and the values of each metric; a metric with a code is called `name code`."""
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    values: dict[str, list[float]] = {}
    for document in documents:
        for group in document.get("_aws", {}).get("CloudWatchMetrics", []):
            assert group["Namespace"] == "darkroom"
            for metric in group["Metrics"]:
                name = f"{metric['Name']} {document['code']}" if "code" in document else metric["Name"]
                values.setdefault(name, []).extend(document[metric["Name"]])
    return [document for document in documents if "_aws" not in document], values


def test_a_log_line_and_its_metrics_agree(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.tell(log_events.UploadResized(**RESIZED))
    telemetry.flush()
    (line,), sent = told(capsys)
    assert line["message"] == "upload resized"
    assert line["level"] == "INFO"
    assert line["image_id"] == "a"
    assert datetime.fromisoformat(line["timestamp"]).tzinfo
    assert sent == {
        "UploadsResized": [1],
        "Latency": [5],
        "DecodeTime": [1],
        "ResizeTime": [2],
        "EncodeTime": [3],
        "BytesIn": [1],
        "BytesOut": [2],
    }


def test_rejections_are_counted_by_code_only(capsys: pytest.CaptureFixture[str]) -> None:
    for number, code in enumerate(["not-an-image", "damaged-image", "not-an-image"]):
        telemetry.tell(log_events.UploadRejected(image_id=f"id{number}", code=code, sentence="No.", size_bytes=1))
    telemetry.flush()
    out = capsys.readouterr().out.splitlines()
    documents = [json.loads(line) for line in out if "_aws" in line]
    found = {document["code"]: document["UploadsRejected"] for document in documents}
    assert found == {"not-an-image": [2], "damaged-image": [1]}
    for document in documents:
        (group,) = document["_aws"]["CloudWatchMetrics"]
        assert sorted(group["Dimensions"][0]) == ["code", "service"]


def test_metrics_are_sent_once_per_invocation_even_if_it_fails(capsys: pytest.CaptureFixture[str]) -> None:
    @telemetry.observed
    def handle(event: dict[str, Any], context: Any) -> None:
        telemetry.add(metrics.BATCH_SIZE, event["size"])
        if event["size"] > 5:
            raise ZeroDivisionError

    handle({"size": 3}, Context())
    lines, sent = told(capsys)
    assert (lines, sent) == ([], {"ColdStarts": [1], "BatchSize": [3]})
    with pytest.raises(ZeroDivisionError):
        handle({"size": 6}, Context())
    (line,), sent = told(capsys)
    assert sent == {"BatchSize": [6]}  # no second cold start
    assert (line["level"], line["message"], line["error_type"]) == ("ERROR", "invocation failed", "ZeroDivisionError")
    assert line["function_request_id"] == "request-1"
    assert "ZeroDivisionError" in line["exception"]


def test_log_lines_of_concurrent_uploads_do_not_mix(capsys: pytest.CaptureFixture[str]) -> None:
    def one(number: int) -> None:
        for _ in range(20):
            image_id = f"id{number}"
            telemetry.tell(log_events.UploadResized(**RESIZED | {"image_id": image_id, "size_bytes": number}))
            time.sleep(0)
            telemetry.tell(
                log_events.UploadRejected(image_id=image_id, code="x", sentence=f"{number}", size_bytes=number)
            )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(8)))
    telemetry.flush()
    lines, sent = told(capsys)
    assert len(lines) == 8 * 40
    assert all(line["image_id"] == f"id{line['size_bytes']}" for line in lines)
    assert sent["UploadsResized"] == [1] * 160
    assert sum(sent["UploadsRejected x"]) == 160


@pytest.mark.parametrize("name", ["a\nb.jpg", "\u202egpj.exe", '"}{"level":"ERROR', "猫\x1b[31m.jpg"])
def test_no_file_name_can_forge_a_log_line_or_reverse_terminal_text(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    telemetry.tell(log_events.UploadTicketed(image_id="a", file_name=name, media_type="image/jpeg", size_bytes=1))
    out = capsys.readouterr().out
    assert out.isascii()
    assert out.count("\n") == 1
    assert "\x1b" not in out
    assert json.loads(out)["file_name"] == name


def test_fields_without_a_value_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.tell(log_events.UploadTicketed(image_id="a"))
    (line,), _ = told(capsys)
    assert "file_name" not in line
    assert "size_bytes" not in line


@pytest.mark.parametrize(("code", "waiting"), [("storage-unavailable", [1]), ("no-time-left", None)])
def test_a_message_without_time_left_does_not_count_as_waiting(
    code: str, waiting: list[int] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    telemetry.tell(
        log_events.MessageRequeued(
            message_id="m", attempts=1, code=code, sentence="No.", delay_seconds=60, waiting_since=None
        )
    )
    telemetry.flush()
    (line,), sent = told(capsys)
    assert line["message"] == "message requeued"
    assert sent.get("UploadsWaiting") == waiting


def test_every_event_field_and_metric_is_used_and_documented() -> None:
    events = log_events.EVENTS.values()
    assert set(events) == set(log_events.LogEvent.__subclasses__()), "two events have the same message"
    for event in events:
        assert set(event.measures) <= set(event.field_names())
        assert event.__doc__, f"{event.__name__} has no docstring"
    assert {name for event in events for name in event.field_names()} == set(FIELDS)
    defined = {name: value for name, value in vars(metrics).items() if isinstance(value, metrics.Metric)}
    assert sorted(defined.values(), key=id) == sorted(metrics.METRICS, key=id)
    code = "".join(file.read_text() for folder in ("shared", "functions") for file in (ROOT / folder).rglob("*.py"))
    for name in {*defined, *(event.__name__ for event in events)}:
        assert len(code.split(name)) > 2, f"nobody tells {name}"


def test_no_module_logs_without_telemetry() -> None:
    for folder in ("shared", "functions"):
        for file in (ROOT / folder).rglob("*.py"):
            if file.name == "telemetry.py":
                continue
            names = {
                alias.name
                for node in ast.walk(ast.parse(file.read_text()))
                if isinstance(node, ast.ImportFrom | ast.Import)
                for alias in node.names
            }
            assert not names & {"logging", "Logger", "Metrics"}, file


def test_a_resized_upload_logs_its_times_and_sizes(s3: S3Client, capsys: pytest.CaptureFixture[str]) -> None:
    body = BytesIO()
    Image.new("RGB", (640, 480), "teal").save(body, "JPEG")
    etag = s3.put_object(Bucket="uploads", Key="cat.jpg", Body=body.getvalue())["ETag"].strip('"')
    upload = Upload("uploads", "cat.jpg", etag, len(body.getvalue()), datetime.now(UTC))
    resize_upload(s3, upload, Settings("uploads", "resized", 5), render)
    (line,), _ = told(capsys)
    assert line["image_id"] == upload.image.id
    assert line["size_bytes"] == len(body.getvalue())
    written = s3.list_objects_v2(Bucket="resized")["Contents"]
    assert line["bytes_out"] == sum(found["Size"] for found in written)
    assert 0 <= line["latency_ms"] < 60_000
    assert line["decode_ms"] > 0
    assert line["resize_ms"] > 0
    assert line["encode_ms"] > 0


def test_the_gallery_logs_once_that_it_shows_a_new_picture(capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime.now(UTC)
    new, old = keys.new_image_id(now), keys.new_image_id(datetime(2020, 1, 1, tzinfo=UTC))
    for _ in range(2):
        shown.note([new, old], now.timestamp() + 2)
    (line,), _ = told(capsys)
    assert line["image_id"] == new
    assert line["since_ticket_ms"] == pytest.approx(2000, abs=5)


def test_the_list_of_shown_pictures_is_bounded() -> None:
    now = datetime.now(UTC)
    shown.note([keys.new_image_id(now) for _ in range(MAX_SHOWN_IDS + 10)], now.timestamp())
    assert len(shown._known) == MAX_SHOWN_IDS
    assert SHOWN_SECONDS >= 600
