"""The part that all subscribers share: a batch of queue messages, each of which succeeds, is retried, waits, or becomes
a dead letter with its reason.

A subscriber supplies the work for one event. This module supplies partial batches, retries with backoff, the time
budget, waiting during outages, and dead letters. docs/architecture.md shows the states of a message.

The process can still end in the middle of a batch: Lambda's timeout, the kernel if memory runs out, a crash of the
interpreter. Then Lambda reports nothing, and SQS delivers each message of the batch again once its lease ends
(`Settling.lease`). Every such receive counts as an attempt. After MAX_RECEIVES receives SQS moves the message itself.
"""

from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from fnmatch import fnmatchcase
from threading import Lock
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import clock, log_events, metrics, storage, telemetry
from shared.breaker import Breaker
from shared.deadline import deadline, ends_at, no_time_left
from shared.errors import Outage, Unavailable
from shared.events import Created, events_in, refuse_foreign
from shared.limits import MARGIN_SECONDS, MESSAGE_SECONDS, RESERVE_SECONDS, START_SECONDS
from shared.message import Message
from shared.settling import Settling, own_queues
from shared.telemetry import tell

type Work[E: Created] = Callable[[E], None]

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
        self._kind, self._work, self._keys, self._overlap = kind, work, keys, overlap
        messages = [Message(record) for record in event["Records"]]
        # The first message gets all the time. It is the message with the most attempts, or else the longest wait.
        self._messages = sorted(messages, key=lambda m: (-m.attempts, (m.waiting_since or m.first_sent)))
        self._ends = clock.monotonic() + context.get_remaining_time_in_millis() / 1000
        self._settling = Settling[E](context, self._ends)
        self._started = False
        self._lock = Lock()

    def run(self) -> dict[str, Any]:
        """Works on every message and returns the ids of the messages that SQS must redeliver."""
        telemetry.add(metrics.BATCH_SIZE, len(self._messages))
        if self._overlap == 1:
            self._settling.lease(self._messages)
            for message in self._messages:
                self._process(message)
        else:
            self._process_overlapping()
        failed = [message.id for message in self._messages if message.id in self._settling.failed]
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}

    def _process_overlapping(self) -> None:
        pool = make_pool(self._overlap)
        messages = self._messages
        leased = self._settling.leased = pool.submit(self._settling.lease, messages)
        tasks: dict[str, Future[None]] = {}
        if breaker.open:  # one message tries the service before the others do
            tasks[messages[0].id] = pool.submit(self._process, messages[0])
            wait(tasks.values(), self._settling.left() - RESERVE_SECONDS)
        tasks |= {m.id: pool.submit(self._process, m) for m in messages if m.id not in tasks}
        wait(tasks.values(), max(self._settling.left() - RESERVE_SECONDS, 0))
        pool.shutdown(wait=False, cancel_futures=True)
        # A thread that is stuck in a request to S3 goes on. Its writes are idempotent; its message is requeued here.
        late = [message for message in messages if message.claim()]
        self._settling.requeue([(message, None, no_time_left()) for message in late])
        # The threads are settling all other messages. A message that is not settled in time is redelivered, so it
        # cannot be lost.
        settling = [message for message in messages if message not in late]
        ending = [leased, *(tasks[message.id] for message in settling)]
        wait(ending, max(self._settling.left() - MARGIN_SECONDS, 0))
        for message in settling:
            task = tasks[message.id]
            if not task.done():
                self._settling.failed.add(message.id)
            elif error := task.exception():  # a bug in this module
                tell(log_events.InvocationFailed(error_type=type(error).__qualname__))
                self._settling.failed.add(message.id)

    def _process(self, message: Message) -> None:
        """Works on every event in the message, then decides the outcome of the message."""
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
            self._settling.settle(message, len(events), failures)

    def _attempt(self, message: Message, event: E) -> None:
        """Works on one event. Raises Outage without trying if there is no time, or if the breaker is open."""
        with self._lock:
            first, self._started = not self._started, True
        left = self._settling.left()
        if left < START_SECONDS and not first:
            raise no_time_left()
        if breaker.open and not first:
            raise breaker.open
        _tell_received(event, message)
        if bucket := own_queues().events_bucket:
            refuse_foreign(event, bucket)
        seconds = max(min(MESSAGE_SECONDS, left - RESERVE_SECONDS), 1)
        try:
            if self._overlap == 1:
                with deadline(seconds):
                    self._work(event)
            else:
                self._work(event)
        except storage.Superseded:
            tell(log_events.UploadSuperseded(image_id=event.image.id, key=event.key, etag=event.etag))
        except Outage as outage:
            if outage.code != log_events.NO_TIME_LEFT:
                breaker.note(outage)
            raise
        except Unavailable as error:
            if self._overlap == 1 and error.code == "timed-out" and seconds < MESSAGE_SECONDS and not first:
                raise no_time_left() from None
            raise
        breaker.note(None)


def _tell_received(event: Created, message: Message) -> None:
    queued = (clock.now() - message.first_sent).total_seconds() * 1000
    tell(
        log_events.UploadReceived(
            image_id=event.image.id,
            key=event.key,
            file_name=event.image.name,
            size_bytes=event.size_bytes,
            message_id=message.id,
            attempts=message.attempts,
            queue_ms=max(round(queued), 0),
        )
    )
