"""A Darkroom on AWS in memory, with the real handlers and the operator's commands."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.sqs.models import sqs_backends

from functions.resize import handler as resize
from functions.resize.render import render
from functions.resize.work import Settings, resize_upload
from ops import options, removal
from ops.monitoring import follow, report, status, trace
from ops.monitoring.logs import LogLine, parse
from ops.recovery import dead_letters, letter_details, letters, rejections, resubmit
from ops.target import Target
from shared import storage, subscriber
from shared.breaker import Breaker
from shared.events import Upload
from shared.keys import new_image_id, upload_key
from shared.limits import MAX_ATTEMPTS
from shared.message import FIRST_SENT_MS, REQUEUED_MS, WAITING_SINCE
from tests.support.context import Context
from tests.support.pictures import plain_jpeg
from tests.support.roles import DEAD, QUEUE, Account, announced, opened

LONG_AGO = datetime.now(UTC) - timedelta(hours=13)


@dataclass
class Darkroom:
    """The resizer on AWS in memory, and ways to disturb it."""

    account: Account
    patch: pytest.MonkeyPatch
    uploads: list[Upload] = field(default_factory=list)

    def upload(self) -> Upload:
        """Put an original that was uploaded an hour ago."""
        key = upload_key(new_image_id(datetime.now(UTC) - timedelta(hours=1)), "cat.jpg")
        self.uploads.append(self.account.put(key, plain_jpeg()))
        return self.uploads[-1]

    def fail(self, error: Callable[[], Exception] | None, operation: str = "GetObject") -> None:
        """Let S3 fail from now on, or work again."""

        def refuse(**_: Any) -> None:
            if error:
                raise error()

        events = storage.s3_client().meta.events
        events.unregister(f"before-parameter-build.s3.{operation}", unique_id="trouble")
        events.register(f"before-parameter-build.s3.{operation}", refuse, unique_id="trouble")

    def render(self, error: Exception | None = None) -> None:
        """Let every rendering end with an error from now on, or work again."""

        def rendered(*arguments: Any) -> Any:
            if error:
                raise error
            return render(*arguments)

        settings = Settings("uploads", "resized", 5)
        self.patch.setattr(resize, "resize", lambda one: resize_upload(storage.s3_client(), one, settings, rendered))

    def receive(
        self, body: str = "", *, attempts: int = MAX_ATTEMPTS, seconds: int = 60, waited: bool = False,
        handle: Any = None,
    ) -> None:  # fmt: skip
        """Let the function receive a message for the last time: the first upload's, or `body`."""
        record = self.account.message(body or announced(self.uploads[0]))
        record["attributes"]["ApproximateReceiveCount"] = str(attempts)
        if waited:
            ago_ms, now_ms = (str(round(at.timestamp() * 1000)) for at in (LONG_AGO, datetime.now(UTC)))
            texts = {WAITING_SINCE: LONG_AGO.isoformat(), FIRST_SENT_MS: ago_ms, REQUEUED_MS: now_ms}
            record["messageAttributes"] = {
                name: {"dataType": "String", "stringValue": text} for name, text in texts.items()
            }
        self.patch.setattr(subscriber, "breaker", Breaker())
        answer = (handle or resize.handle)({"Records": [record]}, Context(seconds * 1000))
        if not answer["batchItemFailures"]:
            self.account.sqs.delete_message(QueueUrl=QUEUE, ReceiptHandle=record["receiptHandle"])

    def drain(self) -> None:
        """Let the function work on everything that waits in the queue."""
        self.patch.setattr(subscriber, "breaker", Breaker())
        names: Any = ["All"]
        for queue in sqs_backends["123456789012"]["eu-west-1"].queues.values():
            for delayed in queue._messages:
                delayed.delayed_until = 0  # the delay of a requeued message has passed
        while found := self.account.sqs.receive_message(
            QueueUrl=QUEUE, MaxNumberOfMessages=10, MessageSystemAttributeNames=names, MessageAttributeNames=names
        ).get("Messages"):
            for message in found:
                record = {
                    "messageId": message["MessageId"],
                    "receiptHandle": message["ReceiptHandle"],
                    "body": message["Body"],
                    "attributes": message["Attributes"] | {"ApproximateFirstReceiveTimestamp": "1795348800000"},
                    "messageAttributes": {
                        name: {"dataType": "String", "stringValue": value["StringValue"]}
                        for name, value in message.get("MessageAttributes", {}).items()
                    },
                }
                assert resize.handle({"Records": [record]}, Context()) == {"batchItemFailures": []}
                self.account.sqs.delete_message(QueueUrl=QUEUE, ReceiptHandle=message["ReceiptHandle"])

    def ready(self) -> list[Upload]:
        """Return the uploads that have renditions."""
        listed = self.account.s3.list_objects_v2(Bucket="resized", Prefix="thumb/").get("Contents", [])
        done = {found["Key"].split("/")[1] for found in listed}
        return [upload for upload in self.uploads if upload.image.id in done]

    def letters(self) -> int:
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counted = self.account.sqs.get_queue_attributes(QueueUrl=DEAD, AttributeNames=names)["Attributes"]
        return sum(int(number) for number in counted.values())


@contextmanager
def operated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Darkroom]:
    """Open a Darkroom, on which the `darkroom` commands of this process work."""
    with opened(monkeypatch) as account:
        room = Darkroom(account, monkeypatch)
        room.render()
        session: Any = boto3.Session()
        target = Target("darkroom", session, None, _outputs(), "http://127.0.0.1:1/")
        monkeypatch.setattr(Target, "queues", lambda *_: (QUEUE, DEAD))
        for module in (dead_letters, rejections, removal, resubmit, status, report, trace, follow):
            monkeypatch.setattr(module, "resolve", lambda _: target)
        logged: list[LogLine] = []
        for other in (report, trace, follow):
            monkeypatch.setattr(other, "lines", lambda *_: logged or _log(room))
        monkeypatch.setattr(letter_details, "log_lines", lambda *_: [])
        monkeypatch.setattr(letters, "WAIT_SECONDS", 0)
        monkeypatch.setattr(options.console, "width", 200)
        monkeypatch.chdir(tmp_path)
        yield room


def _outputs() -> dict[str, str]:
    return {
        "ResizeQueueUrl": QUEUE,
        "ResizeDeadLetterQueueUrl": DEAD,
        "UploadBucketName": "uploads",
        "ResizedBucketName": "resized",
    }


def _log(room: Darkroom) -> list[LogLine]:
    told = {"timestamp": datetime.now(UTC).isoformat(), "service": "resize", "level": "ERROR", "message": "x"}
    told |= {"image_id": room.uploads[0].image.id} if room.uploads else {}
    return parse([json.dumps(told)])
