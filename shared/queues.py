"""SQS as a subscriber uses it beside Lambda's own receiving and deleting."""

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import batched
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:  # type stubs are not deployed
    from mypy_boto3_sqs import SQSClient

BATCH_MESSAGES = 10  # what SQS takes in one request


@cache
def sqs_client() -> "SQSClient":
    """The one SQS client of this execution environment. It gives up within RESERVE_SECONDS."""
    return boto3.client(
        "sqs", config=Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})
    )


def hide(sqs: "SQSClient", queue_url: str, receipt_handles: Sequence[str], seconds: int) -> None:
    """Makes received messages visible again in `seconds` from now; 0 is at once. Raises botocore's errors."""
    for handles in batched(receipt_handles, BATCH_MESSAGES, strict=False):
        sqs.change_message_visibility_batch(
            QueueUrl=queue_url,
            Entries=[
                {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": seconds}
                for number, handle in enumerate(handles)
            ],
        )


def delete(sqs: "SQSClient", queue_url: str, receipt_handle: str) -> None:
    """Deletes one received message; again does no harm. Raises botocore's errors."""
    sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=receipt_handle)


def send(sqs: "SQSClient", queue_url: str, body: str, attributes: Mapping[str, Any] | None = None) -> None:
    """Sends one message. Raises botocore's errors."""
    sqs.send_message(QueueUrl=queue_url, MessageBody=body, MessageAttributes=dict(attributes or {}))
