"""A picture is finished: posts it to a URL, signed.

Retries with backoff, dead letters with reasons and the time budget of a batch come from shared/subscriber.py.
"""

from functools import cache
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from examples.webhook.post import Settings, message, post
from shared import config, storage
from shared.events import RenditionCreated
from shared.subscriber import process_events

logger = Logger()


@cache
def settings() -> Settings:
    return config.read(Settings)


def work(event: RenditionCreated) -> None:
    """Posts one finished picture. A receiver that hears of one twice knows it by its id."""
    sent = message(event, storage.s3_client())
    if settings().webhook_url:
        post(settings(), event.image.id, sent)
    logger.info("webhook done", posted=bool(settings().webhook_url), picture=sent["name"])


@logger.inject_lambda_context
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """The Lambda entry point; `event` is a batch of SQS messages. Answers the ids of those that must come back."""
    return process_events(event, context, RenditionCreated, work)
