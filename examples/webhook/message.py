"""Makes the JSON of a post. Chats (Slack, Mattermost, Discord) show its `text`, and programs read the other fields."""

import json
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

from shared import storage
from shared.events import Created, PictureRemoved, RenditionCreated, UploadRejected
from shared.keys import Image, read_rendition_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LINK_SECONDS = 3600
MAX_RECORD_BYTES = 100_000
# The kinds of events, by the names that the parameter WebhookEvents takes.
KINDS: dict[str, type[Created]] = {
    "renditions": RenditionCreated,
    "rejections": UploadRejected,
    "removals": PictureRemoved,
}


@dataclass(frozen=True, slots=True)
class Announced(Created):
    """Any event of RenditionTopic: a finished picture, a rejection or a removal."""

    @property
    def image(self) -> Image:
        return KINDS[self.kind](*astuple(self)).image

    @property
    def kind(self) -> str:
        """The event's name in KINDS."""
        return next(name for name, kind in KINDS.items() if kind.is_told_by(self.key))

    @classmethod
    def is_told_by(cls, key: str) -> bool:
        return any(kind.is_told_by(key) for kind in KINDS.values())


def message(event: Announced, s3: "S3Client") -> dict[str, Any]:
    """Return the content of the post.

    The records of rejections and removals are read from S3. Raises as storage.read_announced does, so the removal of
    a picture that was restored meanwhile is not posted.
    """
    return {"renditions": _finished, "rejections": _rejected, "removals": _removed}[event.kind](event, s3)


def message_id(event: Announced) -> str:
    """Return the id of the post.

    A retry or a replay of an event has the same id. A picture that is restored or rendered again has a new event with
    another time and therefore another id.
    """
    return f"{event.kind}_{event.image.id}_{round(event.at.timestamp() * 1000)}"


def _finished(event: Announced, s3: "S3Client") -> dict[str, Any]:
    read = read_rendition_key(event.key)
    assert read, event.key
    link = s3.generate_presigned_url(
        "get_object", Params={"Bucket": event.bucket, "Key": event.key}, ExpiresIn=LINK_SECONDS
    )
    data = {
        "image": read.image_id,
        "name": read.stem,
        "width_px": read.width_px,
        "height_px": read.height_px,
        "thumb_url": link,
    }
    return _posted("picture.finished", event, data, f"{read.stem} is ready, {read.width_px} x {read.height_px}", link)


def _rejected(event: Announced, s3: "S3Client") -> dict[str, Any]:
    record = json.loads(storage.read_announced(s3, event, MAX_RECORD_BYTES))
    data = {
        "image": event.image.id,
        "name": record["name"],
        "code": record["code"],
        "sentence": record["sentence"],
    }
    return _posted("picture.rejected", event, data, f"{record['name']} was rejected", record["sentence"])


def _removed(event: Announced, s3: "S3Client") -> dict[str, Any]:
    record = json.loads(storage.read_announced(s3, event, MAX_RECORD_BYTES))
    data = {name: record[name] for name in ("image", "removed_at", "forever")}
    more = "It cannot be restored." if record["forever"] else "It can be restored for some days."
    return _posted("picture.removed", event, data, f"Picture {event.image.id} was removed", more)


def _posted(kind: str, event: Announced, data: dict[str, Any], text: str, more: str) -> dict[str, Any]:
    return {
        "type": kind,
        "timestamp": event.at.isoformat(),
        "data": data,
        "text": f"{_escaped(text)}: {more if kind == 'picture.finished' else _escaped(more)}",
    }


def _escaped(text: str) -> str:
    # Slack's three special characters: docs.slack.dev/messaging/formatting-message-text
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
