"""Makes the contract's files for other languages: JSON Schemas, golden messages and encoded file names.

`make generated` writes them to docs/contract from docs/asyncapi.yaml and from the code that reads events.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import yaml

from shared.events import Created, PictureRemoved, RenditionCreated, Upload, UploadRejected, events_in
from shared.names import safe_name

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "contract"
SCHEMAS = (
    "UploadArrived",
    "RenditionCreated",
    "UploadRejected",
    "PictureRemoved",
    "RejectionRecord",
    "RemovalRecord",
    "Envelope",
)
DIALECT = "https://json-schema.org/draft/2020-12/schema"

NAMES = (
    "cat.jpg", "tea & <cake> ünï", "a b+c%20d!.png", "猫.jpg", "🐈 cat.heic", "naïve “quoted”.webp", "100% sure_-.gif",
)  # fmt: skip

_IMAGE_ID = "7ybqx4m8hz6wwqcr6076spxfyx"
_AT = datetime(2026, 11, 22, 10, 11, 12, 345000, UTC)
_ETAG = "d41d8cd98f00b204e9800998ecf8427e"
_KINDS: dict[type[Created], str] = {
    Upload: "UploadArrived",
    RenditionCreated: "RenditionCreated",
    UploadRejected: "UploadRejected",
    PictureRemoved: "PictureRemoved",
}


def files() -> dict[Path, str]:
    """Returns the path and the text of each file in docs/contract."""
    document = yaml.safe_load((ROOT / "docs" / "asyncapi.yaml").read_text())
    texts: dict[Path, Any] = {FOLDER / f"{name}.schema.json": schema(document, name) for name in SCHEMAS}
    texts[FOLDER / "messages.json"] = list(messages())
    texts[FOLDER / "names.json"] = [
        {"name": name, "in_key": safe_name(name), "in_event": quote_plus(safe_name(name))} for name in NAMES
    ]
    return {path: json.dumps(content, indent=2, ensure_ascii=False) + "\n" for path, content in texts.items()}


def schema(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Returns one schema of the AsyncAPI document as a JSON Schema that needs no other file."""
    schemas = document["components"]["schemas"]
    own = {"$schema": DIALECT, "title": name, **schemas[name]}
    text = json.dumps(own)
    used = {other: schemas[other] for other in schemas if f'"#/components/schemas/{other}"' in text}
    whole = json.dumps(own | ({"$defs": used} if used else {}))
    found: dict[str, Any] = json.loads(whole.replace("#/components/schemas/", "#/$defs/"))
    return found


def messages() -> Iterator[dict[str, Any]]:
    """Yields golden messages: the body as it arrives in a queue, and the events that a consumer must read from it."""
    upload = Upload(
        "darkroom-uploads", f"uploads/{_IMAGE_ID}/tea!20!26.jpg", _ETAG, 2_211_666, _AT, "0C0F6F405D6ED209E1"
    )
    rendition = RenditionCreated(
        "darkroom-resized", f"thumb/{_IMAGE_ID}/4000x3000/{safe_name(NAMES[1])}.jpg", _ETAG, 20_480, _AT, "0C0F"
    )
    rejection = UploadRejected("darkroom-resized", f"rejected/{_IMAGE_ID}.json", _ETAG, 512, _AT)
    removal = PictureRemoved("darkroom-resized", f"removed/{_IMAGE_ID}.json", _ETAG, 120, _AT)
    anywhere = Upload("darkroom-uploads", "my holiday/ä + b.jpg", _ETAG, 7, _AT)
    for about, event in (
        ("an upload through the door", upload),
        ("an upload with a key that another program chose: spaces are +, a plus is %2B", anywhere),
        (
            "a finished picture: the key has its name encoded with !XX, and the event has the key encoded again",
            rendition,
        ),
        ("a rejected upload", rejection),
        ("a removed picture", removal),
    ):
        yield _golden(about, json.dumps(_as_sent(event)), type(event))
    envelope = {
        "Type": "Notification",
        "MessageId": "d88d4479-6ec0-54fe-b63f-1cf9df4bb16e",
        "TopicArn": "arn:aws:sns:eu-west-1:123456789012:RenditionTopic",
        "Message": json.dumps(_as_sent(rendition)),
        "Timestamp": "2026-11-22T10:11:12.345Z",
    }
    yield _golden("without raw delivery: SNS's envelope around the event", json.dumps(envelope), RenditionCreated)
    two = _as_sent(rendition)
    two["Records"] += _as_sent(replace(rendition, key=rendition.key.replace(".jpg", ".webp")))["Records"]
    yield _golden("two records in one message", json.dumps(two), RenditionCreated)
    test = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "darkroom-resized"}
    yield _golden("the test event that S3 sends when a notification is set up: ignore it", json.dumps(test), Upload)


def _golden(about: str, body: str, kind: type[Created]) -> dict[str, Any]:
    events = [
        {
            "kind": _KINDS[kind],
            "bucket": event.bucket,
            "key": event.key,
            "etag": event.etag,
            "size_bytes": event.size_bytes,
            "image": event.image.id,
            "name": event.image.name,
        }
        for event in events_in(kind, body)
    ]
    for event in events:
        if not str(event["key"]).startswith(("uploads/", "thumb/")):
            del event["name"]  # other keys hold no name
        if event["kind"] == "UploadArrived" and not str(event["key"]).startswith("uploads/"):
            del event["image"]
    return {"about": about, "body": body, "events": events}


def _as_sent(event: Created) -> dict[str, Any]:
    """Returns the event with more of S3's fields than Darkroom needs."""
    sent = event.as_event()
    for record in sent["Records"]:
        record["awsRegion"] = "eu-west-1"
        record["s3"]["bucket"]["arn"] = f"arn:aws:s3:::{event.bucket}"
    return sent
