"""What every subscriber does alike: a batch of queue messages, each of which ends well, comes back, or is explained.

A subscriber gives its work for one event; this gives it partial batches, retries with backoff, a time budget, dead
letters with reasons, and the word when an event is suspected of having ended a process (docs/decisions).
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from shared import config, queues, storage, telemetry
from shared.deadline import deadline
from shared.errors import DarkroomError, Rejected, Unavailable
from shared.events import Created, Upload, events_in
from shared.letters import Reason, attributes, iso
from shared.limits import (
    BACKOFF_FACTOR,
    BACKOFF_FIRST_SECONDS,
    LEASE_MARGIN_SECONDS,
    MAX_ATTEMPTS,
    MESSAGE_SECONDS,
    RESERVE_SECONDS,
    START_SECONDS,
)
from shared.telemetry import tell

# The message attribute of a copy (see `_sent_anew`) that says how often the message was tried before.
EARLIER_ATTEMPTS = "earlier_attempts"

# The event, and whether it must be worked on in a process of its own (shared/isolation.py).
type Work[E: Created = Upload] = Callable[[E, bool], None]


class _Untouched(Exception):
    """There was no time left to begin with this message."""


@dataclass(frozen=True, slots=True)
class Queues:
    """Where a subscriber's messages come from, and where those go that it gives up."""

    queue_url: str
    dead_letter_queue_url: str


@cache
def _queues() -> Queues:
    return config.read(Queues)


def process_batch(event: dict[str, Any], context: LambdaContext, work: Work) -> dict[str, Any]:
    """`process_events` for a subscriber to uploads."""
    return process_events(event, context, Upload, work)


def process_events[E: Created](
    event: dict[str, Any], context: LambdaContext, kind: type[E], work: Work[E], keys: str = "*"
) -> dict[str, Any]:
    """Does `work` for every event of `kind` in a batch of SQS messages; answers the ids of those that must come back.

    Only events whose key matches the shell pattern `keys` are worked on. One whose object has been replaced or deleted
    meanwhile (`work` raises storage.Superseded) is done with: what replaced it has an event of its own.

    `work` raises Unavailable, or anything unknown, to be tried again with backoff, at most MAX_ATTEMPTS times, and
    Rejected for what cannot succeed; whatever is given up becomes a dead letter with its reason.

    A message that came before may have been in a batch whose process died, and may be what killed it: a suspect. A
    batch with a suspect is worked on in isolation as a whole. So no process dies twice over one neighbour's fault, and
    a healthy message loses at most its first attempt to another's. And each message of such a batch is acknowledged as
    soon as it is done with, not with its batch: should the process die all the same, only the rest pays.
    """
    # Most tried first: who has been waiting longest gets the whole of the time.
    records = sorted(event["Records"], key=lambda record: -_attempts(record))
    isolate = _attempts(records[0]) > 1
    telemetry.add(telemetry.BATCH_SIZE, len(records))
    _lease(records, context)
    untouched: list[str] = []

    def work_on(announced: E, isolate: bool) -> None:
        try:
            work(announced, isolate)
        except storage.Superseded:
            superseded = telemetry.UploadSuperseded(image_id=announced.image.id, key=announced.key, etag=announced.etag)
            tell(superseded)

    def attempt(record: SQSRecord) -> None:
        left = context.get_remaining_time_in_millis() / 1000
        if left < START_SECONDS and record.message_id != records[0]["messageId"]:
            if _sent_anew(record.raw_event):
                return
            untouched.append(record.receipt_handle)
            raise _Untouched
        image_id = None
        try:
            with deadline(max(min(MESSAGE_SECONDS, left - RESERVE_SECONDS), 1)):
                for announced in events_in(kind, record.body):
                    if fnmatchcase(announced.key, keys):
                        image_id = announced.image.id
                        _tell_received(announced, record.raw_event)
                        work_on(announced, isolate)
            telemetry.add(telemetry.ATTEMPTS_FAILED, 0)
            if isolate:
                _acknowledge(record.receipt_handle)
        except Exception as error:
            telemetry.add(telemetry.ATTEMPTS_FAILED, 1)
            _fail(record.raw_event, image_id, error, context)

    # Failed messages come back even when all of a batch failed; raising would only hide which and why.
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    answer = process_partial_response(
        {"Records": records}, record_handler=attempt, processor=processor, context=context
    )
    _hide(untouched, 0)
    return answer  # type: ignore[return-value]


def backoff_seconds(attempts: int) -> int:
    """How long a message that failed for the `attempts`-th time waits: exponential, the upper half of it random.

    Not "full jitter" (aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter), which can draw five waits of
    nothing: attempts are counted here, and an outage of a minute must not use them up.
    """
    longest = BACKOFF_FIRST_SECONDS * BACKOFF_FACTOR ** (attempts - 1)
    return math.ceil(random.uniform(longest / 2, longest))  # noqa: S311  (nobody guesses it)


def _attempts(record: dict[str, Any]) -> int:
    """How often the message has been tried, this time included, also as the messages that it is a copy of."""
    earlier = record["messageAttributes"].get(EARLIER_ATTEMPTS, {}).get("stringValue", "0")
    return int(record["attributes"]["ApproximateReceiveCount"]) + int(earlier)


def _tell_received(announced: Created, record: dict[str, Any]) -> None:
    waited = datetime.now(UTC).timestamp() * 1000 - int(record["attributes"]["SentTimestamp"])
    received = telemetry.UploadReceived(
        image_id=announced.image.id,
        key=announced.key,
        file_name=announced.image.name,
        size_bytes=announced.size_bytes,
        message_id=record["messageId"],
        attempts=_attempts(record),
        queue_ms=max(round(waited), 0),
    )
    tell(received)


def _lease(records: list[dict[str, Any]], context: LambdaContext) -> None:
    # The queue's visibility timeout, six function timeouts, allows for Lambda's own waiting. From here on our time is
    # known: if this process dies, its messages are back when it would have ended, not minutes later.
    seconds = context.get_remaining_time_in_millis() / 1000 + LEASE_MARGIN_SECONDS
    _hide([record["receiptHandle"] for record in records], math.ceil(seconds))


def _hide(receipt_handles: list[str], seconds: int) -> None:
    try:
        queues.hide(queues.sqs_client(), _queues().queue_url, receipt_handles, seconds)
    except (ClientError, BotoCoreError) as error:
        # They come back all the same, only later.
        tell(telemetry.VisibilityNotChanged(error=str(error), seconds=seconds))


def _acknowledge(receipt_handle: str) -> None:
    try:
        queues.delete(queues.sqs_client(), _queues().queue_url, receipt_handle)
    except (ClientError, BotoCoreError) as error:
        # Lambda does it at the end of the batch, as always.
        tell(telemetry.CleanUpFailed(image_id=None, error=str(error)))


def _sent_anew(record: dict[str, Any]) -> bool:
    # Coming back would count as a receive, and a message that waits often enough would be given up untouched. So it
    # goes to the end of the queue as a fresh copy that says how often it was really tried: not once more for having
    # waited, and not once less, because a killer must not pass for new again and again.
    earlier = _attempts(record) - 1
    told: dict[str, Any] = {
        "message_id": record["messageId"],
        "attempts": earlier,
        "code": telemetry.NO_TIME_LEFT,
        "sentence": "The batch had no time left for this message.",
        "delay_seconds": 0,
        "waiting_since": None,
    }
    tried = {EARLIER_ATTEMPTS: {"DataType": "Number", "StringValue": str(earlier)}} if earlier else {}
    try:
        queues.send(queues.sqs_client(), _queues().queue_url, record["body"], tried)
    except (ClientError, BotoCoreError) as error:
        tell(telemetry.MessageNotRequeued(error=str(error), **told))
        return False
    tell(telemetry.MessageRequeued(**told))
    return True


def _fail(record: dict[str, Any], image_id: str | None, error: Exception, context: LambdaContext) -> None:
    """Raises `error` if the message shall come back; returns if it became a dead letter."""
    attempts = _attempts(record)
    known = error if isinstance(error, DarkroomError) else _unexpected(error)
    told: dict[str, Any] = {
        "image_id": image_id,
        "message_id": record["messageId"],
        "code": known.code,
        "sentence": known.sentence,
        "error_type": _type_of(error),
        "attempts": attempts,
    }
    if attempts < MAX_ATTEMPTS and not isinstance(error, Rejected):
        seconds = backoff_seconds(attempts)
        tell(telemetry.MessageFailed(retry_seconds=seconds, **told), exc_info=known is not error)
        _hide([record["receiptHandle"]], seconds)
        raise known from error
    reason = Reason(
        code=known.code,
        sentence=known.sentence,
        error_type=_type_of(error),
        function_name=context.function_name,
        request_id=context.aws_request_id,
        message_id=record["messageId"],
        first_failed_at=iso(record["attributes"].get("ApproximateFirstReceiveTimestamp")),
        last_failed_at=datetime.now(UTC).isoformat(timespec="seconds"),
        attempts=str(attempts),
    )
    try:
        queues.send(queues.sqs_client(), _queues().dead_letter_queue_url, record["body"], attributes(reason))
    except (ClientError, BotoCoreError) as unsent:
        # The message comes back once more, and then SQS itself puts it there, without a reason.
        tell(telemetry.DeadLetterNotSent(**told), exc_info=True)
        raise known from unsent
    tell(telemetry.DeadLetterSent(**told), exc_info=known is not error)


def _unexpected(error: Exception) -> Unavailable:
    return Unavailable("unexpected", f"{_type_of(error)}: {error}")


def _type_of(error: Exception) -> str:
    cause = error.__cause__ if isinstance(error, DarkroomError) and error.__cause__ else error
    return type(cause).__qualname__
