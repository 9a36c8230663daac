"""Logs the size of each finished picture: a subscriber in a separate repository."""

from typing import Any

from shared.events import RenditionCreated
from shared.subscriber import process_events
from shared.telemetry import logger, observed


def work(event: RenditionCreated) -> None:
    """Does the work for one event, which may come more than once."""
    logger.info("counter done", image_id=event.image.id, size_bytes=event.size_bytes)


@observed
def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Handles a batch of SQS messages; returns the ids of the failed ones."""
    return process_events(event, context, RenditionCreated, work)
