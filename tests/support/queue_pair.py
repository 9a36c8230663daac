"""A subscriber's queues in moto, work that fails as asked, and a clock that only a test moves."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.sqs.models import sqs_backends
from mypy_boto3_sqs import SQSClient

from shared import clock, queues
from shared.errors import Outage, Unavailable
from shared.events import Upload
from shared.subscriber import Work

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


def moto_queues() -> list[Any]:
    """Returns moto's own queues."""
    return list(sqs_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"].queues.values())


class QueuePair:
    """A subscriber's two queues in moto, and Lambda's part: it receives a batch and reads the answer."""

    def __init__(self, sqs: SQSClient, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sqs = sqs
        self.queue = sqs.create_queue(QueueName="work", Attributes={"VisibilityTimeout": "360"})["QueueUrl"]
        self.dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
        monkeypatch.setenv("QUEUE_URL", self.queue)
        monkeypatch.setenv("DEAD_LETTER_QUEUE_URL", self.dead)
        self.hidden: list[tuple[str, int]] = []
        real = queues.set_visibility

        def set_visibility(sqs: SQSClient, url: str, handles: list[str], seconds: int) -> None:
            real(sqs, url, handles, seconds)
            self.hidden += [(self.keys_by_handle[handle], seconds) for handle in handles]

        monkeypatch.setattr(queues, "set_visibility", set_visibility)
        self.keys_by_handle: dict[str, str] = {}

    def batch(self, *uploads: tuple[str, int]) -> dict[str, Any]:
        """Uploads by key, each with the number of times it was received, as the event of one invocation."""
        for key, _ in uploads:
            body = json.dumps(Upload("uploads", key, "e" * 32, 1, AT).as_event())
            self.sqs.send_message(QueueUrl=self.queue, MessageBody=body)
        received: dict[str, Any] = {}
        while len(received) < len(uploads):
            for record in self.received():
                received[self.keys_by_handle[record["receiptHandle"]]] = record
        for key, attempts in uploads:
            received[key]["attributes"]["ApproximateReceiveCount"] = str(attempts)
        return {"Records": [received[key] for key, _ in uploads]}

    def received(self) -> list[dict[str, Any]]:
        """Receives up to ten visible messages, as records of an invocation's event."""
        answer = self.sqs.receive_message(
            QueueUrl=self.queue,
            MaxNumberOfMessages=10,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        return [self._record(message) for message in answer.get("Messages", [])]

    def _record(self, message: Any) -> dict[str, Any]:
        key = json.loads(message["Body"])["Records"][0]["s3"]["object"]["key"]
        self.keys_by_handle[message["ReceiptHandle"]] = key
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"] | {"ApproximateFirstReceiveTimestamp": "1795348800000"},
            "messageAttributes": {
                name: {"dataType": sent["DataType"], "stringValue": sent["StringValue"]}
                for name, sent in message.get("MessageAttributes", {}).items()
            },
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:work",
            "awsRegion": "eu-west-1",
            "md5OfBody": "",
        }

    def come_back(self, event: dict[str, Any], answer: dict[str, Any]) -> list[str]:
        """Returns the keys of the messages that `answer` reports as failed."""
        by_id = {record["messageId"]: self.keys_by_handle[record["receiptHandle"]] for record in event["Records"]}
        return [by_id[failure["itemIdentifier"]] for failure in answer["batchItemFailures"]]

    def delayed(self) -> list[dict[str, Any]]:
        """Receives the messages that wait in the queue, before their time."""
        for queue in moto_queues():
            for message in queue._messages:
                message.delayed_until = 0
        return self.received()

    def letters(self) -> list[dict[str, Any]]:
        found: list[Any] = self.sqs.receive_message(
            QueueUrl=self.dead, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages", [])
        return found

    def waits(self, key: str) -> list[int]:
        """Returns the visibility timeouts that the message got after the batch's lease."""
        return [seconds for hidden, seconds in self.hidden if hidden == key][1:]


OUTAGE = Outage("storage-unavailable", "S3 is down.")
REFUSED = Unavailable("storage-refused", "S3 refused.")


def failing(*keys: str, error: Exception | None = None) -> Work[Upload]:
    def work(upload: Upload) -> None:
        if upload.key in keys:
            raise error or REFUSED

    return work


def recording(worked: list[str]) -> Work[Upload]:
    return lambda upload: worked.append(upload.key)


class StoppedClock:
    """A clock that only moves when a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passed = timedelta()
        monkeypatch.setattr(clock, "monotonic", lambda: 1000 + self.passed.total_seconds())
        start = datetime.now(UTC)
        monkeypatch.setattr(clock, "now", lambda: start + self.passed)


def refuse(monkeypatch: pytest.MonkeyPatch, function: str, code: str = "ServiceUnavailable") -> None:
    """Has one function of shared.queues fail as SQS does."""

    def fail(*_: Any) -> None:
        raise ClientError({"Error": {"Code": code}}, function)

    monkeypatch.setattr(queues, function, fail)
