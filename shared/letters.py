"""Dead letters: queue messages that a function gave up, with the reason in their attributes.

The function writes the attributes (`attributes`), the `darkroom` command reads them (`reason_of`). Two kinds of letter
have no such reason: SQS moved the message itself, because the function's process ended before it could write one, or
SNS could not put the message into the queue.

Each letter also has a record in S3, beside the queue (`keep_record`). SQS can neither list nor filter a queue without
hiding its messages from everybody else, and S3 lists a thousand records in a request. The queue stays the truth: a
record can be missing or out of date, and `darkroom dead-letters` compares the two.
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from shared import storage
from shared.errors import DarkroomError
from shared.events import Created, RenditionCreated, Upload, UploadRejected, events_in
from shared.keys import LetterKey, letter_key
from shared.limits import MAX_DEATHS, MAX_SENTENCE_CHARS

if TYPE_CHECKING:  # type stubs are not deployed
    from mypy_boto3_s3 import S3Client

UNEXPLAINED = "unexplained"
UNDELIVERED = "undelivered"

MAX_NAME_CHARS = 60
# Attributes of a message that a replay sent. `replayed_at` is in ISO 8601, `history` is what `history_text` wrote.
REPLAYED_AT = "replayed_at"
HISTORY = "history"

# Characters that SQS refuses: docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
_REFUSED = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a message was given up. Times are UTC in ISO 8601. Unknown fields are empty.

    `first_failed_at` is when the message was first received: its first attempt began then.
    """

    code: str
    sentence: str
    error_type: str = ""
    function_name: str = ""
    request_id: str = ""
    message_id: str = ""
    first_failed_at: str = ""
    last_failed_at: str = ""
    attempts: str = ""


@dataclass(frozen=True, slots=True)
class Death:
    """One earlier time that an event became a dead letter, and who sent it back to the queue."""

    code: str
    at: str
    attempts: str
    replayed_at: str
    replayed_by: str


def attributes(reason: Reason, history: str = "") -> dict[str, Any]:
    """Return `reason` and the message's `history` as SQS message attributes. SQS takes ten, and none may be empty."""
    return _as_attributes({**asdict(reason), HISTORY: history})


def replay_attributes(reason: Reason, deaths: tuple[Death, ...], replayed_at: datetime, by: str) -> dict[str, Any]:
    """Return the attributes of a dead letter's event as it goes back to the queue.

    `replayed_at` restarts the event's latency, because time as a dead letter is not latency.
    """
    at = replayed_at.astimezone(UTC).isoformat(timespec="milliseconds")
    death = Death(reason.code, reason.last_failed_at, reason.attempts, at, by[:MAX_NAME_CHARS])
    return _as_attributes({REPLAYED_AT: at, HISTORY: history_text((*deaths, death))})


def resubmit_attributes(at: datetime) -> dict[str, Any]:
    """Return the attributes of an event that `darkroom` sends for a stored original."""
    return _as_attributes({REPLAYED_AT: at.astimezone(UTC).isoformat(timespec="milliseconds")})


def texts_of(message: Mapping[str, Any]) -> dict[str, str]:
    """Return a message's attributes by name, as ReceiveMessage answers them or as Lambda's event contains them."""
    found = message.get("MessageAttributes") or message.get("messageAttributes") or {}
    return {name: value.get("StringValue") or value.get("stringValue") or "" for name, value in found.items()}


def reason_of(message: Mapping[str, Any]) -> Reason:
    """Read why the dead letter `message` (as ReceiveMessage answers it) was given up.

    A message that SQS moved itself has `DeadLetterQueueSourceArn`. Attributes of an earlier death may still be on it,
    when another tool redrove it: then they are its history (`deaths_of`), not its reason.
    """
    sent, system = texts_of(message), message.get("Attributes", {})
    if "code" in sent and "DeadLetterQueueSourceArn" not in system:
        known = {name: sent.get(name, "") for name in Reason.__dataclass_fields__}
        return Reason(**known | {"message_id": known["message_id"] or message.get("MessageId", "")})
    if "ErrorCode" in sent and "DeadLetterQueueSourceArn" not in system:
        return Reason(
            UNDELIVERED,
            f"SNS could not put it into the queue ({sent['ErrorCode']}: {sent.get('ErrorMessage', '')}). "
            "Check the queue's policy, then replay.",
            request_id=sent.get("RequestID", ""),
            message_id=message.get("MessageId", ""),
            last_failed_at=iso(system.get("SentTimestamp")),
        )
    return Reason(
        UNEXPLAINED,
        "The function's process ended at the last attempt before it could say why. Read its log, then replay.",
        message_id=message.get("MessageId", ""),
        first_failed_at=iso(system.get("SentTimestamp")),
    )


def deaths_of(message: Mapping[str, Any]) -> tuple[Death, ...]:
    """Read the earlier deaths of the dead letter `message`, oldest first."""
    sent = texts_of(message)
    deaths = read_history(sent.get(HISTORY, ""))
    if "code" in sent and "DeadLetterQueueSourceArn" in message.get("Attributes", {}):
        redriven = Death(sent["code"], sent.get("last_failed_at", ""), sent.get("attempts", ""), "", "another tool")
        deaths = (*deaths, redriven)
    return deaths


def history_text(deaths: tuple[Death, ...]) -> str:
    """Write the newest MAX_DEATHS deaths as the attribute `history`."""
    kept = deaths[-MAX_DEATHS:]
    return json.dumps([list(asdict(death).values()) for death in kept], separators=(",", ":")) if kept else ""


def read_history(text: str) -> tuple[Death, ...]:
    """Read the attribute `history`. Anything else that a tool put there is no history."""
    with suppress(ValueError, TypeError):
        return tuple(Death(*map(str, row)) for row in json.loads(text))
    return ()


def events_of(body: str) -> tuple[Created, ...]:
    """Read the events in a message of any subscriber. The answer is empty for a message that is no event."""
    # Each subscriber has letters of one kind. An upload whose own key looks like a rendition's is not expected.
    kinds: tuple[type[Created], ...] = (RenditionCreated, UploadRejected, Upload)
    with suppress(DarkroomError):
        return next((tuple(found) for kind in kinds if (found := events_in(kind, body))), ())
    return ()


def key_of(queue_url: str, body: str, reason: Reason) -> LetterKey:
    """Return the record key of a letter in the dead-letter queue `queue_url`, made from the letter alone."""
    event = next(iter(events_of(body)), None)
    try:
        at = datetime.fromisoformat(reason.last_failed_at or reason.first_failed_at)
    except ValueError:
        at = datetime.fromtimestamp(0, UTC)
    return LetterKey(
        queue=queue_url.rsplit("/", 1)[-1],
        code=reason.code,
        at=at if at.tzinfo else at.replace(tzinfo=UTC),
        image_id=event.image.id if event else None,
        message_id=reason.message_id,
        attempts=reason.attempts if reason.attempts.isdecimal() else "",
        upload_key=event.key if event else "",
    )


def keep_record(
    s3: "S3Client", bucket: str, queue_url: str, body: str, reason: Reason, deaths: tuple[Death, ...] = ()
) -> None:
    """Write the record of a letter that was sent to the dead-letter queue `queue_url`.

    Raises Unavailable if S3 does not take it. The letter is valid without its record.
    """
    record = asdict(reason) | {"history": [asdict(death) for death in deaths], "body": body}
    storage.put_record(s3, bucket, letter_key(key_of(queue_url, body, reason)), record)


def read_record(s3: "S3Client", bucket: str, key: LetterKey) -> dict[str, Any]:
    """Read a letter's record. The answer has no values if the record is gone or damaged."""
    empty: dict[str, Any] = {"history": [], "body": ""}
    try:
        record = json.loads(s3.get_object(Bucket=bucket, Key=letter_key(key))["Body"].read())
    except (ClientError, ValueError):
        return empty
    return empty | record if isinstance(record, dict) else empty


def forget_record(s3: "S3Client", bucket: str, queue_url: str, message: Mapping[str, Any]) -> None:
    """Delete the record of a letter that another tool moved back to the queue with its attributes.

    `message` is a message in Lambda's event. Raises Unavailable.
    """
    sent = texts_of(message)
    if "code" in sent:
        reason = Reason(**{name: sent.get(name, "") for name in Reason.__dataclass_fields__})
        storage.delete(s3, bucket, letter_key(key_of(queue_url, message["body"], reason)))


def iso(milliseconds: str | None) -> str:
    """Convert a time of SQS (milliseconds since 1970) to ISO 8601. The answer is empty if there is none."""
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC).isoformat(timespec="seconds") if milliseconds else ""


def _as_attributes(texts: Mapping[str, str]) -> dict[str, Any]:
    clean = {name: _REFUSED.sub("�", text)[:MAX_SENTENCE_CHARS] for name, text in texts.items()}
    return {name: {"DataType": "String", "StringValue": text} for name, text in clean.items() if text}
