"""A subscriber's surroundings for unit tests: its queues, a bucket and a real event, on moto's AWS."""

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, Final
from unittest.mock import patch
from urllib.parse import quote_plus

import boto3
from moto import mock_aws
from mypy_boto3_s3 import S3Client
from mypy_boto3_sqs import SQSClient
from PIL import Image

from shared import queues, settling, storage
from shared.letters import Reason, reason_of
from shared.limits import MAX_ATTEMPTS
from tests.support.context import Context

BUCKET = "darkroom-test"
REGION: Final = "eu-west-1"
_ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "unit",
    "AWS_SECRET_ACCESS_KEY": "unit",
    "AWS_SESSION_TOKEN": "unit",
    "AWS_DEFAULT_REGION": REGION,
}


def picture() -> bytes:
    """Return a JPEG of 300 x 200 pixels."""
    body = BytesIO()
    Image.linear_gradient("L").resize((300, 200)).convert("RGB").save(body, "JPEG")
    return body.getvalue()


def rejection_record() -> bytes:
    """Return the record of a rejection, as the resizer writes it."""
    record = {
        "code": "not-an-image",
        "sentence": "It is not a picture.",
        "name": "poem.txt",
        "rejected_at": "2026-11-22T10:11:12+00:00",
        "event": s3_event(BUCKET, "uploads/7ybqx4m8hz6wwqcr6076spxfyx/poem.txt", "d41d8cd98f00b204e9800998ecf8427e", 7),
    }
    return json.dumps(record).encode()


class Desk:
    """Holds a bucket of announced objects and the subscriber's queues, and receives messages as Lambda does."""

    def __init__(self, s3: S3Client, sqs: SQSClient) -> None:
        self.s3, self.sqs = s3, sqs
        self.context = Context()
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.queue = sqs.create_queue(QueueName="work")["QueueUrl"]
        self.dead = sqs.create_queue(QueueName="dead")["QueueUrl"]

    def announce(self, key: str, body: bytes) -> dict[str, Any]:
        """Put an object and return Lambda's event for it: a batch of one message with S3's event."""
        etag = self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)["ETag"].strip('"')
        self.sqs.send_message(QueueUrl=self.queue, MessageBody=json.dumps(s3_event(BUCKET, key, etag, len(body))))
        (message,) = self.sqs.receive_message(QueueUrl=self.queue)["Messages"]
        return {
            "Records": [
                {
                    "messageId": message["MessageId"],
                    "receiptHandle": message["ReceiptHandle"],
                    "body": message["Body"],
                    "attributes": {
                        "ApproximateReceiveCount": "1",
                        "SentTimestamp": "1795348800000",
                        "SenderId": "123456789012",
                        "ApproximateFirstReceiveTimestamp": "1795348800000",
                    },
                    "messageAttributes": {},
                    "md5OfBody": message["MD5OfBody"],
                    "eventSource": "aws:sqs",
                    "eventSourceARN": f"arn:aws:sqs:{REGION}:123456789012:work",
                    "awsRegion": REGION,
                }
            ]
        }

    def at_last_attempt(self, event: dict[str, Any]) -> dict[str, Any]:
        """Return the same batch, received for the last time before SQS gives it up."""
        later = copy.deepcopy(event)
        later["Records"][0]["attributes"]["ApproximateReceiveCount"] = str(MAX_ATTEMPTS)
        return later

    def take_storage_away(self) -> None:
        """Delete the bucket. S3 then answers each request with an error."""
        for found in self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
            self.s3.delete_object(Bucket=BUCKET, Key=found["Key"])
        self.s3.delete_bucket(Bucket=BUCKET)

    def letters(self) -> list[Reason]:
        """Return the reasons of the dead letters."""
        answer = self.sqs.receive_message(QueueUrl=self.dead, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        return [reason_of(message) for message in answer.get("Messages", [])]


@contextmanager
def delivering(**environment: str) -> Iterator[Desk]:
    """Make a desk. `environment` holds the function's variables beside its queues."""
    caches = (storage.s3_client, queues.sqs_client, settling.own_queues)
    with mock_aws(), patch.dict("os.environ", {**_ACCOUNT, **environment}):
        desk = Desk(boto3.client("s3"), boto3.client("sqs"))
        with patch.dict("os.environ", {"QUEUE_URL": desk.queue, "DEAD_LETTER_QUEUE_URL": desk.dead}):
            for cache in caches:
                cache.cache_clear()
            yield desk
    for cache in caches:
        cache.cache_clear()


def s3_event(bucket: str, key: str, etag: str, size_bytes: int) -> dict[str, Any]:
    """Return an S3 event with every field that S3's documentation shows."""
    return {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "awsRegion": REGION,
                "eventTime": "2026-11-22T10:11:12.345Z",
                "eventName": "ObjectCreated:Put",
                "userIdentity": {"principalId": "AWS:AROAEXAMPLE:darkroom-resize"},
                "requestParameters": {"sourceIPAddress": "203.0.113.7"},
                "responseElements": {"x-amz-request-id": "D82B88E5F771F645", "x-amz-id-2": "vlR7PnpV2Ce81l0PRw6jlUpck"},
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "configurationId": "828aa6fc-f7b5-4305-8584-487c791949c1",
                    "bucket": {
                        "name": bucket,
                        "ownerIdentity": {"principalId": "A3I5XTEXAMAI3E"},
                        "arn": f"arn:aws:s3:::{bucket}",
                    },
                    "object": {
                        "key": quote_plus(key, safe="/"),
                        "size": size_bytes,
                        "eTag": etag,
                        "sequencer": "0C0F6F405D6ED209E1",
                    },
                },
            }
        ]
    }
