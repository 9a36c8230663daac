"""Uploads arrived: makes the renditions of each, a batch of messages at a time."""

from functools import cache
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.resize.work import Settings, resize_upload
from shared import config
from shared.events import uploads_in
from shared.storage import s3_client

logger = Logger()
# Failed messages come back even when all of a batch failed; raising would only hide which and why.
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


@cache
def settings() -> Settings:
    return config.read(Settings)


def resize_message(record: SQSRecord) -> None:
    for upload in uploads_in(record.body):
        resize_upload(s3_client(), upload, settings())


def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """The Lambda entry point; `event` is a batch of SQS messages. Answers the ids of those that must come back."""
    return process_partial_response(  # type: ignore[return-value]
        event,
        record_handler=resize_message,
        processor=processor,
        context=context,
    )
