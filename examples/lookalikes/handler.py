"""Finds earlier pictures that look like a finished picture, and stores the result. Forgets removed pictures.

The sealed process decodes the thumb, so no decoder runs beside the role's credentials (shared/sealed.py). Retries with
backoff, dead letters with reasons and the time budget of a batch come from shared/subscriber.py.
"""

from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext
from PIL import Image

from examples.lookalikes.decoding import MAX_SIDE_PX
from examples.lookalikes.fingerprint import Fingerprints, fingerprints
from examples.lookalikes.index import Index, Settings
from shared import config, storage
from shared.deadline import seconds_left
from shared.errors import Unavailable
from shared.events import Created, PictureRemoved, RenditionCreated
from shared.keys import Image as Picture
from shared.keys import read_removed_key, read_rendition_key
from shared.sealed import Sealed
from shared.subscriber import process_events
from shared.telemetry import logger, observed

MAX_BYTES = 5_000_000
DECODE_SECONDS = 20
DECODER_MEMORY_BYTES = 256 * 1024 * 1024

settings = config.at_start(Settings)
decoder = Sealed("examples.lookalikes.decoding", seconds=DECODE_SECONDS, memory_bytes=DECODER_MEMORY_BYTES)


@cache
def index() -> Index:
    return Index(boto3.client("dynamodb"), settings().index_table)


class Change(Created):
    """An event of a finished picture or of a removed picture."""

    @property
    def image(self) -> Picture:
        finished = read_rendition_key(self.key)
        image_id = finished.image_id if finished else read_removed_key(self.key) or ""
        return Picture(image_id, image_id)

    @classmethod
    def is_told_by(cls, key: str) -> bool:
        return RenditionCreated.is_told_by(key) or PictureRemoved.is_told_by(key)


def work(event: Change) -> None:
    """Does the idempotent work for one event."""
    if PictureRemoved.is_told_by(event.key):
        index().remove(event.image.id)
        logger.info("lookalikes forgotten", image_id=event.image.id)
    else:
        find(event)


def find(event: Change) -> None:
    """Adds one picture to the index and writes `lookalikes/<image id>.json`: nearest first, empty if there is none.

    It adds the picture before it searches. If two alike pictures arrive at the same time, at least one finds the other.
    """
    s3 = storage.s3_client()
    prints = fingerprints_of(storage.read_announced(s3, event, MAX_BYTES))
    index().add(event.image.id, event.key, prints)
    found = index().like(event.image.id, prints)
    record = {"image": event.image.id, "key": event.key, "lookalikes": [match.as_record() for match in found]}
    storage.put_record(s3, event.bucket, f"lookalikes/{event.image.id}.json", record)
    logger.info("lookalikes done", found=len(found))


def fingerprints_of(body: bytes) -> Fingerprints:
    """Returns the fingerprints of a thumb. Raises Rejected and Unavailable as the sealed process does."""
    header, (pixels,) = decoder.ask({}, body, seconds_left())
    size = header["width_px"], header["height_px"]
    if not all(type(side) is int and 1 <= side <= MAX_SIDE_PX for side in size) or len(pixels) != size[0] * size[1]:
        raise Unavailable("crashed", "The decoder sent a malformed answer.")
    return fingerprints(Image.frombytes("L", size, pixels))


@observed
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Handles a batch of SQS messages; returns the ids of the failed ones."""
    return process_events(event, context, Change, work)
