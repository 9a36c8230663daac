"""SQS as a subscriber uses it; Lambda itself receives and deletes."""

from collections.abc import Mapping, Sequence
from itertools import batched
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from shared.message import Copy
from shared.once import Once

if TYPE_CHECKING:  # type stubs are not deployed
    from mypy_boto3_sqs import SQSClient

BATCH_MESSAGES = 10  # the most that SQS takes in one request


@Once
def sqs_client() -> "SQSClient":
    """Returns the SQS client of this execution environment. Its requests give up within RESERVE_SECONDS."""
    return boto3.client(
        "sqs", config=Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})
    )


def set_visibility(sqs: "SQSClient", queue_url: str, receipt_handles: Sequence[str], seconds: int) -> None:
    """Makes received messages visible again in `seconds` from now; 0 is immediately. Raises botocore's errors."""
    for handles in batched(receipt_handles, BATCH_MESSAGES, strict=False):
        sqs.change_message_visibility_batch(
            QueueUrl=queue_url,
            Entries=[
                {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": seconds}
                for number, handle in enumerate(handles)
            ],
        )


def send(sqs: "SQSClient", queue_url: str, body: str, attributes: Mapping[str, Any] | None = None) -> None:
    """Sends one message. Raises botocore's errors."""
    sqs.send_message(QueueUrl=queue_url, MessageBody=body, MessageAttributes=dict(attributes or {}))


def requeue(sqs: "SQSClient", queue_url: str, copies: Sequence[Copy]) -> list[str]:
    """Sends at most BATCH_MESSAGES copies in one request; returns the error of each, empty if SQS took it.

    Raises botocore's errors if the request fails as a whole.
    """
    answer = sqs.send_message_batch(
        QueueUrl=queue_url,
        Entries=[
            {
                "Id": str(number),
                "MessageBody": copy.body,
                "DelaySeconds": copy.delay_seconds,
                "MessageAttributes": dict(copy.attributes),
            }
            for number, copy in enumerate(copies)
        ],
    )
    errors = [""] * len(copies)
    for failed in answer.get("Failed", []):
        errors[int(failed["Id"])] = f"{failed['Code']}: {failed.get('Message', '')}"
    return errors
