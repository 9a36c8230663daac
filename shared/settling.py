"""Ends each message of a batch: it is done, retried, waits for a service, or becomes a dead letter with its reason."""

import math
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from shared import clock, config, letters, log_events, metrics, queues, storage, telemetry
from shared.errors import DarkroomError, Outage, Rejected, Unavailable
from shared.events import Created
from shared.limits import (
    BACKOFF_FACTOR,
    BACKOFF_FIRST_SECONDS,
    LEASE_MARGIN_SECONDS,
    MARGIN_SECONDS,
    MAX_ATTEMPTS,
    MAX_WAIT_SECONDS,
    MAX_WAITED_SECONDS,
    MIN_WAIT_SECONDS,
)
from shared.message import WAITING_SINCE, Copy, Message
from shared.telemetry import tell


@dataclass(frozen=True, slots=True)
class Queues:
    """The subscriber's queue and dead-letter queue, and names of buckets.

    Records of dead letters go to `letters_bucket`, if it is given. If `events_bucket` is given, events about any other
    bucket are refused as forged.
    """

    queue_url: str
    dead_letter_queue_url: str
    letters_bucket: str = ""
    events_bucket: str = ""


@cache
def own_queues() -> Queues:
    return config.read(Queues)


class Settling[E: Created]:
    """Decides the outcome of each message of an invocation, and tells SQS. Callable from several threads."""

    def __init__(self, context: LambdaContext, ends: float) -> None:
        """`ends` is the end of the invocation's time, on the monotonic clock."""
        self._context = context
        self._ends = ends
        # The lease, if it is under way in another thread.
        self.leased: Future[None] | None = None
        # The ids of the messages that SQS must deliver again.
        self.failed: set[str] = set()

    def settle(self, message: Message, events: int, failures: Sequence[tuple[E | None, Exception]]) -> None:
        """Ends the message, or has each of its failed events retried, wait, or become a dead letter."""
        if any(not isinstance(error, Outage) for _, error in failures):
            telemetry.add(metrics.ATTEMPTS_FAILED, 1)
        elif not failures:
            telemetry.add(metrics.ATTEMPTS_FAILED, 0)
            self._forget_record(message)
        waiting: list[tuple[Message, E | None, DarkroomError]] = []
        for event, error in failures:
            # If a message has several events, each failed event continues alone and does not delay the others.
            part = event if events > 1 else None
            known = error if isinstance(error, DarkroomError) else _unexpected(error)
            if isinstance(known, Outage) and not _waited_too_long(message):
                waiting.append((message, part, known))
            elif message.attempts < MAX_ATTEMPTS and not isinstance(known, Rejected | Outage):
                self._retry(message, event, part, known, error)
            else:
                self._give_up(message, event, part, known, error)
        self.requeue(waiting)

    def _retry(self, message: Message, event: E | None, part: E | None, known: DarkroomError, error: Exception) -> None:
        seconds = max(backoff_seconds(message.attempts), math.ceil(getattr(known, "retry_after_seconds", 0)))
        tell(
            log_events.MessageFailed(
                image_id=event.image.id if event else None,
                message_id=message.id,
                code=known.code,
                sentence=known.sentence,
                error_type=_type_of(error),
                attempts=message.attempts,
                retry_seconds=seconds,
            ),
            exc_info=known is not error,
        )
        if part:
            copy = message.copy(seconds, message.attempts, message.waiting_since, part)
            if not self._send_copies([copy])[0]:
                return
        self._redeliver(message, seconds)

    def _give_up(
        self, message: Message, event: E | None, part: E | None, known: DarkroomError, error: Exception
    ) -> None:
        """Sends the dead letter. If SQS does not take it, the message itself is redelivered."""
        told: dict[str, Any] = {
            "image_id": event.image.id if event else None,
            "message_id": message.id,
            "code": known.code,
            "sentence": known.sentence,
            "error_type": _type_of(error),
            "attempts": message.attempts,
        }
        reason = letters.Reason(
            code=known.code,
            sentence=known.sentence,
            error_type=_type_of(error),
            function_name=self._context.function_name,
            request_id=self._context.aws_request_id,
            message_id=message.id,
            first_failed_at=letters.iso(message.record["attributes"].get("ApproximateFirstReceiveTimestamp")),
            last_failed_at=clock.now().isoformat(timespec="seconds"),
            attempts=str(message.attempts),
        )
        body = message.copy(0, 0, None, part).body
        dead_letter_queue = own_queues().dead_letter_queue_url
        try:
            queues.send(queues.sqs_client(), dead_letter_queue, body, letters.attributes(reason, message.history))
        except (ClientError, BotoCoreError):
            tell(log_events.DeadLetterNotSent(**told), exc_info=True)
            self._redeliver(message, backoff_seconds(MAX_ATTEMPTS))
            return
        tell(log_events.DeadLetterSent(**told), exc_info=known is not error)
        self._forget_record(message)
        if bucket := own_queues().letters_bucket:
            deaths = letters.read_history(message.history)
            with _letter_record_is_optional():
                letters.keep_record(storage.s3_client(), bucket, dead_letter_queue, body, reason, deaths)

    def _forget_record(self, message: Message) -> None:
        bucket = own_queues().letters_bucket
        if bucket and message.has_reason:
            with _letter_record_is_optional():
                url = own_queues().dead_letter_queue_url
                letters.forget_record(storage.s3_client(), bucket, url, message.record)

    def requeue(self, waiting: Sequence[tuple[Message, E | None, DarkroomError]]) -> None:
        """Replaces each message by a copy that waits and is charged no attempt for this receive."""
        if not waiting:
            return
        now = clock.now()
        copies = []
        for message, part, error in waiting:
            since = message.waiting_since or now
            delay = 0 if error.code == log_events.NO_TIME_LEFT else wait_seconds((now - since).total_seconds())
            copies.append(message.copy(delay, message.attempts - 1, since, part))
        for (message, _, error), copy, unsent in zip(waiting, copies, self._send_copies(copies), strict=True):
            told: dict[str, Any] = {
                "message_id": message.id,
                "attempts": message.attempts - 1,
                "code": error.code,
                "sentence": error.sentence,
                "delay_seconds": copy.delay_seconds,
                "waiting_since": copy.attributes[WAITING_SINCE]["StringValue"],
            }
            if unsent:
                tell(log_events.MessageNotRequeued(error=unsent, **told))
                # Without a copy each try costs one of MAX_RECEIVES, so the wait grows from the first receive on.
                self._redeliver(message, wait_seconds((now - message.first_received).total_seconds()))
            else:
                tell(log_events.MessageRequeued(**told))
                self._forget_record(message)

    def _send_copies(self, copies: Sequence[Copy]) -> list[str]:
        """Sends copies to the queue; returns the error of each, empty if SQS took it."""
        errors: list[str] = []
        for start in range(0, len(copies), queues.BATCH_MESSAGES):
            batch = copies[start : start + queues.BATCH_MESSAGES]
            try:
                errors += queues.requeue(queues.sqs_client(), own_queues().queue_url, batch)
            except (ClientError, BotoCoreError) as error:
                errors += [str(error)] * len(batch)
        return errors

    def _redeliver(self, message: Message, seconds: int) -> None:
        """Has SQS deliver the message again after `seconds`; the receive counts as an attempt."""
        self.failed.add(message.id)
        if self.leased:  # a lease that arrives later would replace `seconds`
            wait([self.leased], max(self.left() - MARGIN_SECONDS, 0))
        self._set_visibility([message], seconds)

    def lease(self, messages: Sequence[Message]) -> None:
        """Hides the batch's messages for as long as this process can live.

        The queue's visibility timeout, six function timeouts, allows for Lambda's own waiting. At this point the end of
        the invocation is known: if the process dies, its messages are redelivered soon after this end, not minutes
        later. Each further receive doubles the lease, so that a message whose process dies again and again, or that SQS
        fails to delete although it is done, does not use up MAX_RECEIVES within minutes.
        """
        lease = math.ceil(self.left() + LEASE_MARGIN_SECONDS)
        leases: dict[int, list[Message]] = {}
        for message in messages:
            seconds = max(min(lease * 2 ** (message.receives - 1), MAX_WAIT_SECONDS), lease)
            leases.setdefault(seconds, []).append(message)
        for seconds, together in leases.items():
            self._set_visibility(together, seconds)

    def _set_visibility(self, messages: Sequence[Message], seconds: int) -> None:
        handles = [message.receipt_handle for message in messages]
        try:
            queues.set_visibility(queues.sqs_client(), own_queues().queue_url, handles, seconds)
        except (ClientError, BotoCoreError) as error:  # the messages come back later, by the queue's own timeout
            tell(log_events.VisibilityNotChanged(error=str(error), seconds=seconds))

    def left(self) -> float:
        """Returns the seconds until the invocation's time ends."""
        return self._ends - clock.monotonic()


def backoff_seconds(attempts: int) -> int:
    """Returns the delay after the `attempts`-th failed attempt: exponential, its upper half random.

    "Full jitter" (aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter) can draw five delays of zero.
    Attempts are limited here, and a deployment of a minute must not use them up.
    """
    longest = BACKOFF_FIRST_SECONDS * BACKOFF_FACTOR ** (attempts - 1)
    return math.ceil(random.uniform(longest / 2, longest))  # noqa: S311  (not a secret)


def wait_seconds(waited_seconds: float) -> int:
    """Returns the next wait of a message: at most as long as it has waited for the service so far, or 15 minutes.

    So the wait grows exponentially without a counter, and recovery costs at most as much time as the outage took.
    """
    longest = min(max(waited_seconds, MIN_WAIT_SECONDS), MAX_WAIT_SECONDS)
    return math.ceil(random.uniform(longest / 2, longest))  # noqa: S311  (not a secret)


def _waited_too_long(message: Message) -> bool:
    since = message.waiting_since
    return since is not None and (clock.now() - since).total_seconds() > MAX_WAITED_SECONDS


@contextmanager
def _letter_record_is_optional() -> Iterator[None]:
    try:
        yield
    except Unavailable as error:
        tell(log_events.LetterNotRecorded(error=str(error)))


def _unexpected(error: Exception) -> Unavailable:
    return Unavailable("unexpected", f"{_type_of(error)}: {error}")


def _type_of(error: Exception) -> str:
    cause = error.__cause__ if isinstance(error, DarkroomError) and error.__cause__ else error
    return type(cause).__qualname__
