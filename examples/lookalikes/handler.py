"""A picture is finished: finds earlier pictures that look like it and writes them beside it.

Retries with backoff, dead letters with reasons and the time budget of a batch come from shared/subscriber.py.
"""

from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext

from examples.lookalikes.fingerprint import fingerprints
from examples.lookalikes.index import Index, Settings
from shared import config, storage
from shared.events import RenditionCreated
from shared.subscriber import process_events
from shared.telemetry import logger, observed

MAX_BYTES = 5_000_000


@cache
def index() -> Index:
    return Index(boto3.client("dynamodb"), config.read(Settings).index_table)


def work(event: RenditionCreated) -> None:
    """Notes one picture's fingerprints and writes `lookalikes/<image id>.json`, nearest first; empty if there is none.

    It is noted before it looks: of two that arrive at once, at least one finds the other.
    """
    s3 = storage.s3_client()
    prints = fingerprints(storage.read_announced(s3, event, MAX_BYTES))
    index().add(event.image.id, event.key, prints.noted)
    found = index().like(event.image.id, prints.asked)
    record = {"image": event.image.id, "key": event.key, "lookalikes": [match.as_record() for match in found]}
    storage.put_record(s3, event.bucket, f"lookalikes/{event.image.id}.json", record)
    logger.info("lookalikes done", found=len(found))


@observed
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Process a batch of SQS messages and return the ids of the messages that must be retried."""
    return process_events(event, context, RenditionCreated, work)
