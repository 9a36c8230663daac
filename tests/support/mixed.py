"""200 mixed uploads for the real artifact, and the ledger of the uploads."""

import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ops.monitoring.logs import LogLine, parse
from shared import log_events
from tests.support import photos
from tests.support.deployed import Stack, deployed, until
from tests.support.killers import CRASHES, make_killable

SECONDS = 300
SEED = 6
GOOD, HOSTILE, DURING_OUTAGE = 160, 27, 12
HOSTILE_KINDS = {
    b"a poem": "not-an-image",
    b"\xff\xd8\xff\xe0 half": "damaged-image",
    b"<svg></svg>": "unsupported-format",
}


@dataclass
class Ledger:
    """The uploads: image ids by expected outcome, and the expected code of each hostile file."""

    good: list[str] = field(default_factory=list)
    hostile: dict[str, str] = field(default_factory=dict)
    killer: str = ""
    during_outage: list[str] = field(default_factory=list)

    @property
    def sent(self) -> int:
        return len(self.good) + len(self.hostile) + len(self.during_outage) + 1


@contextmanager
def killable(folder: Path) -> Iterator[Stack]:
    """Deploy a Darkroom whose decoder dies of marked pictures and which retries without long waits."""
    make_killable(folder / "build", quick=True)
    with deployed(folder, {"AlarmEmail": "someone@example.com"}) as running:
        yield running


def send_all(stack: Stack) -> Ledger:
    """Upload good and hostile files, some while S3 refuses writes, then a poison message; wait for the outcomes."""
    sent = Ledger()
    bodies: list[bytes | None] = [None] * GOOD + [list(HOSTILE_KINDS)[n % len(HOSTILE_KINDS)] for n in range(HOSTILE)]
    random.Random(SEED).shuffle(bodies)

    def send(number: int) -> str:
        return stack.upload(f"photo {number} 猫.jpg", bodies[number] or picture(number), "image/jpeg")

    with ThreadPoolExecutor(4) as pool:
        for image_id, body in zip(pool.map(send, range(len(bodies))), bodies, strict=True):
            if body:
                sent.hostile[image_id] = HOSTILE_KINDS[body]
            else:
                sent.good.append(image_id)
    until(lambda: stack.waiting() == 0, "an empty queue", SECONDS)
    outage(stack, on=True)
    sent.during_outage = [stack.upload(f"outage {n}.jpg", picture(n)) for n in range(DURING_OUTAGE)]
    until(lambda: set(sent.during_outage) <= ids(lines(stack), log_events.MessageFailed), "failures", SECONDS)
    outage(stack, on=False)
    until(lambda: stack.waiting() == 0, "an empty queue", SECONDS)
    sent.killer = stack.upload("killer.jpg", picture(0) + CRASHES)
    until(lambda: stack.waiting("ResizeDeadLetterQueueUrl"), "a dead letter", SECONDS)
    until(lambda: stack.waiting() == 0, "an empty queue", SECONDS)
    return sent


def outage(stack: Stack, *, on: bool) -> None:
    """Make S3 refuse the resizer's writes, or accept them again."""
    if not on:
        stack.s3.delete_bucket_policy(Bucket=stack.resized_bucket)
        return
    resource = f"arn:aws:s3:::{stack.resized_bucket}/*"
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": resource}
    policy = {"Version": "2012-10-17", "Statement": [deny]}
    stack.s3.put_bucket_policy(Bucket=stack.resized_bucket, Policy=json.dumps(policy))


def raw(stack: Stack) -> list[str]:
    """Return every line in the functions' logs."""
    return [
        event["message"]
        for service in ("ingest", "resize", "list")
        for event in stack.logs.filter_log_events(logGroupName=f"/aws/lambda/darkroom-{service}")["events"]
    ]


def lines(stack: Stack) -> list[LogLine]:
    """Return Darkroom's own log lines."""
    return parse(raw(stack))


def ids(found: list[LogLine], kind: type[log_events.LogEvent]) -> set[str]:
    """Return the ids of the images that have such a line."""
    return {line.image_id or "" for line in found if line.message == kind.message}


@cache
def picture(number: int) -> bytes:
    """Return a landscape; there are twelve, each drawn once."""
    return photos.jpeg(number, 1000) if number < 12 else picture(number % 12)
