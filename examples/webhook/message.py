"""The JSON that is posted for an event: `text` for chats (Slack, Mattermost, Discord), the rest for programs."""

import json
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

from shared import storage
from shared.events import Created, RenditionCreated, UploadRejected
from shared.keys import Image, read_rendition_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LINK_SECONDS = 3600
MAX_RECORD_BYTES = 100_000


@dataclass(frozen=True, slots=True)
class Announced(Created):
    """A finished picture or a rejection: the events of RenditionTopic."""

    @property
    def image(self) -> Image:
        return (RenditionCreated if self.kind == "renditions" else UploadRejected)(*astuple(self)).image

    @property
    def kind(self) -> str:
        """`renditions` or `rejections`."""
        return "renditions" if RenditionCreated.is_told_by(self.key) else "rejections"

    @classmethod
    def is_told_by(cls, key: str) -> bool:
        return RenditionCreated.is_told_by(key) or UploadRejected.is_told_by(key)


def message(event: Announced, s3: "S3Client") -> dict[str, Any]:
    """Return the content of the post. Raises as storage.read_announced does, which reads the record of a rejection."""
    return _rejected(event, s3) if event.kind == "rejections" else _finished(event, s3)


def message_id(event: Announced) -> str:
    """Return the id of the post: the same for a retry or a replay, another one if the picture is rendered again."""
    return f"{event.kind}_{event.image.id}_{event.etag}"


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
