"""Read the dead-letter queue: every letter once, over several connections, hidden no longer than necessary.

SQS cannot list a queue. Reading a letter means receiving it, which hides it from everybody else until it is released.
Only the commands that need the letters themselves do so. `darkroom dead-letters list` reads the records in S3 instead
(ops/recovery/records.py).
"""

import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import batched
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import ClientError

from ops.problem import Problem
from ops.target import CONNECTIONS
from shared.events import Created
from shared.letters import Death, Reason, deaths_of, events_of, reason_of
from shared.queues import BATCH_MESSAGES, set_visibility

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

# A received letter stays hidden this long if the command is killed. A reading that takes longer hides letters longer.
HOLD_SECONDS = 30
MOST_HOLD_SECONDS = 600
# The assumed time of one receive, for an estimate of the whole reading.
RECEIVE_SECONDS = 0.2
# Long polling asks every server of the queue, so an empty answer means that no visible letter is left.
WAIT_SECONDS = 1
# While letters keep arriving, no answer is empty. So many receives in a row without an old letter end a reading.
MOST_RECEIVES_WITHOUT_NEW = 100
# A reading receives at most this many messages per letter that was there at its start.
MOST_RECEIVED_PER_LETTER = 5
MOVE_POLL_SECONDS = 1.0
_NO_MOVE_TASK = {"InvalidAction", "UnsupportedOperation", "UnknownOperation"}


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter. `events` is empty if the message is not an event of Darkroom.

    `message_id` is the message's id in the subscriber's queue, as in logs, records and listings. `queue_id` is its id
    in the dead-letter queue.
    """

    message_id: str
    queue_id: str
    receipt_handle: str
    body: str
    sent_at: datetime
    reason: Reason
    deaths: tuple[Death, ...]
    events: tuple[Created, ...]

    def image_ids(self) -> list[str]:
        return [event.image.id for event in self.events]


@dataclass(frozen=True, slots=True)
class Counts:
    """The number of messages in a queue. SQS gives an approximation."""

    waiting: int
    in_flight: int

    @property
    def total(self) -> int:
        return self.waiting + self.in_flight


class Reading:
    """A reading of all letters that are in the queue when it begins. Use it as a context manager and iterate once.

    It yields every letter once, and leaves out letters that arrive later. It ends however fast letters arrive, and then
    releases the letters that were not deleted.
    """

    def __init__(
        self, sqs: "SQSClient", queue_url: str, connections: int = CONNECTIONS, expected_seconds: float = 0
    ) -> None:
        """Prepares a reading. `expected_seconds` is the caller's time for working on the letters."""
        self._sqs, self._queue_url = sqs, queue_url
        self._began = datetime.now(UTC)
        waiting = counts(sqs, queue_url).waiting
        # SQS counts approximately: allow a tenth more, and ten receives. Letters that SQS moves meanwhile look old.
        self._most_found = waiting + waiting // 10 + 10 * BATCH_MESSAGES
        self._connections = max(min(connections, waiting // BATCH_MESSAGES), 1)
        expected_seconds += 2 * RECEIVE_SECONDS * waiting / BATCH_MESSAGES / self._connections
        self._hold_seconds = min(HOLD_SECONDS + round(expected_seconds), MOST_HOLD_SECONDS)
        self._handles: dict[str, str] = {}
        self._deleted: set[str] = set()
        self._receives: set[Future[Sequence[MessageTypeDef]]] = set()
        self._pool = ThreadPoolExecutor(self._connections)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._pool:
            wait(self._receives)
            for receive in self._receives:
                if receive.exception() is None:
                    self._note(receive.result())
            held = [handle for queue_id, handle in self._handles.items() if queue_id not in self._deleted]
            release = partial(set_visibility, self._sqs, self._queue_url, seconds=0)
            list(self._pool.map(release, batched(held, BATCH_MESSAGES, strict=False)))

    def __iter__(self) -> Iterator[Letter]:
        received, found_before, without_new, ends = 0, 0, 0, False
        self._receives = {self._pool.submit(self._receive) for _ in range(self._connections)}
        while self._receives:
            for receive in wait(self._receives, return_when=FIRST_COMPLETED).done:
                messages = receive.result()
                fresh = self._note(messages)
                self._receives.discard(receive)
                found = [letter for letter in map(as_letter, fresh) if self._was_there(letter)]
                found_before += len(found)
                without_new = 0 if found else without_new + 1
                received += len(messages)
                has_all = found_before >= self._most_found or without_new > MOST_RECEIVES_WITHOUT_NEW
                ends = ends or not messages or has_all or received > MOST_RECEIVED_PER_LETTER * self._most_found
                if not ends:
                    self._receives.add(self._pool.submit(self._receive))
                yield from found

    def deleted(self, letter: Letter) -> None:
        """Note that the caller has deleted the letter, so that it need not be released."""
        self._deleted.add(letter.queue_id)

    def _was_there(self, letter: Letter) -> bool:
        return letter.sent_at <= self._began + timedelta(seconds=1)

    def _note(self, messages: "Sequence[MessageTypeDef]") -> "list[MessageTypeDef]":
        fresh = [message for message in messages if message["MessageId"] not in self._handles]
        self._handles |= {message["MessageId"]: message["ReceiptHandle"] for message in messages}
        return fresh

    def _receive(self) -> "Sequence[MessageTypeDef]":
        try:
            answer = self._sqs.receive_message(
                QueueUrl=self._queue_url,
                MaxNumberOfMessages=BATCH_MESSAGES,
                VisibilityTimeout=self._hold_seconds,
                WaitTimeSeconds=WAIT_SECONDS,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
            )
        except ClientError as error:
            # SQS allows 120,000 messages in flight. The letters read so far are released and can be read later.
            if error.response["Error"]["Code"] in {"OverLimit", "AWS.SimpleQueueService.OverLimit"}:
                return []
            raise
        return answer.get("Messages", [])


def walk(sqs: "SQSClient", queue_url: str) -> Generator[Letter]:
    """Yield every letter of the queue once, and release them all at the end."""
    with Reading(sqs, queue_url) as reading:
        yield from reading


@dataclass(frozen=True, slots=True)
class Moved:
    """The progress of a move by SQS: the number of moved letters, and the approximate number of all."""

    letters: int
    of: int


def replay_one(sqs: "SQSClient", letter: Letter, queue_url: str, dead_letter_queue_url: str) -> None:
    """Send the letter's event to the queue, then delete the letter. A kill in between leaves both."""
    sqs.send_message(QueueUrl=queue_url, MessageBody=letter.body)
    sqs.delete_message(QueueUrl=dead_letter_queue_url, ReceiptHandle=letter.receipt_handle)


def move_all(sqs: "SQSClient", queue_url: str, dead_letter_url: str, per_second: int) -> Generator[Moved]:
    """Let SQS itself move every letter back to the queue. Yields its progress until the move has ended.

    The request names the destination, because SQS does not know the source of letters that a function has sent. Closing
    the generator before the end cancels the move. Raises Problem (`no-move-task` where SQS cannot move, as on the local
    engine; `move-failed` if SQS stops before the end).
    """
    source, destination = arn(sqs, dead_letter_url), arn(sqs, queue_url)
    try:
        earlier = _newest_move(sqs, source)
        handle = sqs.start_message_move_task(
            SourceArn=source, DestinationArn=destination, MaxNumberOfMessagesPerSecond=per_second
        )["TaskHandle"]
    except ClientError as error:
        if error.response["Error"]["Code"] in _NO_MOVE_TASK:
            raise Problem("no-move-task", "This SQS cannot move letters itself. Leave --by-sqs out.") from error
        raise
    running = True
    try:
        while running:
            task = _newest_move(sqs, source)
            # A new task takes a moment until it is listed; until then the list is empty or has an earlier task.
            if task and (not earlier or task["StartedTimestamp"] > earlier["StartedTimestamp"]):
                running = task["Status"] in {"RUNNING", "CANCELLING"}
                moved = Moved(
                    task.get("ApproximateNumberOfMessagesMoved", 0), task.get("ApproximateNumberOfMessagesToMove", 0)
                )
                if task["Status"] == "FAILED":
                    reason = task.get("FailureReason", "SQS gives no reason")
                    raise Problem(
                        "move-failed",
                        f"SQS stopped after {moved.letters} of about {moved.of}: {reason}. Run the command again, "
                        "without --by-sqs if it fails again.",
                    )
                yield moved
            if running:
                time.sleep(MOVE_POLL_SECONDS)
    finally:
        if running:
            with suppress(ClientError):  # it has just ended
                sqs.cancel_message_move_task(TaskHandle=handle)


def _newest_move(sqs: "SQSClient", source: str) -> Any:
    return next(iter(sqs.list_message_move_tasks(SourceArn=source, MaxResults=1).get("Results", [])), None)


def arn(sqs: "SQSClient", queue_url: str) -> str:
    """Return the queue's ARN."""
    return sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def counts(sqs: "SQSClient", queue_url: str) -> Counts:
    """Count the messages of a queue. Delayed messages count as waiting."""
    names: Sequence[Any] = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    ]
    counted = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    waiting, in_flight, delayed = (int(counted.get(name, 0)) for name in names)
    return Counts(waiting + delayed, in_flight)


def as_letter(message: Any) -> Letter:
    """Convert a message that was received from a dead-letter queue."""
    reason = reason_of(message)
    return Letter(
        message_id=reason.message_id or message["MessageId"],
        queue_id=message["MessageId"],
        receipt_handle=message["ReceiptHandle"],
        body=message["Body"],
        sent_at=datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC),
        reason=reason,
        deaths=deaths_of(message),
        events=events_of(message["Body"]),
    )
