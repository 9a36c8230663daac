"""The part that all subscribers share: a batch of queue messages, each of which succeeds, is retried, waits, or becomes
a dead letter with its reason.

A subscriber supplies the work for one event. This module supplies partial batches, retries with backoff, the time
budget, waiting during outages, and dead letters. docs/architecture.md shows the states of a message.

The process can still end in the middle of a batch: Lambda's timeout, the kernel if memory runs out, a crash of the
interpreter. Then Lambda reports nothing, and SQS delivers each message of the batch again once its lease ends
(`_lease`). Every such receive counts as an attempt, and after MAX_RECEIVES of them SQS moves the message itself.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from threading import Lock
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from shared import clock, config, letters, queues, storage, telemetry
from shared.breaker import Breaker
from shared.deadline import deadline, ends_at, no_time_left
from shared.errors import DarkroomError, Outage, Rejected, Unavailable
from shared.events import Created, events_in, refuse_foreign
from shared.limits import (
    BACKOFF_FACTOR,
    BACKOFF_FIRST_SECONDS,
    LEASE_MARGIN_SECONDS,
    MARGIN_SECONDS,
    MAX_ATTEMPTS,
    MAX_WAIT_SECONDS,
    MAX_WAITED_SECONDS,
    MESSAGE_SECONDS,
    MIN_WAIT_SECONDS,
    RESERVE_SECONDS,
    START_SECONDS,
)
from shared.message import WAITING_SINCE, Copy, Message
from shared.telemetry import tell

type Work[E: Created] = Callable[[E], None]


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
def _queues() -> Queues:
    return config.read(Queues)


# One per execution environment: it remembers an outage from one batch to the next.
breaker = Breaker()


def process_events[E: Created](
    event: dict[str, Any],
    context: LambdaContext,
    kind: type[E],
    work: Work[E],
    keys: str = "*",
    overlap: int = 1,
) -> dict[str, Any]:
    """Does `work` for every event of `kind` in a batch of SQS messages; returns Lambda's partial batch response.

    Only events whose key matches the shell pattern `keys` are worked on. If `work` raises storage.Superseded, the
    event is done, because the newer object has its own event.

    `work` raises Rejected for a message that can never succeed: it becomes a dead letter. It raises Outage if a service
    is down: the message waits and is charged no attempt. For Unavailable and every unknown exception the message is
    retried with backoff, and becomes a dead letter after MAX_ATTEMPTS.

    With `overlap` above 1, that many messages are processed at the same time, in threads. `work` must then bound its
    own time (`deadline.seconds_left`). Without, it runs in the main thread and is interrupted after MESSAGE_SECONDS.
    """
    return Batch(event, context, kind, work, keys, overlap).run()


def make_pool(threads: int) -> Executor:
    """Returns the threads that work on a batch."""
    return ThreadPoolExecutor(threads, thread_name_prefix="message")


class Batch[E: Created]:
    """One invocation's messages."""

    def __init__(
        self, event: dict[str, Any], context: LambdaContext, kind: type[E], work: Work[E], keys: str, overlap: int
    ) -> None:
        self._context = context
        self._kind, self._work, self._keys, self._overlap = kind, work, keys, overlap
        messages = [Message(record) for record in event["Records"]]
        # The first message gets all the time. It is the message with the most attempts, or else the longest wait.
        self._messages = sorted(messages, key=lambda m: (-m.attempts, (m.waiting_since or m.first_sent)))
        self._ends = clock.monotonic() + context.get_remaining_time_in_millis() / 1000
        self._failed: set[str] = set()
        self._started = False
        self._lock = Lock()
        self._leased: Future[None] | None = None

    def run(self) -> dict[str, Any]:
        """Works on every message and returns the ids of those that SQS must deliver again."""
        telemetry.add(telemetry.BATCH_SIZE, len(self._messages))
        if self._overlap == 1:
            self._lease()
            for message in self._messages:
                self._process(message)
        else:
            self._process_overlapping()
        failed = [message.id for message in self._messages if message.id in self._failed]
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}

    def _process_overlapping(self) -> None:
        pool = make_pool(self._overlap)
        messages = self._messages
        self._leased = pool.submit(self._lease)
        tasks: dict[str, Future[None]] = {}
        if breaker.open:  # one message tries the service before the others do
            tasks[messages[0].id] = pool.submit(self._process, messages[0])
            wait(tasks.values(), self._left() - RESERVE_SECONDS)
        tasks |= {m.id: pool.submit(self._process, m) for m in messages if m.id not in tasks}
        wait(tasks.values(), max(self._left() - RESERVE_SECONDS, 0))
        pool.shutdown(wait=False, cancel_futures=True)
        # A thread that is stuck in a request to S3 goes on. Its writes are idempotent; its message is requeued here.
        late = [message for message in messages if message.claim()]
        self._requeue([(message, None, no_time_left()) for message in late])
        # The threads are settling all other messages. One that does not finish is redelivered, so it cannot be lost.
        settling = [message for message in messages if message not in late]
        ending = [self._leased, *(tasks[message.id] for message in settling)]
        wait(ending, max(self._left() - MARGIN_SECONDS, 0))
        for message in settling:
            task = tasks[message.id]
            if not task.done():
                self._failed.add(message.id)
            elif error := task.exception():  # a bug in this module
                tell(telemetry.InvocationFailed(error_type=type(error).__qualname__))
                self._failed.add(message.id)

    def _process(self, message: Message) -> None:
        """Works on every event in the message, then decides what becomes of the message."""
        failures: list[tuple[E | None, Exception]] = []
        events: list[E] = []
        try:
            events = [
                message.timed(event)
                for event in events_in(self._kind, message.body)
                if fnmatchcase(event.key, self._keys)
            ]
        except Exception as error:
            failures.append((None, error))
        for event in events:
            try:
                with ends_at(self._ends - RESERVE_SECONDS):
                    self._attempt(message, event)
            except Exception as error:
                failures.append((event, error))
        if message.claim():
            self._settle(message, len(events), failures)

    def _attempt(self, message: Message, event: E) -> None:
        """Works on one event. Raises Outage without trying if there is no time, or if the breaker is open."""
        with self._lock:
            first, self._started = not self._started, True
        left = self._left()
        if left < START_SECONDS and not first:
            raise no_time_left()
        if breaker.open and not first:
            raise breaker.open
        _tell_received(event, message)
        if bucket := _queues().events_bucket:
            refuse_foreign(event, bucket)
        seconds = max(min(MESSAGE_SECONDS, left - RESERVE_SECONDS), 1)
        try:
            if self._overlap == 1:
                with deadline(seconds):
                    self._work(event)
            else:
                self._work(event)
        except storage.Superseded:
            tell(telemetry.UploadSuperseded(image_id=event.image.id, key=event.key, etag=event.etag))
        except Outage as outage:
            if outage.code != telemetry.NO_TIME_LEFT:
                breaker.note(outage)
            raise
        except Unavailable as error:
            if self._overlap == 1 and error.code == "timed-out" and seconds < MESSAGE_SECONDS and not first:
                raise no_time_left() from None
            raise
        breaker.note(None)

    def _settle(self, message: Message, events: int, failures: Sequence[tuple[E | None, Exception]]) -> None:
        """Ends the message, or has each of its failed events retried, wait, or become a dead letter."""
        if any(not isinstance(error, Outage) for _, error in failures):
            telemetry.add(telemetry.ATTEMPTS_FAILED, 1)
        elif not failures:
            telemetry.add(telemetry.ATTEMPTS_FAILED, 0)
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
        self._requeue(waiting)

    def _retry(self, message: Message, event: E | None, part: E | None, known: DarkroomError, error: Exception) -> None:
        seconds = max(backoff_seconds(message.attempts), math.ceil(getattr(known, "retry_after_seconds", 0)))
        tell(
            telemetry.MessageFailed(
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
        """Sends the dead letter; if SQS does not take it, the message itself comes back."""
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
        dead_letter_queue = _queues().dead_letter_queue_url
        try:
            queues.send(queues.sqs_client(), dead_letter_queue, body, letters.attributes(reason, message.history))
        except (ClientError, BotoCoreError):
            tell(telemetry.DeadLetterNotSent(**told), exc_info=True)
            self._redeliver(message, backoff_seconds(MAX_ATTEMPTS))
            return
        tell(telemetry.DeadLetterSent(**told), exc_info=known is not error)
        self._forget_record(message)
        if bucket := _queues().letters_bucket:
            deaths = letters.read_history(message.history)
            with _letter_record_is_optional():
                letters.keep_record(storage.s3_client(), bucket, dead_letter_queue, body, reason, deaths)

    def _forget_record(self, message: Message) -> None:
        bucket = _queues().letters_bucket
        if bucket and message.has_reason:
            with _letter_record_is_optional():
                url = _queues().dead_letter_queue_url
                letters.forget_record(storage.s3_client(), bucket, url, message.record)

    def _requeue(self, waiting: Sequence[tuple[Message, E | None, DarkroomError]]) -> None:
        """Replaces each message by a copy that waits and is charged no attempt for this receive."""
        if not waiting:
            return
        now = clock.now()
        copies = []
        for message, part, error in waiting:
            since = message.waiting_since or now
            delay = 0 if error.code == telemetry.NO_TIME_LEFT else wait_seconds((now - since).total_seconds())
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
                tell(telemetry.MessageNotRequeued(error=unsent, **told))
                # Without a copy each try costs one of MAX_RECEIVES, so the wait grows from the first receive on.
                self._redeliver(message, wait_seconds((now - message.first_received).total_seconds()))
            else:
                tell(telemetry.MessageRequeued(**told))
                self._forget_record(message)

    def _send_copies(self, copies: Sequence[Copy]) -> list[str]:
        """Sends copies to the queue; returns the error of each, empty if SQS took it."""
        errors: list[str] = []
        for start in range(0, len(copies), queues.BATCH_MESSAGES):
            batch = copies[start : start + queues.BATCH_MESSAGES]
            try:
                errors += queues.requeue(queues.sqs_client(), _queues().queue_url, batch)
            except (ClientError, BotoCoreError) as error:
                errors += [str(error)] * len(batch)
        return errors

    def _redeliver(self, message: Message, seconds: int) -> None:
        """Has SQS deliver the message again after `seconds`; the receive counts as an attempt."""
        self._failed.add(message.id)
        if self._leased:  # a lease that arrives later would replace `seconds`
            wait([self._leased], max(self._left() - MARGIN_SECONDS, 0))
        self._set_visibility([message], seconds)

    def _lease(self) -> None:
        """Hides the batch's messages for as long as this process can live.

        The queue's visibility timeout, six function timeouts, allows for Lambda's own waiting. From here on the end is
        known: if the process dies, its messages are delivered again soon after, not minutes later. Each further receive
        doubles the lease, so that a message whose process dies again and again, or that SQS fails to delete although it
        is done, does not use up MAX_RECEIVES within minutes.
        """
        lease = math.ceil(self._left() + LEASE_MARGIN_SECONDS)
        leases: dict[int, list[Message]] = {}
        for message in self._messages:
            seconds = max(min(lease * 2 ** (message.receives - 1), MAX_WAIT_SECONDS), lease)
            leases.setdefault(seconds, []).append(message)
        for seconds, messages in leases.items():
            self._set_visibility(messages, seconds)

    def _set_visibility(self, messages: Sequence[Message], seconds: int) -> None:
        handles = [message.receipt_handle for message in messages]
        try:
            queues.set_visibility(queues.sqs_client(), _queues().queue_url, handles, seconds)
        except (ClientError, BotoCoreError) as error:  # the messages come back later, by the queue's own timeout
            tell(telemetry.VisibilityNotChanged(error=str(error), seconds=seconds))

    def _left(self) -> float:
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
        tell(telemetry.LetterNotRecorded(error=str(error)))


def _tell_received(event: Created, message: Message) -> None:
    queued = (clock.now() - message.first_sent).total_seconds() * 1000
    tell(
        telemetry.UploadReceived(
            image_id=event.image.id,
            key=event.key,
            file_name=event.image.name,
            size_bytes=event.size_bytes,
            message_id=message.id,
            attempts=message.attempts,
            queue_ms=max(round(queued), 0),
        )
    )


def _unexpected(error: Exception) -> Unavailable:
    return Unavailable("unexpected", f"{_type_of(error)}: {error}")


def _type_of(error: Exception) -> str:
    cause = error.__cause__ if isinstance(error, DarkroomError) and error.__cause__ else error
    return type(cause).__qualname__
