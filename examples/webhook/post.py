"""One finished picture as a signed JSON POST, in a form that chats show (Slack, Mattermost, Discord's /slack)."""

import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import urllib3

from shared.errors import Rejected, Unavailable
from shared.events import RenditionCreated
from shared.keys import read_rendition_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LINK_SECONDS = 3600
CONNECT_SECONDS = 3
ANSWER_SECONDS = 10
# What may be different the next time, though the receiver said no: time-out, conflict, too early, too many.
TRY_AGAIN = {408, 409, 425, 429}

_http = urllib3.PoolManager(timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=ANSWER_SECONDS), retries=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the function is told by its environment. Without a URL nothing is posted."""

    webhook_url: str = ""
    webhook_secret: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if self.webhook_url and not self.webhook_url.startswith(("https://", "http://")):
            raise ValueError("WEBHOOK_URL must begin with https://, or http:// on this machine")
        if self.webhook_url and not self.webhook_secret:
            raise ValueError("WEBHOOK_SECRET is empty: the receiver could not tell our posts from anybody's")


def message(event: RenditionCreated, s3: "S3Client") -> dict[str, Any]:
    """What is posted: `text` for chats, the rest for programs. `thumb_url` works for LINK_SECONDS."""
    read = read_rendition_key(event.key)
    assert read, event.key
    link = s3.generate_presigned_url(
        "get_object", Params={"Bucket": event.bucket, "Key": event.key}, ExpiresIn=LINK_SECONDS
    )
    return {
        # Slack's three special characters: docs.slack.dev/messaging/formatting-message-text
        "text": f"{_plain(event.image.name)} is ready, {read.width_px} x {read.height_px}: {link}",
        "event": "rendition-created",
        "image": event.image.id,
        "name": event.image.name,
        "width_px": read.width_px,
        "height_px": read.height_px,
        "created_at": event.at.isoformat(),
        "thumb_url": link,
    }


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """`v1=` and the HMAC-SHA256 in hex of timestamp, a dot and the body, so that nobody can send it again later."""
    return "v1=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def post(settings: Settings, image_id: str, content: dict[str, Any]) -> None:
    """Posts `content`; any 2xx is success.

    Raises Unavailable (`receiver-unavailable`) for no answer, 5xx and what a receiver says to try again; Rejected
    (`receiver-refused`) for every other answer, redirects too: the secret's signature goes nowhere else.
    """
    body, timestamp = json.dumps(content).encode(), str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "X-Darkroom-Id": image_id,
        "X-Darkroom-Timestamp": timestamp,
        "X-Darkroom-Signature": signature(settings.webhook_secret, timestamp, body),
    }
    try:
        answer = _http.request("POST", settings.webhook_url, body=body, headers=headers, redirect=False)
    except urllib3.exceptions.HTTPError as error:
        raise Unavailable("receiver-unavailable", f"The receiver did not answer: {error}") from error
    if 200 <= answer.status < 300:
        return
    said = answer.data[:200].decode(errors="replace")
    if answer.status in TRY_AGAIN or answer.status >= 500:
        raise Unavailable("receiver-unavailable", f"The receiver answered {answer.status}: {said}")
    raise Rejected("receiver-refused", f"The receiver answered {answer.status}: {said} Check its URL, then replay.")


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
