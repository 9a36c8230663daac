"""The records of dead letters in S3, and their comparison with the dead-letter queue.

A function writes a record with each letter (shared/letters.py). S3 lists a thousand records per request, at any number
of letters, and hides no letter. Letters that SQS or SNS put into the queue have no record at first. Letters that
another tool moved or deleted leave a record behind. `compare` repairs both.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import batched
from typing import TYPE_CHECKING

from ops.recovery.letters import HOLD_SECONDS, Counts, Letter, Reading, counts
from ops.recovery.originals import objects
from ops.target import CONNECTIONS, Target
from shared.keys import LetterKey, letter_key, letters_prefix, read_letter_key
from shared.letters import keep_record, key_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

# Up to this many letters, a difference between queue and records makes a command read the queue by itself.
READ_AT_ONCE = 1000
# S3 deletes at most this many objects per request.
DELETE_KEYS = 1000
# SQS takes about a minute to count a message, and a record is written a moment after its letter.
SETTLING = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Dead:
    """The dead letters of one subscriber: its queues by URL, and the bucket with the records."""

    sqs: "SQSClient"
    s3: "S3Client"
    queue_url: str
    dead_url: str
    bucket: str

    @property
    def name(self) -> str:
        """The name of the dead-letter queue."""
        return self.dead_url.rsplit("/", 1)[-1]


def dead_of(target: Target, subscriber: str | None) -> Dead:
    """Return the dead letters of a subscriber, or of the resizer. Raises Problem (`no-subscriber`)."""
    queue_url, dead_url = target.queues(subscriber)
    return Dead(target.client("sqs"), target.client("s3"), queue_url, dead_url, target.outputs["ResizedBucketName"])


@dataclass(frozen=True, slots=True)
class View:
    """The dead letters according to the records, oldest first, and the differences from the queue.

    `held` letters are hidden by another command or tool at the moment. `unread` is the number of letters without a
    record; it is negative if there are records without a letter.
    """

    letters: tuple[LetterKey, ...]
    held: int
    unread: int

    @property
    def total(self) -> int:
        """Returns the number of letters, or the queue's own count if it is higher."""
        return len(self.letters) + max(self.unread, 0)


def listed(dead: Dead, code: str | None = None) -> list[LetterKey]:
    """List the records of all reasons or of one reason, oldest first."""
    prefix = letters_prefix(dead.name, code)
    keys = (read_letter_key(found["Key"]) for found in objects(dead.s3, dead.bucket, prefix))
    return sorted((key for key in keys if key), key=_age_first)


def look(dead: Dead, *, read_queue: bool = False, since: Counts | None = None) -> View:
    """Return the letters according to the records.

    If the queue's count differs, the queue is read, provided that it is small or `read_queue` asks for it. A count
    that equals `since` was compared before and is not compared again.
    """
    counted, found = counts(dead.sqs, dead.dead_url), listed(dead)
    differs = counted.total != len(found) and counted != since
    if read_queue or (differs and counted.waiting <= READ_AT_ONCE):
        found = compare(dead, found)
    return View(tuple(found), counted.in_flight, counted.total - len(found))


def compare(dead: Dead, recorded: Sequence[LetterKey]) -> list[LetterKey]:
    """Read the whole queue. Write the records that are missing, delete records without a letter, return all records.

    While another command holds letters, no record is deleted, because its letter may be held.
    """
    began = datetime.now(UTC)
    missing: dict[LetterKey, Letter] = {}
    seen: set[LetterKey] = set()
    known = set(recorded)
    held_before = counts(dead.sqs, dead.dead_url).in_flight
    with Reading(dead.sqs, dead.dead_url) as reading:
        for letter in reading:
            key = record_key(dead, letter)
            seen.add(key)
            if key not in known:
                missing[key] = letter
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(lambda letter: keep(dead, letter), missing.values()))
    stale = [key for key in recorded if key not in seen and key.at < began - SETTLING]
    if held_before or counts(dead.sqs, dead.dead_url).in_flight:
        stale = []
    forget(dead, stale)
    return sorted((known - set(stale)) | missing.keys(), key=_age_first)


def keep(dead: Dead, letter: Letter) -> None:
    """Write a letter's missing record."""
    keep_record(dead.s3, dead.bucket, dead.dead_url, letter.body, letter.reason, letter.deaths)


def forget(dead: Dead, keys: Iterable[LetterKey]) -> None:
    """Delete records."""
    for some in batched(keys, DELETE_KEYS, strict=False):
        names = [{"Key": letter_key(key)} for key in some]
        dead.s3.delete_objects(Bucket=dead.bucket, Delete={"Objects": names, "Quiet": True})  # type: ignore[typeddict-item]


def record_key(dead: Dead, letter: Letter) -> LetterKey:
    """Return the key of the letter's record, as `listed` reads it back."""
    key = read_letter_key(letter_key(key_of(dead.dead_url, letter.body, letter.reason)))
    assert key, letter
    return key


def _age_first(key: LetterKey) -> tuple[datetime, str, str]:
    return key.at, key.code, key.message_id


def held_until() -> str:
    """Return the latest time (UTC) at which the letters that are held now are visible again."""
    return f"{datetime.now(UTC) + timedelta(seconds=HOLD_SECONDS):%H:%M:%S} UTC"
