"""A dead-letter queue of any length in virtual time, while more letters arrive."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

from shared import clock
from shared.events import Upload
from shared.keys import letter_key, upload_key
from shared.letters import Reason, attributes, key_of
from tests.support.fake_aws import FakeS3, FakeSqs
from tests.support.letters import Place
from tests.support.simulation.commands import BusyWire, BusyWorld


class Scene(Place):
    """A dead-letter queue with a number of letters, while more letters arrive."""

    def __init__(self, world: BusyWorld, letters: int, latency: float, arriving: int, *, records: bool = True) -> None:
        super().__init__()
        self.world = world
        self.wire = BusyWire(world)
        self.sqs, self.s3 = FakeSqs(self.wire), FakeS3(self.wire)
        self.sqs.clock = lambda: world.seconds
        self.dead = replace(self.dead, sqs=cast(Any, self.sqs), s3=cast(Any, self.s3))
        self.latency, self.per_second, self.buried = latency, arriving, 0
        self.age = timedelta(minutes=30)
        keys = []
        for _ in range(letters):
            keys.append(self._bury())
        if records:
            self._add_records(keys)
        self.age = timedelta(0)

    def _bury(self) -> str:
        number, at = self.buried, clock.now() - self.age
        self.buried += 1
        upload = Upload("uploads", upload_key(f"7ybqx{number:021}", "cat.jpg"), "e" * 32, 1, at)
        body = json.dumps(upload.as_event())
        reason = Reason(
            "crashed" if number % 10 else "timed-out",
            "The picture crashes the process that renders it (SIGSEGV): a decoder has a bug. Keep the original.",
            message_id=f"m{number}",
            last_failed_at=at.isoformat(timespec="seconds"),
            attempts="5",
        )
        self.sqs.queue("dead").add(body, attributes(reason), SentTimestamp=str(int(at.timestamp() * 1000)))
        self.s3.put("uploads", upload.key)
        return letter_key(key_of("dead", body, reason))

    def _add_records(self, keys: list[str]) -> None:
        self.s3.keys["resized"] = sorted({*self.s3.keys.get("resized", []), *keys})
        record = json.dumps({"sentence": "The picture crashes the process that renders it (SIGSEGV)."}).encode()
        self.s3.objects |= {("resized", key): (record, clock.now()) for key in keys}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Make requests take their latency, and let letters arrive."""
        began, before = self.world.seconds, self.buried

        def arrive(_: FakeSqs) -> None:
            while self.buried - before < (self.world.seconds - began) * self.per_second:
                self.s3.put("resized", self._bury(), b"{}")

        self.wire.seconds, self.sqs.arrive = self.latency, arrive
        self.wire.requests = 0
        self.sqs.queue("dead").most_hidden = 0
        yield
        self.wire.seconds, self.sqs.arrive = 0, lambda _: None


def number_in(body: str) -> int:
    key: str = json.loads(body)["Records"][0]["s3"]["object"]["key"]
    return int(key.split("/")[1].removeprefix("7ybqx"))
