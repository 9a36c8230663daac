"""Darkroom's own log events. Each is defined here and nowhere else; `telemetry.tell` writes one to the log.

The image id is an upload's correlation id. It is a field of each event and not of the logger, so lines of uploads that
run at the same time cannot mix. `make generated` writes docs/logs.md from this module.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, dataclass_transform

from shared.metrics import (
    BYTES_IN,
    BYTES_OUT,
    DECODE_TIME,
    ENCODE_TIME,
    LATENCY,
    RESIZE_TIME,
    UPLOADS_DEAD_LETTERED,
    UPLOADS_REJECTED,
    UPLOADS_RESIZED,
    UPLOADS_RETRIED,
    UPLOADS_SUPERSEDED,
    UPLOADS_TICKETED,
    UPLOADS_WAITING,
    Metric,
)

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
    # The metric that counts these events, except events whose code is in `uncounted_codes`.
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
