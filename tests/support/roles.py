"""An AWS in memory for tests of roles: buckets, queues, and a record of the functions' calls."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws

from functions.list import handler as gallery
from functions.remove import copies
from shared import access, queues, settling, storage
from shared.access import Caller, Guard, Role
from shared.events import Upload
from tests.support.permissions import Call, Grant, Recorder, denied, recording, unused

NOW = datetime.now(UTC)
# Lambda itself uses these with the function's role: to poll the queue, to write logs and to send traces.
# docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html, monitoring-cloudwatchlogs.html, services-xray.html
LAMBDAS_OWN = {
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
}


def check(calls: set[Call], granted: set[Grant]) -> None:
    assert calls
    refused = denied(calls, granted)
    assert not refused, refused
    never = unused(calls, {one for one in granted if one.action not in LAMBDAS_OWN})
    assert not never, never


QUEUE, DEAD = (f"https://sqs.eu-west-1.amazonaws.com/123456789012/{name}" for name in ("work", "dead"))


class Account:
    """An AWS with the template's buckets and queues, and the calls that functions make to it.

    Its own clients are not recorded.
    """

    def __init__(self, recorder: Recorder) -> None:
        session = boto3.Session()
        self.recorder, self.s3, self.sqs = recorder, session.client("s3"), session.client("sqs")
        for bucket in ("uploads", "resized"):
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        for queue in ("work", "dead"):
            self.sqs.create_queue(QueueName=queue)

    def put(self, key: str, body: bytes, bucket: str = "uploads") -> Upload:
        etag = self.s3.put_object(Bucket=bucket, Key=key, Body=body)["ETag"].strip('"')
        return Upload(bucket, key, etag, len(body), NOW)

    def distribution(self) -> str:
        """Make a CDN, and return its id."""
        origin = {
            "Id": "page",
            "DomainName": "resized.s3.eu-west-1.amazonaws.com",
            "S3OriginConfig": {"OriginAccessIdentity": ""},
        }
        config: Any = {
            "CallerReference": "test",
            "Comment": "",
            "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": {"TargetOriginId": "page", "ViewerProtocolPolicy": "https-only"},
        }
        made = boto3.Session().client("cloudfront").create_distribution(DistributionConfig=config)
        return made["Distribution"]["Id"]

    def message(self, body: str, sent: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Receive a message as Lambda does, and return it as Lambda hands it to a function."""
        self.sqs.send_message(QueueUrl=QUEUE, MessageBody=body)
        (received,) = self.sqs.receive_message(QueueUrl=QUEUE)["Messages"]
        now_ms = str(int(NOW.timestamp() * 1000))
        return {
            "messageId": received["MessageId"],
            "receiptHandle": received["ReceiptHandle"],
            "body": body,
            "attributes": {
                "ApproximateReceiveCount": "1",
                "SentTimestamp": now_ms,
                "ApproximateFirstReceiveTimestamp": now_ms,
            },
            "messageAttributes": {
                name: {"stringValue": value["StringValue"], "dataType": value["DataType"]}
                for name, value in (sent or {}).items()
            },
            "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:work",
        }


class Open(Guard):
    """Admits everybody as an owner called Olga."""

    def admit(self, headers: object, role: Role) -> Caller:
        return Caller("Olga", Role.OWNER.included())


@contextmanager
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """Open the account. The functions make new clients in it."""
    for name, value in {"QUEUE_URL": QUEUE, "DEAD_LETTER_QUEUE_URL": DEAD, "LETTERS_BUCKET": "resized"}.items():
        monkeypatch.setenv(name, value)
    cached: list[Any] = [
        access._secrets_client,
        storage.s3_client,
        queues.sqs_client,
        settling.own_queues,
        gallery.wiring,
        copies.cloudfront,
    ]
    for one in cached:
        one.cache_clear()
    with mock_aws(), recording() as recorder:
        yield Account(recorder)
    for one in cached:
        one.cache_clear()


def announced(upload: Upload) -> str:
    """Return the body of the message that announces the upload."""
    return json.dumps(upload.as_event())
