"""The requests to SQS, and its answers, as boto3 and Lambda give them to the code under test."""

# ruff: noqa: N803  (the argument names are boto3's)

from collections.abc import Mapping
from typing import Any

from tests.support.simulation.faults import Service, failure
from tests.support.simulation.queue import MAX_BATCH, Message, Queue
from tests.support.simulation.world import World

# docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
MAX_DELAY_SECONDS = 900
MAX_VISIBILITY_SECONDS = 43_200
MAX_ATTRIBUTES = 10


class SqsClient:
    """The requests of boto3's SQS client that the code under test makes."""

    def __init__(self, service: Service, queues: list[Queue]) -> None:
        self._service = service
        self._queues = {queue.url: queue for queue in queues}

    def send_message(
        self,
        *,
        QueueUrl: str,
        MessageBody: str,
        DelaySeconds: int = 0,
        MessageAttributes: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Sends one message."""
        return self._service.request(
            "sqs:SendMessage", lambda: self._send(QueueUrl, MessageBody, DelaySeconds, MessageAttributes or {})
        )

    def send_message_batch(self, *, QueueUrl: str, Entries: list[Mapping[str, Any]]) -> dict[str, Any]:
        """Sends up to ten messages, each of which succeeds or fails alone."""

        def act() -> dict[str, Any]:
            sent = [
                {"Id": entry["Id"]}
                | self._send(
                    QueueUrl, entry["MessageBody"], entry.get("DelaySeconds", 0), entry.get("MessageAttributes", {})
                )
                for entry in self._checked("sqs:SendMessageBatch", Entries)
            ]
            return {"Successful": sent, "Failed": []}

        return self._service.request("sqs:SendMessageBatch", act)

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> dict[str, Any]:
        """Changes when one received message is visible again."""

        def act() -> dict[str, Any]:
            self._change("sqs:ChangeMessageVisibility", QueueUrl, ReceiptHandle, VisibilityTimeout)
            return {}

        return self._service.request("sqs:ChangeMessageVisibility", act)

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: list[Mapping[str, Any]]) -> dict[str, Any]:
        """Changes when received messages are visible again, each of which succeeds or fails alone."""

        def act() -> dict[str, Any]:
            successful, failed = [], []
            for entry in self._checked("sqs:ChangeMessageVisibilityBatch", Entries):
                try:
                    self._change(
                        "sqs:ChangeMessageVisibilityBatch", QueueUrl, entry["ReceiptHandle"], entry["VisibilityTimeout"]
                    )
                    successful.append({"Id": entry["Id"]})
                except Exception as error:
                    failed.append({"Id": entry["Id"], "SenderFault": True, "Code": str(error)})
            return {"Successful": successful, "Failed": failed}

        return self._service.request("sqs:ChangeMessageVisibilityBatch", act)

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> dict[str, Any]:
        """Deletes one received message. A message that is gone already is no error."""

        def act() -> dict[str, Any]:
            self._queues[QueueUrl].delete(ReceiptHandle)
            return {}

        return self._service.request("sqs:DeleteMessage", act)

    def delete_message_batch(self, *, QueueUrl: str, Entries: list[Mapping[str, Any]]) -> dict[str, Any]:
        """Deletes up to ten received messages."""

        def act() -> dict[str, Any]:
            for entry in self._checked("sqs:DeleteMessageBatch", Entries):
                self._queues[QueueUrl].delete(entry["ReceiptHandle"])
            return {"Successful": [{"Id": entry["Id"]} for entry in Entries], "Failed": []}

        return self._service.request("sqs:DeleteMessageBatch", act)

    def receive_message(self, *, QueueUrl: str, MaxNumberOfMessages: int = 1, **_: object) -> dict[str, Any]:
        """Receives messages with all their attributes."""
        queue = self._queues[QueueUrl]
        found = self._service.request("sqs:ReceiveMessage", lambda: queue.receive(MaxNumberOfMessages))
        return {"Messages": [as_received(queue.world, message) for message in found]} if found else {}

    def _send(self, url: str, body: str, delay_seconds: int, attributes: Mapping[str, Any]) -> dict[str, Any]:
        if not 0 <= delay_seconds <= MAX_DELAY_SECONDS or len(attributes) > MAX_ATTRIBUTES:
            raise failure("sqs:SendMessage", "InvalidParameterValue", 400)
        return {"MessageId": self._queues[url].send(body, attributes, delay_seconds).id}

    def _change(self, operation: str, url: str, receipt: str, seconds: int) -> None:
        if not 0 <= seconds <= MAX_VISIBILITY_SECONDS:
            raise failure(operation, "InvalidParameterValue", 400)
        if not self._queues[url].change_visibility(receipt, seconds):
            raise failure(operation, "MessageNotInflight", 400)

    @staticmethod
    def _checked(operation: str, entries: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        ids = [entry["Id"] for entry in entries]
        if not entries or len(entries) > MAX_BATCH or len(set(ids)) < len(ids):
            raise failure(operation, "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", 400)
        return entries


def as_received(world: World, message: Message) -> dict[str, Any]:
    """Returns `message` as ReceiveMessage answers it."""
    return {
        "MessageId": message.id,
        "ReceiptHandle": message.receipt,
        "Body": message.body,
        "MessageAttributes": dict(message.attributes),
        "Attributes": system_attributes(world, message),
    }


def as_record(world: World, message: Message) -> dict[str, Any]:
    """Returns `message` as Lambda hands it to a function."""
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt,
        "body": message.body,
        "attributes": system_attributes(world, message),
        "messageAttributes": {
            name: {"dataType": sent["DataType"], "stringValue": sent["StringValue"]}
            for name, sent in message.attributes.items()
        },
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:work",
        "awsRegion": "eu-west-1",
        "md5OfBody": "",
    }


def system_attributes(world: World, message: Message) -> dict[str, str]:
    """Returns the attributes that SQS adds to a received message."""
    begin = world.now().timestamp() - world.seconds
    first = message.first_received if message.first_received is not None else message.sent
    return {
        "ApproximateReceiveCount": str(message.receives),
        "SentTimestamp": str(round((begin + message.sent) * 1000)),
        "ApproximateFirstReceiveTimestamp": str(round((begin + first) * 1000)),
    }
