"""Posts each finished, rejected and removed picture to a URL, with a signature.

Retries with backoff, dead letters with reasons and the time budget of a batch come from shared/subscriber.py.
"""

import json
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from examples.webhook.message import Announced, message, message_id
from examples.webhook.post import Settings, post
from shared import config, storage
from shared.subscriber import process_events
from shared.telemetry import logger, observed

settings = config.at_start(Settings)


def work(event: Announced) -> None:
    """Post one event. A receiver recognises a repeated post by its webhook-id."""
    if event.kind not in settings().webhook_events:
        return
    content = message(event, storage.s3_client())
    if settings().webhook_url:
        post(settings(), message_id(event), json.dumps(content).encode(), datetime.now(UTC))
    logger.info(
        "webhook done", posted=bool(settings().webhook_url), type=content["type"], image=content["data"]["image"]
    )


@observed
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Process a batch of SQS messages and return the ids of the messages that must be retried."""
    return process_events(event, context, Announced, work)
