"""What Darkroom tells about itself: every log line, its fields, and every metric, each named here and nowhere else.

`tell(UPLOAD_RESIZED, image_id, ...)` writes the line, and adds to the metrics what the line says: so the log and the
metrics cannot differ. An image id is an upload's correlation id; it is handed over with each line and kept nowhere, so
lines of uploads that are worked on at the same time cannot mix. docs/logs.md is written from this (`make generated`).
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial, wraps
from threading import Lock
from typing import Any, Literal

from aws_lambda_powertools import Logger, Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit


@dataclass(frozen=True, slots=True)
class Metric:
    """A CloudWatch metric in the stack's own namespace. Its dimension is `service`; `by_code` ones have `code` too."""

    name: str
    unit: MetricUnit
    about: str
    by_code: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of log line. `adds` is what each line adds to a metric, `measures` which field is a metric's value.

    Levels: INFO as it should be, a bad file too. WARNING Darkroom helps itself. ERROR somebody has to look.
    """

    message: str
    level: Literal["info", "warning", "error"]
    about: str
    fields: tuple[str, ...]
    adds: Mapping[Metric, int] = field(default_factory=dict, hash=False)
    measures: Mapping[str, Metric] = field(default_factory=dict, hash=False)


UPLOADS_TICKETED = Metric("UploadsTicketed", MetricUnit.Count, "tickets that the door gave")
UPLOADS_RESIZED = Metric("UploadsResized", MetricUnit.Count, "uploads that became renditions")
UPLOADS_REJECTED = Metric("UploadsRejected", MetricUnit.Count, "files that were refused for good", by_code=True)
UPLOADS_SUPERSEDED = Metric("UploadsSuperseded", MetricUnit.Count, "events whose object was replaced or deleted")
UPLOADS_RETRIED = Metric("UploadsRetried", MetricUnit.Count, "attempts that failed and are tried again")
UPLOADS_DEAD_LETTERED = Metric("UploadsDeadLettered", MetricUnit.Count, "uploads that were given up, with a reason")
ATTEMPTS_FAILED = Metric("AttemptsFailed", MetricUnit.Count, "1 or 0 for each attempt; its average is the error rate")
LATENCY = Metric("Latency", MetricUnit.Milliseconds, "from S3's event time to the last rendition written")
DECODE_TIME = Metric("DecodeTime", MetricUnit.Milliseconds, "one picture's decoding")
RESIZE_TIME = Metric("ResizeTime", MetricUnit.Milliseconds, "one picture's resampling, every rendition")
ENCODE_TIME = Metric("EncodeTime", MetricUnit.Milliseconds, "one picture's encoding, every rendition")
BYTES_IN = Metric("BytesIn", MetricUnit.Bytes, "an original's size")
BYTES_OUT = Metric("BytesOut", MetricUnit.Bytes, "the size of an upload's renditions together")
BATCH_SIZE = Metric("BatchSize", MetricUnit.Count, "messages in one invocation")
COLD_STARTS = Metric("ColdStarts", MetricUnit.Count, "invocations that began a new execution environment")

# A field means the same in every line that has it.
FIELDS = {
    "attempts": "how often the message has been tried, an attempt that is under way included",
    "bytes_out": "size of all renditions in bytes",
    "code": "the error's stable code, as in dead letters, rejections and on the page",
    "decode_ms": "milliseconds of decoding",
    "encode_ms": "milliseconds of encoding",
    "error_type": "the Python class of what was raised",
    "etag": "the content that the event announced",
    "file_name": "as people wrote it; JSON escapes all that is not ASCII",
    "format": "what the picture came as",
    "image_id": "the upload's id from the door to the gallery: the correlation id",
    "isolated": "whether it is worked on in a process of its own, as a suspect",
    "key": "the object's key in the upload bucket",
    "latency_ms": "milliseconds from S3's event time to the last rendition written",
    "media_type": "the type that the ticket is for",
    "message_id": "the queue message's id",
    "path": "the path that was asked for",
    "queue_ms": "milliseconds from the sending of the message to now",
    "renditions": "how many pictures were written",
    "resize_ms": "milliseconds of resampling",
    "retry_seconds": "seconds until the message comes back",
    "sentence": "the error's sentence for people",
    "since_ticket_ms": "milliseconds from the ticket to now",
    "size_bytes": "the original's size in bytes, as far as it is known",
    "error": "what the other side answered",
    "seconds": "the visibility time-out that was asked for",
}

UPLOAD_TICKETED = Line(
    "upload ticketed",
    "info",
    "The door gave leave to upload one picture.",
    ("image_id", "file_name", "media_type", "size_bytes"),
    adds={UPLOADS_TICKETED: 1},
)
TICKET_REFUSED = Line(
    "ticket refused", "info", "The door refused what somebody wanted to upload.", ("code", "sentence")
)
UPLOAD_RECEIVED = Line(
    "upload received",
    "info",
    "A subscriber begins an attempt.",
    ("image_id", "key", "file_name", "size_bytes", "message_id", "attempts", "queue_ms", "isolated"),
)
UPLOAD_RESIZED = Line(
    "upload resized",
    "info",
    "Every rendition is written.",
    (
        "image_id",
        "format",
        "size_bytes",
        "bytes_out",
        "renditions",
        "latency_ms",
        "decode_ms",
        "resize_ms",
        "encode_ms",
    ),
    adds={UPLOADS_RESIZED: 1},
    measures={
        "latency_ms": LATENCY,
        "decode_ms": DECODE_TIME,
        "resize_ms": RESIZE_TIME,
        "encode_ms": ENCODE_TIME,
        "size_bytes": BYTES_IN,
        "bytes_out": BYTES_OUT,
    },
)
UPLOAD_REJECTED = Line(
    "upload rejected",
    "info",
    "The file was refused for good; the record is written.",
    ("image_id", "code", "sentence", "size_bytes"),
    adds={UPLOADS_REJECTED: 1},
)
UPLOAD_SUPERSEDED = Line(
    "upload superseded",
    "info",
    "The object was replaced or deleted since its event.",
    ("image_id", "key", "etag"),
    adds={UPLOADS_SUPERSEDED: 1},
)
MESSAGE_FAILED = Line(
    "message failed",
    "warning",
    "An attempt failed; the message comes back.",
    ("image_id", "message_id", "code", "sentence", "error_type", "attempts", "retry_seconds"),
    adds={UPLOADS_RETRIED: 1},
)
DEAD_LETTER_SENT = Line(
    "dead letter sent",
    "error",
    "The message was given up, with its reason.",
    ("image_id", "message_id", "code", "sentence", "error_type", "attempts"),
    adds={UPLOADS_DEAD_LETTERED: 1},
)
DEAD_LETTER_NOT_SENT = Line(
    "dead letter not sent",
    "error",
    "The message was to be given up, but its letter could not be sent; SQS moves it later, without the reason.",
    ("image_id", "message_id", "code", "sentence", "error_type", "attempts"),
)
MESSAGE_NOT_ACKNOWLEDGED = Line(
    "message not acknowledged", "warning", "SQS did not delete it before its batch ended; Lambda will.", ("error",)
)
MESSAGE_SENT_ANEW = Line(
    "message sent anew",
    "info",
    "No time was left to begin with it. It goes back as a fresh copy: having waited counts as no attempt.",
    ("message_id", "attempts"),
)
MESSAGE_NOT_SENT_ANEW = Line(
    "message not sent anew",
    "warning",
    "SQS did not take the fresh copy; the message comes back.",
    ("message_id", "error"),
)
VISIBILITY_NOT_CHANGED = Line(
    "visibility not changed", "warning", "SQS did not listen; messages come back later.", ("error", "seconds")
)
UPLOAD_SHOWN = Line(
    "upload shown",
    "info",
    "A gallery answer has the picture; once an execution environment, in the upload's first hour.",
    ("image_id", "since_ticket_ms"),
)
REQUEST_FAILED = Line(
    "request failed",
    "error",
    "The gallery answered a request with 5xx.",
    ("path", "code", "sentence"),
)
INVOCATION_FAILED = Line(
    "invocation failed", "error", "An exception left the function; Lambda counts an error.", ("error_type",)
)
SETTINGS_WRONG = Line(
    "settings wrong",
    "error",
    "The function has started and can do nothing until the stack is mended; everything that is wrong is named.",
    ("code", "sentence"),
)

LINES = tuple(value for value in list(globals().values()) if isinstance(value, Line))
METRICS = tuple(value for value in list(globals().values()) if isinstance(value, Metric))

# All that is not ASCII is escaped: a file name cannot turn a terminal's text around or begin a line of its own.
logger = Logger(use_rfc3339=True, utc=True, json_serializer=partial(json.dumps, default=str, separators=(",", ":")))
_lock = Lock()
_coded: Counter[tuple[Metric, str]] = Counter()
_environments: Counter[str] = Counter()


def tell(line: Line, image_id: str | None = None, *, exc_info: bool = False, **fields: Any) -> None:
    """Writes `line` with its `fields`, and adds to the metrics that it counts and measures."""
    if image_id:
        fields["image_id"] = image_id
    assert fields.keys() <= set(line.fields), fields.keys() - set(line.fields)
    write = getattr(logger, line.level)
    write(line.message, exc_info=exc_info, extra=fields, stacklevel=3)
    for metric, number in line.adds.items():
        add(metric, number, str(fields.get("code", "")))
    for name, metric in line.measures.items():
        add(metric, fields[name])


def add(metric: Metric, value: float, code: str = "") -> None:
    """Adds a value to `metric`; `observed` sends it at the end of the invocation."""
    with _lock:  # Powertools counts on one thread
        if metric.by_code:
            _coded[metric, code] += int(value)
        else:
            _metrics().add_metric(metric.name, metric.unit, value)


def observed[R](handler: Callable[[dict[str, Any], Any], R]) -> Callable[[dict[str, Any], Any], R]:
    """A Lambda entry point whose log lines name their request, and whose metrics are sent at its end."""

    @logger.inject_lambda_context
    @wraps(handler)
    def run(event: dict[str, Any], context: Any) -> R:
        if not _environments["begun"]:
            _environments["begun"] = 1
            add(COLD_STARTS, 1)
        try:
            return handler(event, context)
        except Exception as error:
            tell(INVOCATION_FAILED, error_type=type(error).__qualname__, exc_info=True)
            raise
        finally:
            flush()

    return run


def flush() -> None:
    """Writes the metrics as lines in CloudWatch's embedded metric format: one, and one more for each code."""
    with _lock:
        if _metrics().provider.metric_set:
            _metrics().flush_metrics()
        for (metric, code), number in _coded.items():
            with single_metric(metric.name, metric.unit, number, namespace=_namespace()) as coded:
                coded.add_dimension("code", code)
        _coded.clear()


@cache
def _metrics() -> Metrics:
    return Metrics(namespace=_namespace())


def _namespace() -> str:
    return os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "darkroom")
