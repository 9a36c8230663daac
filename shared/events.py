"""The event that everything hangs on: an object was created in the upload bucket.

S3 publishes it to the topic, the topic puts it into each subscriber's queue. With raw delivery a message's body is
S3's own event; without it, that event is a string inside SNS's envelope. Both are read here, and only here.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from shared.errors import Unavailable
from shared.keys import Image, image_of


@dataclass(frozen=True, slots=True)
class Upload:
    """An object was created: `etag` says with which content, `at` when (UTC). `sequencer` orders events of one key."""

    bucket: str
    key: str
    etag: str
    size_bytes: int
    at: datetime
    sequencer: str | None = None

    @property
    def image(self) -> Image:
        """The id and the name of the picture."""
        return image_of(self.key, self.etag, self.at)

    def as_event(self) -> dict[str, Any]:
        """The S3 event that `uploads_in` reads this from; sent to the queue again, it replays the upload."""
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


def uploads_in(body: str) -> list[Upload]:
    """Every upload that one queue message announces, in its order.

    None for `s3:TestEvent`, which S3 sends when a notification is set up, and for events of other kinds (deletions).
    Raises Unavailable (`malformed-event`) for what is no S3 event: not the uploader's fault, so it is kept for us as
    a dead letter rather than refused.
    """
    try:
        event = json.loads(body)
        if isinstance(event, dict) and event.get("Type") == "Notification" and "Message" in event:
            event = json.loads(event["Message"])
        if event.get("Event") == "s3:TestEvent":
            return []
        return [_upload(record) for record in event["Records"] if record["eventName"].startswith("ObjectCreated:")]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unavailable(
            "malformed-event", f"The message is not an S3 event ({type(error).__name__}: {error}). Look at its sender."
        ) from error


def _upload(record: dict[str, Any]) -> Upload:
    s3 = record["s3"]
    return Upload(
        bucket=s3["bucket"]["name"],
        # S3 writes keys into events as an HTML form would: spaces as +, the rest percent-encoded. Undone exactly once.
        key=unquote_plus(s3["object"]["key"]),
        etag=s3["object"]["eTag"].strip('"'),
        size_bytes=int(s3["object"].get("size", 0)),
        at=datetime.fromisoformat(record["eventTime"]).astimezone(UTC),
        sequencer=s3["object"].get("sequencer"),
    )
