"""Reads Darkroom's four events: an upload arrived, its renditions were created, it was rejected, it was removed.

Each is S3's own event of a created object. S3 publishes it to a topic, and the topic sends it to each subscriber's
queue. With raw delivery the message's body is S3's event. Without, the body is SNS's envelope, with the event as a
string. This module alone reads both forms. docs/events.md and docs/asyncapi.yaml are the contract.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from shared.errors import Rejected
from shared.keys import Image, image_of, read_rejection_key, read_removed_key, read_rendition_key


@dataclass(frozen=True, slots=True)
class Created:
    """An object was created at `at` (UTC), with the content that `etag` names. `sequencer` orders events of one key.

    `replayed_at` is set on a replay: the time as a dead letter is not latency.
    """

    bucket: str
    key: str
    etag: str
    size_bytes: int
    at: datetime
    sequencer: str | None = None
    replayed_at: datetime | None = field(default=None, compare=False)

    @property
    def latency_from(self) -> datetime:
        """The moment that latency is measured from: the event's time, or the replay's."""
        return self.replayed_at or self.at

    @property
    def image(self) -> Image:
        """The id and the name of the picture."""
        return image_of(self.key, self.etag, self.at)

    @classmethod
    def is_told_by(cls, key: str) -> bool:
        """Whether an object with this key is an event of this kind."""
        return bool(key)

    def as_event(self) -> dict[str, Any]:
        """The S3 event that `events_in` reads this from; sent to the queue again, it replays."""
        s3_object: dict[str, Any] = {"key": quote_plus(self.key, safe="/"), "size": self.size_bytes, "eTag": self.etag}
        if self.sequencer:
            s3_object["sequencer"] = self.sequencer
        return {
            "Records": [
                {
                    "eventVersion": "2.1",
                    "eventSource": "aws:s3",
                    "eventTime": self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                    "eventName": "ObjectCreated:Put",
                    "s3": {"bucket": {"name": self.bucket}, "object": s3_object},
                }
            ]
        }


@dataclass(frozen=True, slots=True)
class Upload(Created):
    """An original arrived in the upload bucket, under any key."""


@dataclass(frozen=True, slots=True)
class RenditionCreated(Created):
    """A picture is finished: its thumb was created in the resized bucket, after its other renditions."""

    @property
    def image(self) -> Image:
        read = read_rendition_key(self.key)
        assert read, self.key
        return Image(read.image_id, read.stem)

    @classmethod
    def is_told_by(cls, key: str) -> bool:
        return read_rendition_key(key) is not None


@dataclass(frozen=True, slots=True)
class UploadRejected(Created):
    """An upload was refused for good; the object is the record that says why (docs/events.md)."""

    @property
    def image(self) -> Image:
        image_id = read_rejection_key(self.key)
        assert image_id, self.key
        return Image(image_id, f"{image_id}.json")

    @classmethod
    def is_told_by(cls, key: str) -> bool:
        return read_rejection_key(key) is not None


@dataclass(frozen=True, slots=True)
class PictureRemoved(Created):
    """A picture was removed, and may be restored; the object is the record of the removal (docs/events.md)."""

    @property
    def image(self) -> Image:
        image_id = read_removed_key(self.key)
        assert image_id, self.key
        return Image(image_id, f"{image_id}.json")

    @classmethod
    def is_told_by(cls, key: str) -> bool:
        return read_removed_key(key) is not None


def events_in[E: Created](kind: type[E], body: str) -> list[E]:
    """Returns every event of this kind that one queue message announces, in its order.

    `s3:TestEvent`, which S3 sends when a notification is set up, and events of other kinds (deletions) are left out.
    Raises Rejected (`malformed-event`) if `body` is not an S3 event: no later attempt can read it either.
    """
    try:
        event = json.loads(body)
        if isinstance(event, dict) and event.get("Type") == "Notification" and "Message" in event:
            event = json.loads(event["Message"])
        if event.get("Event") == "s3:TestEvent":
            return []
        records = [record for record in event["Records"] if record["eventName"].startswith("ObjectCreated:")]
        return [_created(kind, record) for record in records if kind.is_told_by(_key(record))]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Rejected(
            "malformed-event", f"The message is not an S3 event ({type(error).__name__}: {error}). Look at its sender."
        ) from error


def refuse_foreign(event: Created, bucket: str) -> None:
    """Raises Rejected (`foreign-event`) if the event is not about `bucket`: somebody forged it.

    Bucket names are unique among all accounts, so an event about another account's object has another bucket.
    """
    if event.bucket != bucket:
        raise Rejected(
            "foreign-event",
            f"The event is about bucket {event.bucket!r} and not {bucket!r}. Find out who may send to this queue.",
        )


def uploads_in(body: str) -> list[Upload]:
    """Returns every upload that one queue message announces; otherwise as `events_in`."""
    return events_in(Upload, body)


def _key(record: dict[str, Any]) -> str:
    # S3 writes keys into events as an HTML form would: spaces as +, the rest percent-encoded. Undone exactly once.
    return unquote_plus(record["s3"]["object"]["key"])


def _created[E: Created](kind: type[E], record: dict[str, Any]) -> E:
    s3 = record["s3"]
    return kind(
        bucket=s3["bucket"]["name"],
        key=_key(record),
        etag=s3["object"]["eTag"].strip('"'),
        size_bytes=int(s3["object"].get("size", 0)),
        at=datetime.fromisoformat(record["eventTime"]).astimezone(UTC),
        sequencer=s3["object"].get("sequencer"),
    )
