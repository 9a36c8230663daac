"""A subscriber's dead letters with their records, on services in memory."""

import json
from datetime import UTC, datetime
from typing import Any, cast

from ops.recovery import letters, replays
from ops.recovery.records import Dead
from ops.recovery.replays import Selection, Summary
from ops.target import Target
from shared.events import Upload
from shared.keys import upload_key
from shared.letters import Reason, attributes, keep_record
from tests.support.fake_aws import FakeS3, FakeSqs, Wire

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


class FakeTarget:
    """The part of a Target that commands use."""

    name = "darkroom"
    endpoint_url: str | None = None
    gallery_url = "http://127.0.0.1:1/"

    def __init__(self, sqs: FakeSqs, s3: FakeS3) -> None:
        self.clients: dict[str, Any] = {"sqs": sqs, "s3": s3}
        self.outputs = {
            "ResizeQueueUrl": "work",
            "ResizeDeadLetterQueueUrl": "dead",
            "ResizedBucketName": "resized",
            "UploadBucketName": "uploads",
        }

    def client(self, service: str) -> Any:
        return self.clients[service]

    def queues(self, subscriber: str | None) -> tuple[str, str]:
        assert subscriber in {None, "NAME"}
        return "work", "dead"


class Place:
    """A dead-letter queue with its records on services in memory."""

    def __init__(self, seconds: float = 0) -> None:
        self.wire = Wire(seconds)
        self.sqs, self.s3 = FakeSqs(self.wire), FakeS3(self.wire)
        self.dead = Dead(self.sqs, self.s3, "work", "dead", "resized")  # type: ignore[arg-type]

    def bury(self, number: int, code: str = "crashed", *, record: bool = True) -> str:
        """Add a letter as the function does, and return its image id."""
        upload = Upload("uploads", upload_key(f"7ybqx{number:021}", "cat.jpg"), "e" * 32, 1, AT)
        body = json.dumps(upload.as_event())
        reason = Reason(code, "Because.", message_id=f"m{number}", last_failed_at=AT.isoformat(), attempts="5")
        self.sqs.queue("dead").add(body, attributes(reason))
        if record:
            unwired, self.s3.wire = self.s3.wire, Wire()
            keep_record(self.s3, "resized", "dead", body, reason)  # type: ignore[arg-type]
            self.s3.wire = unwired
        return upload.image.id

    def target(self) -> Target:
        """The Darkroom that commands resolve to."""
        return cast(Target, FakeTarget(self.sqs, self.s3))

    def replay(self, rate: int = 10_000) -> Summary:
        return replays.replay(self.dead, Selection(lambda _: True, rate))

    def next_command(self) -> None:
        """Act as another process from now on, after the holds of a killed process have ended."""
        self.wire.dead, self.wire.dies_at, self.wire.requests = False, None, 0
        queue = self.sqs.queue("dead")
        queue.release_due(self.sqs.clock() + letters.MOST_HOLD_SECONDS)

    def records(self) -> int:
        return sum(key.startswith("letters/") for key in self.s3.keys["resized"])
