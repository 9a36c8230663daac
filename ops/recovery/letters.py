"""The dead-letter queue, looked at without disturbing it, and its letters sent again or thrown away."""

import time
from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from shared.errors import Unavailable
from shared.events import Created, RenditionCreated, Upload, UploadRejected, events_in
from shared.letters import Reason, reason_of
from shared.queues import BATCH_MESSAGES, hide

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# A letter that is looked at is hidden from others for so long, unless it is released before: also when we are killed.
HOLD_SECONDS = 120
# Long polling asks all of a queue's servers, so that one empty answer means that there is nothing more.
WAIT_SECONDS = 1
MOVE_POLL_SECONDS = 1.0
_NO_MOVE_TASK = {"InvalidAction", "UnsupportedOperation", "UnknownOperation"}


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter. `events` is empty if the message is none of Darkroom's."""

    message_id: str
    receipt_handle: str
    body: str
    sent_at: datetime
    reason: Reason
    events: tuple[Created, ...]

    def image_ids(self) -> list[str]:
        return [event.image.id for event in self.events]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters are meant; what is not given matches all. `ids` are image or message ids, or their beginnings."""

    code: str | None = None
    prefix: str = ""
    older_than: timedelta = timedelta(0)
    ids: tuple[str, ...] = ()

    @property
    def everything(self) -> bool:
        return self == Wanted()

    def matches(self, letter: Letter, now: datetime) -> bool:
        if self.code not in {None, letter.reason.code} or now - letter.sent_at < self.older_than:
            return False
        if self.prefix and not any(event.key.startswith(self.prefix) for event in letter.events):
            return False
        known = [letter.message_id, *letter.image_ids()]
        return not self.ids or any(name.startswith(wanted) for name in known for wanted in self.ids)


def walk(sqs: "SQSClient", queue_url: str) -> Generator[Letter]:
    """Every letter in the queue, each once. What is not deleted by then is visible again as soon as this ends.

    Letters that arrive while it walks are left out, or those that a replay makes at once would keep it going for ever.
    """
    began = datetime.now(UTC)
    handles: dict[str, str] = {}
    try:
        while True:
            answer = sqs.receive_message(
                QueueUrl=queue_url,
                MaxNumberOfMessages=BATCH_MESSAGES,
                VisibilityTimeout=HOLD_SECONDS,
                WaitTimeSeconds=WAIT_SECONDS,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
            )
            messages = answer.get("Messages", [])
            fresh = [message for message in messages if message["MessageId"] not in handles]
            handles |= {message["MessageId"]: message["ReceiptHandle"] for message in messages}
            if not messages:
                return
            yield from (letter for letter in map(_letter, fresh) if letter.sent_at <= began + timedelta(seconds=1))
    finally:
        # Those that were deleted meanwhile are refused one by one, which does no harm.
        hide(sqs, queue_url, list(handles.values()), 0)


def groups(letters: Iterable[Letter], now: datetime) -> list[dict[str, Any]]:
    """Letters by reason, the most frequent first: code, count, ages in seconds, and one of the sentences."""
    by_code: defaultdict[str, list[Letter]] = defaultdict(list)
    for letter in letters:
        by_code[letter.reason.code].append(letter)
    found = [
        {
            "code": code,
            "count": len(same),
            "oldest_seconds": round((now - min(letter.sent_at for letter in same)).total_seconds()),
            "newest_seconds": round((now - max(letter.sent_at for letter in same)).total_seconds()),
            "sentence": same[0].reason.sentence,
        }
        for code, same in by_code.items()
    ]
    return sorted(found, key=lambda group: (-int(str(group["count"])), str(group["code"])))


def replay_one(sqs: "SQSClient", letter: Letter, queue_url: str, dead_letter_queue_url: str) -> None:
    """Sends the letter's event to the queue and then deletes the letter: if we die in between it is there twice."""
    sqs.send_message(QueueUrl=queue_url, MessageBody=letter.body)
    drop_one(sqs, letter, dead_letter_queue_url)


def drop_one(sqs: "SQSClient", letter: Letter, dead_letter_queue_url: str) -> None:
    """Deletes the letter."""
    sqs.delete_message(QueueUrl=dead_letter_queue_url, ReceiptHandle=letter.receipt_handle)


def move_all(sqs: "SQSClient", queue_url: str, dead_letter_url: str, per_second: int) -> Iterator[tuple[int, int]]:
    """Lets SQS itself move every letter back to the queue; yields (moved, of about how many) until it is done.

    The destination is named: letters that a function has sent have no source that SQS would know. Raises
    NotImplementedError where there is no such thing (the local engine).
    """
    source, destination = arn(sqs, dead_letter_url), arn(sqs, queue_url)
    try:
        sqs.start_message_move_task(
            SourceArn=source, DestinationArn=destination, MaxNumberOfMessagesPerSecond=per_second
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in _NO_MOVE_TASK:
            raise NotImplementedError from error
        raise
    while True:
        task: Any = sqs.list_message_move_tasks(SourceArn=source, MaxResults=1)["Results"][0]
        yield task.get("ApproximateNumberOfMessagesMoved", 0), task.get("ApproximateNumberOfMessagesToMove", 0)
        if task["Status"] not in {"RUNNING", "CANCELLING"}:
            return
        time.sleep(MOVE_POLL_SECONDS)


def arn(sqs: "SQSClient", queue_url: str) -> str:
    """The queue's ARN."""
    return sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def counts(sqs: "SQSClient", queue_url: str) -> dict[str, int]:
    """How many messages are `waiting` and how many `in_flight`; SQS says about how many."""
    names: Sequence[Any] = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    ]
    counted = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    waiting, in_flight, delayed = (int(counted.get(name, 0)) for name in names)
    return {"waiting": waiting + delayed, "in_flight": in_flight}


def _letter(message: Any) -> Letter:
    events: list[Created] = []
    with suppress(Unavailable):
        # Each subscriber has letters of one kind. An upload whose own key looks like a rendition's is not expected.
        kinds: tuple[type[Created], ...] = (RenditionCreated, UploadRejected, Upload)
        events = next((found for kind in kinds if (found := list[Created](events_in(kind, message["Body"])))), [])
    return Letter(
        message_id=message["MessageId"],
        receipt_handle=message["ReceiptHandle"],
        body=message["Body"],
        sent_at=datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC),
        reason=reason_of(message),
        events=tuple(events),
    )
