"""Darkroom's own log events, their fields and its metrics. Each is defined here and nowhere else.

`tell(UploadResized(image_id=..., ...))` writes one log line and adds the event's numbers to the metrics, so log and
metrics cannot differ. The image id is an upload's correlation id. It is a field of each event and not of the logger, so
lines of uploads that run at the same time cannot mix. `make generated` writes docs/logs.md from this module.
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache, partial, wraps
from threading import Lock
from typing import Any, ClassVar, Literal, dataclass_transform

from aws_lambda_powertools import Logger, Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit


@dataclass(frozen=True, slots=True)
class Metric:
    """A CloudWatch metric in the stack's namespace, with the dimension `service` and, if `by_code`, also `code`."""

    name: str
    unit: MetricUnit
    about: str
    by_code: bool = False


UPLOADS_TICKETED = Metric("UploadsTicketed", MetricUnit.Count, "tickets issued")
UPLOADS_RESIZED = Metric("UploadsResized", MetricUnit.Count, "uploads whose renditions were written")
UPLOADS_REJECTED = Metric("UploadsRejected", MetricUnit.Count, "files rejected for good", by_code=True)
UPLOADS_SUPERSEDED = Metric("UploadsSuperseded", MetricUnit.Count, "events whose object was replaced or deleted")
UPLOADS_RETRIED = Metric("UploadsRetried", MetricUnit.Count, "attempts that failed and will be retried")
UPLOADS_WAITING = Metric("UploadsWaiting", MetricUnit.Count, "messages requeued because a service is unavailable")
UPLOADS_DEAD_LETTERED = Metric("UploadsDeadLettered", MetricUnit.Count, "dead letters sent, each with its reason")
ATTEMPTS_FAILED = Metric("AttemptsFailed", MetricUnit.Count, "1 or 0 for each attempt; its average is the error rate")
LATENCY = Metric("Latency", MetricUnit.Milliseconds, "from S3's event time to the last rendition written")
DECODE_TIME = Metric("DecodeTime", MetricUnit.Milliseconds, "decoding one picture")
RESIZE_TIME = Metric("ResizeTime", MetricUnit.Milliseconds, "resampling one picture to every rendition")
ENCODE_TIME = Metric("EncodeTime", MetricUnit.Milliseconds, "encoding every rendition of one picture")
BYTES_IN = Metric("BytesIn", MetricUnit.Bytes, "the size of an original")
BYTES_OUT = Metric("BytesOut", MetricUnit.Bytes, "the total size of an upload's renditions")
BATCH_SIZE = Metric("BatchSize", MetricUnit.Count, "messages in one invocation")
COLD_STARTS = Metric("ColdStarts", MetricUnit.Count, "first invocations of an execution environment")
METRICS = (
    UPLOADS_TICKETED,
    UPLOADS_RESIZED,
    UPLOADS_REJECTED,
    UPLOADS_SUPERSEDED,
    UPLOADS_RETRIED,
    UPLOADS_WAITING,
    UPLOADS_DEAD_LETTERED,
    ATTEMPTS_FAILED,
    LATENCY,
    DECODE_TIME,
    RESIZE_TIME,
    ENCODE_TIME,
    BYTES_IN,
    BYTES_OUT,
    BATCH_SIZE,
    COLD_STARTS,
)

# A field has the same meaning in every event.
FIELDS = {
    "attempts": "attempts so far, including the current one",
    "bytes_out": "total size of all renditions in bytes",
    "caller": "the name on the invitation of the person who did it",
    "code": "the error's stable code, as in dead letters, rejections and on the page",
    "copy_version": "the contract version of the subscriber's copy of `shared`",
    "darkroom_version": "the contract version of the deployed Darkroom",
    "decode_ms": "milliseconds spent decoding",
    "delay_seconds": "seconds until the requeued message is delivered",
    "encode_ms": "milliseconds spent encoding",
    "error": "the error that the AWS API returned",
    "error_type": "the exception's Python class",
    "etag": "the ETag in the S3 event",
    "file_name": "the uploader's file name; JSON escapes every character that is not ASCII",
    "format": "the picture's file format",
    "image_id": "the upload's id from ticket to gallery: the correlation id",
    "key": "the object's key in the upload bucket",
    "latency_ms": "milliseconds from S3's event time, or from the last replay, to the last rendition written",
    "media_type": "the media type in the ticket",
    "message_id": "the queue message's id",
    "objects": "number of objects that were moved",
    "path": "the requested path",
    "queue_ms": "milliseconds between the message's sending and this attempt",
    "renditions": "number of renditions written",
    "resize_ms": "milliseconds spent resampling",
    "retry_seconds": "seconds until the message becomes visible again",
    "seconds": "the requested visibility timeout",
    "sentence": "the error's sentence for people",
    "since_ticket_ms": "milliseconds since the ticket",
    "size_bytes": "the original's size in bytes, if known",
    "waiting_since": "when the message was requeued for the first time (UTC)",
}

# The code of a requeued message for which its batch had no time left.
NO_TIME_LEFT = "no-time-left"


@dataclass(kw_only=True, eq=False, repr=False)
class LogEvent:
    """One log line. Each subclass is one kind of line, and its docstring says what happened.

    Levels: INFO for normal operation, rejected files included. WARNING if Darkroom recovers by itself. ERROR if an
    operator must act. A field whose value is None is left out of the line.
    """

    message: ClassVar[str]
    level: ClassVar[Literal["info", "warning", "error"]] = "info"
    # The metric that counts these events, except events with one of the codes in `uncounted_codes`.
    counts: ClassVar[Metric | None] = None
    uncounted_codes: ClassVar[frozenset[str]] = frozenset()
    # For each metric that is measured: the field with its value.
    measures: ClassVar[Mapping[str, Metric]] = {}

    @classmethod
    def field_names(cls) -> tuple[str, ...]:
        """Return the names of the event's fields in their documented order."""
        return tuple(field.name for field in fields(cls))

    @classmethod
    def metrics(cls, values: Mapping[str, Any]) -> list[tuple[Metric, float]]:
        """Return each metric, with its value, to which a line with these field values adds."""
        counted = [(cls.counts, 1.0)] if cls.counts and values.get("code") not in cls.uncounted_codes else []
        return counted + [(metric, values[name]) for name, metric in cls.measures.items() if name in values]


@dataclass_transform(kw_only_default=True)
def _event[E: LogEvent](event: type[E]) -> type[E]:
    # Comparing and printing events is not needed, and generating the methods for it would add 10 ms to each cold start.
    return dataclass(kw_only=True, eq=False, repr=False)(event)


@_event
class UploadTicketed(LogEvent):
    """The door issued a ticket for one upload."""

    message = "upload ticketed"
    counts = UPLOADS_TICKETED
    image_id: str
    file_name: str | None = None
    media_type: str | None = None
    size_bytes: int | None = None


@_event
class TicketRefused(LogEvent):
    """The door refused to issue a ticket."""

    message = "ticket refused"
    code: str
    sentence: str


@_event
class UploadReceived(LogEvent):
    """A subscriber begins an attempt."""

    message = "upload received"
    image_id: str
    key: str
    file_name: str
    size_bytes: int
    message_id: str
    attempts: int
    queue_ms: int


@_event
class UploadResized(LogEvent):
    """Every rendition was written."""

    message = "upload resized"
    counts = UPLOADS_RESIZED
    measures: ClassVar = {
        "latency_ms": LATENCY,
        "decode_ms": DECODE_TIME,
        "resize_ms": RESIZE_TIME,
        "encode_ms": ENCODE_TIME,
        "size_bytes": BYTES_IN,
        "bytes_out": BYTES_OUT,
    }
    image_id: str
    format: str
    size_bytes: int
    bytes_out: int
    renditions: int
    latency_ms: int
    decode_ms: float
    resize_ms: float
    encode_ms: float


@_event
class UploadRejected(LogEvent):
    """The file was rejected for good, and the rejection's record was written."""

    message = "upload rejected"
    counts = UPLOADS_REJECTED
    image_id: str
    code: str
    sentence: str
    size_bytes: int


@_event
class UploadSuperseded(LogEvent):
    """The object was replaced or deleted after its event."""

    message = "upload superseded"
    counts = UPLOADS_SUPERSEDED
    image_id: str
    key: str
    etag: str


@_event
class MessageFailed(LogEvent):
    """An attempt failed, and the message will be retried."""

    message = "message failed"
    level = "warning"
    counts = UPLOADS_RETRIED
    image_id: str | None
    message_id: str
    code: str
    sentence: str
    error_type: str
    attempts: int
    retry_seconds: int


@_event
class DeadLetterSent(LogEvent):
    """The message was moved to the dead-letter queue with its reason."""

    message = "dead letter sent"
    level = "error"
    counts = UPLOADS_DEAD_LETTERED
    image_id: str | None
    message_id: str
    code: str
    sentence: str
    error_type: str
    attempts: int


@_event
class DeadLetterNotSent(LogEvent):
    """The dead letter could not be sent; SQS will move the message later, without the reason."""

    message = "dead letter not sent"
    level = "error"
    image_id: str | None
    message_id: str
    code: str
    sentence: str
    error_type: str
    attempts: int


@_event
class MessageRequeued(LogEvent):
    """The message was requeued as a copy that keeps its attempts, so waiting costs no attempt."""

    message = "message requeued"
    counts = UPLOADS_WAITING
    uncounted_codes = frozenset({NO_TIME_LEFT})
    message_id: str
    attempts: int
    code: str
    sentence: str
    delay_seconds: int
    waiting_since: str | None


@_event
class MessageNotRequeued(LogEvent):
    """SQS refused the copy; the message itself will be redelivered."""

    message = "message not requeued"
    level = "warning"
    message_id: str
    attempts: int
    code: str
    sentence: str
    delay_seconds: int
    waiting_since: str | None
    error: str


@_event
class VisibilityNotChanged(LogEvent):
    """SQS did not change the visibility timeout, so messages are redelivered later than intended."""

    message = "visibility not changed"
    level = "warning"
    error: str
    seconds: int


@_event
class CleanUpFailed(LogEvent):
    """The result is written, but removing leftovers failed."""

    message = "clean-up failed"
    level = "warning"
    image_id: str | None
    error: str


@_event
class LetterNotRecorded(LogEvent):
    """The dead letter is in its queue, but S3 did not take or delete its record."""

    message = "letter not recorded"
    level = "warning"
    error: str


@_event
class UploadShown(LogEvent):
    """A gallery response contains the picture; told once per execution environment, in the upload's first hour."""

    message = "upload shown"
    image_id: str
    since_ticket_ms: int


@_event
class PictureRemoved(LogEvent):
    """A picture was removed: its original, its renditions, or its rejection."""

    message = "picture removed"
    image_id: str
    caller: str
    objects: int


@_event
class PictureRestored(LogEvent):
    """A removed picture was put back."""

    message = "picture restored"
    image_id: str
    caller: str
    objects: int


@_event
class RequestFailed(LogEvent):
    """The gallery answered a request with 5xx."""

    message = "request failed"
    level = "error"
    path: str
    code: str
    sentence: str


@_event
class InvocationFailed(LogEvent):
    """The handler raised an exception; Lambda counts an error."""

    message = "invocation failed"
    level = "error"
    error_type: str


@_event
class SettingsWrong(LogEvent):
    """The function started with wrong settings and fails every request until the stack is fixed."""

    message = "settings wrong"
    level = "error"
    code: str
    sentence: str


@_event
class ImportFailed(LogEvent):
    """The subscriber's handler could not be imported, so each of its messages becomes a dead letter."""

    message = "import failed"
    level = "error"
    sentence: str


@_event
class CopyOutdated(LogEvent):
    """The subscriber's copy of the package `shared` is older than the deployed Darkroom's contract."""

    message = "copy outdated"
    level = "warning"
    copy_version: str
    darkroom_version: str


EVENTS: Mapping[str, type[LogEvent]] = {event.message: event for event in LogEvent.__subclasses__()}

# Every character that is not ASCII is escaped, so a file name cannot reverse a terminal's text or start a new line.
logger = Logger(use_rfc3339=True, utc=True, json_serializer=partial(json.dumps, default=str, separators=(",", ":")))
_lock = Lock()
_coded: Counter[tuple[Metric, str]] = Counter()
_environments: Counter[str] = Counter()


def tell(event: LogEvent, *, exc_info: bool = False) -> None:
    """Write `event` to the log and add to the metrics that it counts and measures."""
    values = {name: value for name in event.field_names() if (value := getattr(event, name)) is not None}
    write = getattr(logger, event.level)
    write(event.message, exc_info=exc_info, extra=values, stacklevel=3)
    for metric, value in event.metrics(values):
        add(metric, value, values.get("code", ""))


def add(metric: Metric, value: float, code: str = "") -> None:
    """Add a value to `metric`; `observed` sends it at the end of the invocation."""
    with _lock:  # Powertools' metrics are not thread-safe
        if metric.by_code:
            _coded[metric, code] += int(value)
        else:
            _metrics().add_metric(metric.name, metric.unit, value)


def observed[R](handler: Callable[[dict[str, Any], Any], R]) -> Callable[[dict[str, Any], Any], R]:
    """Decorate a Lambda handler: log lines carry the request's id, and metrics are sent when the handler returns."""

    @logger.inject_lambda_context
    @wraps(handler)
    def run(event: dict[str, Any], context: Any) -> R:
        if not _environments["begun"]:
            _environments["begun"] = 1
            add(COLD_STARTS, 1)
        try:
            return handler(event, context)
        except Exception as error:
            tell(InvocationFailed(error_type=type(error).__qualname__), exc_info=True)
            raise
        finally:
            flush()

    return run


def flush() -> None:
    """Write the metrics in CloudWatch's embedded metric format: one line for all, and one more for each code."""
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
