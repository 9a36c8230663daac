"""The steps of the smoke test. Each step checks one thing on the stack, and returns a note or raises FailedStep."""

import json
import secrets
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from ops.deployment import buckets
from ops.monitoring.logs import lines
from ops.recovery import letters, replay_records, replays
from ops.recovery.letters import Letter
from ops.recovery.records import Dead
from ops.recovery.replays import Selection
from ops.target import Target
from ops.upload import bearer, upload_all
from shared import log_events
from shared.keys import INVITATIONS_PREFIX, REJECTED_PREFIX, REPLAYS_PREFIX, UPLOADS_PREFIX

# A bucket's new notification takes up to five minutes to work: docs.aws.amazon.com/AmazonS3/latest/userguide,
# "Enabling and configuring event notifications". Log lines and letters take seconds.
ARRIVES_SECONDS = 400
POLL_SECONDS = 0.5
SIDE_PX = 600
LETTERS_A_SECOND = 10
# JPEG changes a plain colour by a few of 255 levels.
COLOUR_LEVELS = 12


class FailedStep(Exception):
    """The stack behaved wrongly. The sentence says how."""


@dataclass
class Run:
    """The state of one smoke test: its clients, and the ids of its uploads for the clean-up."""

    target: Target
    http: httpx.Client
    dead: Dead
    mark: str = field(default_factory=lambda: f"darkroom-smoke-{secrets.token_hex(8)}")
    colour: tuple[int, int, int] = field(default_factory=lambda: tuple(secrets.token_bytes(3)))  # type: ignore[assignment]
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    image_ids: list[str] = field(default_factory=list)
    shown: dict[str, Any] = field(default_factory=dict)
    letter: Letter | None = None
    earlier_replays: set[str] = field(default_factory=set)
    invitation: str = ""

    def __post_init__(self) -> None:
        self.earlier_replays = set(replay_records.runs(self.dead))

    def sent(self, letter: Letter) -> bool:
        """Returns whether the letter is this run's poison message."""
        return self.mark in letter.body

    @property
    def own_letter(self) -> Selection:
        """Returns the selection of this run's letter and no other."""
        return Selection(self.sent, LETTERS_A_SECOND, expected=1, others=1)


def _gallery(tried: Run) -> str:
    answer = _get(tried, tried.target.gallery_url)
    if "<html" not in answer.text:
        raise FailedStep("The gallery answered no page.")
    return tried.target.gallery_url


def _picture_uploaded(tried: Run) -> str:
    return _upload(tried, f"{tried.mark}.jpg", _picture(tried.colour))


def _picture_ready(tried: Run) -> str:
    tried.shown = _awaited(lambda: _status(tried, "ready"), "The picture did not become ready")
    return f"{tried.shown['width']} x {tried.shown['height']}, {tried.shown['name']}"


def _thumb_right(tried: Run) -> str:
    return _rendition_right(tried, "thumb")


def _view_right(tried: Run) -> str:
    return _rendition_right(tried, "view")


def _page_shows_it(tried: Run) -> str:
    page = _get(tried, f"{tried.target.gallery_url}?image={tried.image_ids[0]}").text
    if tried.image_ids[0] not in page or tried.mark not in page:
        raise FailedStep("The page does not have the picture's id and name.")
    return f"?image={tried.image_ids[0]}"


def _logged(tried: Run) -> str:
    def told() -> str:
        found = lines(tried.target, tried.began - timedelta(minutes=5), tried.image_ids[0])
        return next((line.message for line in found if line.message == log_events.UploadResized.message), "")

    return _awaited(told, f"No log line says `{log_events.UploadResized.message}`")


def _text_uploaded(tried: Run) -> str:
    return _upload(tried, f"{tried.mark}-rejected.jpg", f"{tried.mark} is not a picture".encode())


def _text_rejected(tried: Run) -> str:
    found = _awaited(lambda: _status(tried, "rejected"), "The file was not rejected")
    return f"{found['code']}: {found['sentence']}"


def _poison_given_up(tried: Run) -> str:
    body = json.dumps({tried.mark: "a message that is not an event, sent by `darkroom smoke`"})
    tried.dead.sqs.send_message(QueueUrl=tried.dead.queue_url, MessageBody=body)
    tried.letter = _awaited(lambda: _letter(tried), "The poison message did not become a dead letter")
    return f"{tried.letter.reason.code} after {tried.letter.reason.attempts or '?'} attempts"


def _letter_replayed(tried: Run) -> str:
    first = tried.letter
    assert first
    summary = replays.replay(tried.dead, tried.own_letter)
    if summary.done != 1:
        raise FailedStep(f"The replay sent {summary.done} letters instead of one.")
    _awaited(lambda: _letter(tried, but_not=first.queue_id), "The replayed message was not tried again")
    return "tried again, and a dead letter again"


def removed(tried: Run) -> str:
    """Deletes this run's originals, renditions, records of rejections, dead letters and invitation."""
    s3, uploads, resized = tried.dead.s3, tried.target.outputs["UploadBucketName"], tried.dead.bucket
    dropped = replays.drop(tried.dead, tried.own_letter)
    count = dropped.done + buckets.empty(s3, resized, f"{INVITATIONS_PREFIX}{tried.mark}/")
    for run in set(replay_records.runs(tried.dead)) - tried.earlier_replays:
        count += buckets.empty(s3, resized, f"{REPLAYS_PREFIX}{tried.dead.name}/{run}/")
    below = s3.list_objects_v2(Bucket=resized, Delimiter="/").get("CommonPrefixes", [])
    for image_id in tried.image_ids:
        places = [(uploads, f"{UPLOADS_PREFIX}{image_id}/"), (resized, f"{REJECTED_PREFIX}{image_id}.json")]
        places += [(resized, f"{found['Prefix']}{image_id}/") for found in below]
        count += sum(buckets.empty(s3, bucket, prefix) for bucket, prefix in places)
    return f"{count} objects and letters"


def _upload(tried: Run, name: str, body: bytes) -> str:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, name)
        file.write_bytes(body)
        (outcome,) = upload_all(tried.target.gallery_url, [file], Console(quiet=True), invitation=tried.invitation)
    if outcome.image_id is None:
        raise FailedStep(f"{outcome.code}: {outcome.sentence}")
    tried.image_ids.append(outcome.image_id)
    return outcome.image_id


def _status(tried: Run, wanted: str) -> dict[str, Any]:
    """Reads the newest upload's status from the API; empty until the status is `wanted`."""
    found: dict[str, Any] = _get(tried, f"{tried.target.gallery_url}images/{tried.image_ids[-1]}").json()
    if found["status"] not in {"pending", wanted}:
        raise FailedStep(f"It is {found['status']}: {found.get('sentence', '')}")
    return found if found["status"] == wanted else {}


def _rendition_right(tried: Run, name: str) -> str:
    from PIL import Image  # takes a while to import, and no other command needs it

    answer = _get(tried, tried.shown[name]["url"])
    with Image.open(BytesIO(answer.content)) as opened:
        size, colour = opened.size, opened.convert("RGB").getpixel((opened.width // 2, opened.height // 2))
    if size != (tried.shown[name]["width"], tried.shown[name]["height"]):
        raise FailedStep(f"It is {size}, but the API says another size.")
    if max(abs(a - b) for a, b in zip(colour, tried.colour, strict=True)) > COLOUR_LEVELS:  # type: ignore[arg-type]
        raise FailedStep(f"Its colour is {colour}; the upload's colour is {tried.colour}.")
    return f"{size[0]} x {size[1]}, {len(answer.content)} bytes, {answer.headers.get('content-type', '')}"


def _picture(colour: tuple[int, int, int]) -> bytes:
    from PIL import Image

    buffer = BytesIO()
    Image.new("RGB", (SIDE_PX, SIDE_PX), colour).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def _letter(tried: Run, but_not: str = "") -> Letter | None:
    with closing(letters.walk(tried.dead.sqs, tried.dead.dead_url)) as every:
        return next((found for found in every if tried.sent(found) and found.queue_id != but_not), None)


def _get(tried: Run, url: str) -> httpx.Response:
    ours = url.startswith(tried.target.gallery_url)
    answer = tried.http.get(url, headers=bearer(tried.invitation) if ours else {})  # S3 must not see the invitation
    if not answer.is_success:
        raise FailedStep(f"{url.partition('?')[0]} answered {answer.status_code}: {answer.text[:200]}")
    return answer


def _awaited[T](look: Callable[[], T | None], failure: str) -> T:
    """Calls `look` until it returns something. Raises FailedStep after ARRIVES_SECONDS."""
    deadline = time.monotonic() + ARRIVES_SECONDS
    while not (found := look()):
        if time.monotonic() > deadline:
            raise FailedStep(f"{failure} within {ARRIVES_SECONDS} s.")
        time.sleep(POLL_SECONDS)
    return found


CHAINS: list[dict[str, Callable[[Run], str]]] = [
    {
        "gallery answers": _gallery,
        "picture uploaded": _picture_uploaded,
        "picture ready": _picture_ready,
        "thumb is right": _thumb_right,
        "view is right": _view_right,
        "page shows it": _page_shows_it,
        "log line is there": _logged,
    },
    {"file that is no picture uploaded": _text_uploaded, "file rejected": _text_rejected},
    {"poison message given up": _poison_given_up, "dead letter replayed": _letter_replayed},
]
