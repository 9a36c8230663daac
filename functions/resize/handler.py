"""Uploads arrived: makes the renditions of each, a batch of messages at a time."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.resize.memory import give_back, kept_memory
from functions.resize.render import render
from functions.resize.work import Settings, resize_upload
from shared import config
from shared.events import Upload
from shared.isolation import isolated
from shared.storage import s3_client
from shared.subscriber import process_batch
from shared.telemetry import observed

settings = config.at_start(Settings)


def resize(upload: Upload, isolate: bool) -> None:
    """Makes the upload's renditions; `isolate` says that it may be one that ends the process it is rendered in."""
    if isolate:
        give_back()  # the child may need it
    with kept_memory():
        resize_upload(s3_client(), upload, settings(), isolated(render) if isolate else render)


@observed
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """The Lambda entry point; `event` is a batch of SQS messages. Answers the ids of those that must come back."""
    return process_batch(event, context, resize)
