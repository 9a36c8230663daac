"""SQS: standard queues with visibility timeouts, delays, receive counts, redrive, retention and a limit in flight."""

# ruff: noqa: N803  (the argument names are boto3's)

import heapq
import itertools
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.simulation.faults import Service, failure
from tests.support.simulation.world import World

# docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
MAX_DELAY_SECONDS = 900
MAX_VISIBILITY_SECONDS = 43_200
MAX_IN_FLIGHT = 120_000
MAX_BATCH = 10
MAX_ATTRIBUTES = 10


@dataclass(eq=False, slots=True)
class Message:
    """One message of a queue. Times are the world's seconds."""

    body: str
    attributes: Mapping[str, Any]
    sent: float
    visible_at: float
    id: str
    receives: int = 0
    first_received: float | None = None
    receipt: str = ""
    in_flight: bool = False
    deleted: bool = False
    turn: int = 0  # of its last entry among the hidden ones; earlier entries are void


@dataclass(eq=False)
class Queue:
    """One standard queue. `on_visible` is called whenever there is something to receive."""

    world: World
    name: str
    visibility_seconds: float = 360
    retention_seconds: float = 14 * 86_400
    dead_letters: "Queue | None" = None
    max_receives: int = 5
    reordering: float = 0.0
    on_visible: Callable[[], None] | None = None
    visible: deque[Message] = field(default_factory=deque)
    in_flight: int = 0
    most_in_flight: int = 0
    waiting: int = 0
    expired: int = 0
    sent: int = 0
    redriven: int = 0
    _hidden: list[tuple[float, int, Message]] = field(default_factory=list)
    _by_receipt: dict[str, Message] = field(default_factory=dict)
    _numbers: Any = field(default_factory=itertools.count)

    @property
    def url(self) -> str:
        return f"https://sqs.eu-west-1.amazonaws.com/123456789012/{self.name}"

    def send(self, body: str, attributes: Mapping[str, Any] | None = None, delay_seconds: float = 0) -> Message:
        """Puts a message into the queue; it is visible after the delay."""
        now = self.world.seconds
        number = next(self._numbers)
        message = Message(body, dict(attributes or {}), now, now + delay_seconds, str(uuid.UUID(int=number)))
        self.sent += 1
        self.waiting += 1
        self._hide(message)
        return message

    def receive(self, most: int = MAX_BATCH) -> list[Message]:
        """Takes up to `most` visible messages into flight; moves those to the dead letters that came too often."""
        self._notice()
        taken: list[Message] = []
        while self.visible and len(taken) < most and self.in_flight < MAX_IN_FLIGHT:
            if self.reordering and self.world.random.random() < self.reordering:
                self.visible.rotate(-self.world.random.randrange(len(self.visible)))
            message = self.visible.popleft()
            if message.deleted:
                continue
            if self.world.seconds - message.sent > self.retention_seconds:
                self.expired += 1
                self._end(message)
            elif self.dead_letters and message.receives >= self.max_receives:
                self.redriven += 1
                self._end(message)
                self.dead_letters.take_over(message)
            else:
                taken.append(message)
                self._begin(message)
        return taken

    def _begin(self, message: Message) -> None:
        message.receives += 1
        if message.first_received is None:
            message.first_received = self.world.seconds
        self._by_receipt.pop(message.receipt, None)
        message.receipt = f"{self.name}-{message.id}-{message.receives}"
        self._by_receipt[message.receipt] = message
        message.in_flight = True
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        message.visible_at = self.world.seconds + self.visibility_seconds
        self._hide(message)

    def take_over(self, message: Message) -> None:
        """Receives a message that SQS moves from another queue; it keeps its attributes and its time."""
        moved = Message(message.body, message.attributes, message.sent, self.world.seconds, message.id)
        self.waiting += 1
        self._hide(moved)

    def change_visibility(self, receipt: str, seconds: float) -> bool:
        """Makes a message visible after `seconds`; returns False if this receipt is no longer in flight."""
        message = self._by_receipt.get(receipt)
        if message is None or not message.in_flight:
            return False
        message.visible_at = self.world.seconds + seconds
        self._hide(message)
        return True

    def delete(self, receipt: str) -> bool:
        """Deletes a message; returns False if the receipt is not the newest, because SQS then may not delete it."""
        message = self._by_receipt.get(receipt)
        if message is None:
            return False
        self._end(message)
        return True

    def bodies(self) -> list[str]:
        """Returns the bodies of all messages, hidden ones too."""
        return [message.body for message in self.messages()]

    def messages(self) -> list[Message]:
        """Returns all messages, hidden ones too."""
        every = [*self.visible, *(message for _, _, message in self._hidden)]
        return [message for message in dict.fromkeys(every) if not message.deleted]

    def _end(self, message: Message) -> None:
        if not message.deleted:
            message.deleted = True
            self.waiting -= 1
            self.in_flight -= message.in_flight
            message.in_flight = False
            self._by_receipt.pop(message.receipt, None)

    def _hide(self, message: Message) -> None:
        message.turn = next(self._numbers)
        heapq.heappush(self._hidden, (message.visible_at, message.turn, message))
        self.world.at(message.visible_at, self._notice)

    def _notice(self) -> None:
        """Makes messages visible whose time has come."""
        shown = False
        while self._hidden and self._hidden[0][0] <= self.world.seconds:
            _, turn, message = heapq.heappop(self._hidden)
            if message.deleted or message.turn != turn:
                continue
            self.in_flight -= message.in_flight
            message.in_flight = False
            self.visible.append(message)
            shown = True
        if shown and self.on_visible:
            self.on_visible()


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
