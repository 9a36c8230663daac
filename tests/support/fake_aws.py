"""SQS and S3 in memory: as slow as asked, countable, and stopped at any request, for unit tests and bench/letters.py.

They answer as AWS does in what `darkroom` relies on: receives hide messages and pick them at random, the counts tell
visible and hidden messages, batches answer entry by entry, S3 lists a thousand keys in their order.
"""

import bisect
import random
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from threading import RLock
from typing import Any

from botocore.exceptions import ClientError

LIST_KEYS = 1000


class Killed(BaseException):
    """The process was killed: from now on no request of this process arrives."""


@dataclass
class Wire:
    """Counts and delays the requests to both services, and has the process die at one of them.

    The process dies at request `dies_at`: before the service has done it, or after that with `dies_after`.
    """

    seconds: float = 0.0
    requests: int = 0
    dies_at: int | None = None
    dies_after: bool = False
    dies_with: type[BaseException] = Killed
    dead: bool = False
    by_name: dict[str, int] = field(default_factory=dict)
    lock: RLock = field(default_factory=RLock)

    def request[T](self, name: str, do: Callable[[], T]) -> T:
        if self.seconds:
            time.sleep(self.seconds)
        with self.lock:
            if self.dead:
                raise Killed
            self.requests += 1
            self.by_name[name] = self.by_name.get(name, 0) + 1
            now_dies = self.requests == self.dies_at
            if now_dies:
                self.dead = self.dies_with is Killed
                if not self.dies_after:
                    raise self.dies_with
            done = do()
            if now_dies:
                raise self.dies_with
            return done


class FakeQueue:
    """One queue."""

    def __init__(self) -> None:
        self.visible: list[dict[str, Any]] = []
        self.hidden: dict[str, tuple[dict[str, Any], float]] = {}
        self.most_hidden = 0

    def add(self, body: str, attributes: dict[str, Any] | None = None, **system: str) -> dict[str, Any]:
        message: dict[str, Any] = {"MessageId": str(uuid.uuid4()), "Body": body}
        message["MessageAttributes"] = attributes or {}
        message["Attributes"] = {"SentTimestamp": str(int(time.time() * 1000)), **system}
        self.visible.append(message)
        return message

    def bodies(self) -> list[str]:
        """The bodies of all messages, hidden ones too."""
        return sorted(one["Body"] for one in (*self.visible, *(message for message, _ in self.hidden.values())))

    def release_due(self, now: float) -> None:
        for handle in [handle for handle, (_, until) in self.hidden.items() if until <= now]:
            self.visible.append(self.hidden.pop(handle)[0])


class FakeSqs:
    """An SQS client for queues that are made by their first use."""

    def __init__(self, wire: Wire, arrive: Callable[["FakeSqs"], None] = lambda _: None) -> None:
        self.wire = wire
        self.arrive = arrive
        self.queues: dict[str, FakeQueue] = {}
        self.clock = time.monotonic
        self._next_look = 0.0

    def queue(self, url: str) -> FakeQueue:
        return self.queues.setdefault(url, FakeQueue())

    def _looked(self, url: str) -> FakeQueue:
        self.arrive(self)
        queue, now = self.queue(url), self.clock()
        if now >= self._next_look:  # Looking at a hundred thousand hidden messages at each request would take too long.
            queue.release_due(now)
            self._next_look = now + (0.5 if len(queue.hidden) > 1000 else 0)
        return queue

    def get_queue_attributes(self, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:  # noqa: N803
        def count() -> dict[str, Any]:
            queue = self._looked(QueueUrl)
            return {
                "Attributes": {
                    "ApproximateNumberOfMessages": str(len(queue.visible)),
                    "ApproximateNumberOfMessagesNotVisible": str(len(queue.hidden)),
                }
            }

        assert AttributeNames
        return self.wire.request("GetQueueAttributes", count)

    def receive_message(
        self,
        QueueUrl: str,  # noqa: N803
        MaxNumberOfMessages: int = 1,  # noqa: N803
        VisibilityTimeout: int = 30,  # noqa: N803
        WaitTimeSeconds: int = 0,  # noqa: N803
        **_: Any,
    ) -> dict[str, Any]:
        def receive() -> dict[str, Any]:
            queue = self._looked(QueueUrl)
            found: list[dict[str, Any]] = []
            while queue.visible and len(found) < MaxNumberOfMessages:
                at = random.randrange(len(queue.visible))
                queue.visible[at], queue.visible[-1] = queue.visible[-1], queue.visible[at]
                message, handle = queue.visible.pop(), uuid.uuid4().hex
                queue.hidden[handle] = message, self.clock() + VisibilityTimeout
                found.append(message | {"ReceiptHandle": handle})
            queue.most_hidden = max(queue.most_hidden, len(queue.hidden))
            return {"Messages": found} if found else {}

        answer = self.wire.request("ReceiveMessage", receive)
        if not answer and WaitTimeSeconds and self.wire.seconds:
            time.sleep(WaitTimeSeconds)
            with self.wire.lock:
                return receive()
        return answer

    def send_message(self, QueueUrl: str, MessageBody: str, MessageAttributes: Any = None) -> dict[str, Any]:  # noqa: N803
        def send() -> dict[str, Any]:
            return {"MessageId": self.queue(QueueUrl).add(MessageBody, MessageAttributes)["MessageId"]}

        return self.wire.request("SendMessage", send)

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        def send() -> dict[str, Any]:
            assert 0 < len(Entries) <= 10
            for entry in Entries:
                self.queue(QueueUrl).add(entry["MessageBody"], entry.get("MessageAttributes"))
            return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}

        return self.wire.request("SendMessageBatch", send)

    def delete_message(self, QueueUrl: str, ReceiptHandle: str) -> None:  # noqa: N803
        self.wire.request("DeleteMessage", lambda: self.queue(QueueUrl).hidden.pop(ReceiptHandle, None))

    def delete_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        def delete() -> dict[str, Any]:
            assert 0 < len(Entries) <= 10
            for entry in Entries:
                self.queue(QueueUrl).hidden.pop(entry["ReceiptHandle"], None)
            return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}

        return self.wire.request("DeleteMessageBatch", delete)

    def change_message_visibility_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        def change() -> dict[str, Any]:
            assert 0 < len(Entries) <= 10
            queue = self.queue(QueueUrl)
            for entry in Entries:
                if (found := queue.hidden.pop(entry["ReceiptHandle"], None)) is None:
                    continue
                if entry["VisibilityTimeout"]:
                    queue.hidden[entry["ReceiptHandle"]] = found[0], self.clock() + entry["VisibilityTimeout"]
                else:
                    queue.visible.append(found[0])
            return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}

        return self.wire.request("ChangeMessageVisibilityBatch", change)


class NoSuchKey(ClientError):
    """S3's error for an object that is not there."""


class FakeS3:
    """An S3 client with any bucket."""

    class exceptions:  # noqa: N801  (botocore's name)
        NoSuchKey = NoSuchKey

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.objects: dict[tuple[str, str], tuple[bytes, datetime]] = {}
        self.keys: dict[str, list[str]] = {}

    def put(self, bucket: str, key: str, body: bytes = b"") -> None:
        """Put an object without a request, as somebody else."""
        if (bucket, key) not in self.objects:
            bisect.insort(self.keys.setdefault(bucket, []), key)
        self.objects[bucket, key] = body, datetime.now(UTC)

    def put_object(self, Bucket: str, Key: str, Body: bytes, **_: Any) -> None:  # noqa: N803
        self.wire.request("PutObject", lambda: self.put(Bucket, Key, Body))

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        def get() -> dict[str, Any]:
            if (Bucket, Key) not in self.objects:
                raise NoSuchKey({"Error": {"Code": "NoSuchKey", "Message": Key}}, "GetObject")
            return {"Body": BytesIO(self.objects[Bucket, Key][0])}

        return self.wire.request("GetObject", get)

    def delete_objects(self, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        def delete() -> dict[str, Any]:
            assert 0 < len(Delete["Objects"]) <= LIST_KEYS
            for one in Delete["Objects"]:
                if self.objects.pop((Bucket, one["Key"]), None):
                    keys = self.keys[Bucket]
                    del keys[bisect.bisect_left(keys, one["Key"])]
            return {}

        return self.wire.request("DeleteObjects", delete)

    def get_paginator(self, name: str) -> "FakeS3":
        assert name == "list_objects_v2"
        return self

    def paginate(self, Bucket: str, Prefix: str = "") -> Iterator[dict[str, Any]]:  # noqa: N803
        after = ""

        def page() -> list[dict[str, Any]]:
            keys = self.keys.get(Bucket, [])
            begin = bisect.bisect_right(keys, after) if after else bisect.bisect_left(keys, Prefix)
            found = keys[begin : begin + LIST_KEYS]
            found = found[: bisect.bisect_left(found, Prefix + "\U0010ffff")]
            return [
                {"Key": key, "LastModified": self.objects[Bucket, key][1], "ETag": '"e"', "Size": 1} for key in found
            ]

        while True:
            contents = self.wire.request("ListObjectsV2", page)
            yield {"Contents": contents} if contents else {}
            if len(contents) < LIST_KEYS:
                return
            after = contents[-1]["Key"]
