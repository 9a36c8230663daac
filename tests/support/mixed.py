"""200 mixed uploads through the real artifact, and the ledger of what was sent."""

import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ops.monitoring.logs import LogLine, parse
from shared import telemetry
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
    """What was sent: image ids by how they must end, a hostile file's with its code."""

    good: list[str] = field(default_factory=list)
    hostile: dict[str, str] = field(default_factory=dict)
    killer: str = ""
    during_outage: list[str] = field(default_factory=list)

    @property
    def sent(self) -> int:
        return len(self.good) + len(self.hostile) + len(self.during_outage) + 1


@contextmanager
def killable(folder: Path) -> Iterator[Stack]:
    """A Darkroom whose decoder dies of marked pictures, and which tries again without long waits."""
    make_killable(folder / "build", quick=True)
    with deployed(folder, {"AlarmEmail": "someone@example.com"}) as running:
        yield running


def send_all(stack: Stack) -> Ledger:
    """Good and hostile files, then some while S3 refuses what is written, then a killer; waits for the end of it."""
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
    until(lambda: set(sent.during_outage) <= ids(lines(stack), telemetry.MessageFailed), "failures", SECONDS)
    outage(stack, on=False)
    until(lambda: stack.waiting() == 0, "an empty queue", SECONDS)
    sent.killer = stack.upload("killer.jpg", picture(0) + CRASHES)
    until(lambda: stack.waiting("ResizeDeadLetterQueueUrl"), "a dead letter", SECONDS)
    until(lambda: stack.waiting() == 0, "an empty queue", SECONDS)
    return sent


def outage(stack: Stack, *, on: bool) -> None:
    """S3 refuses what the resizer writes, or takes it again."""
    if not on:
        stack.s3.delete_bucket_policy(Bucket=stack.resized_bucket)
        return
    resource = f"arn:aws:s3:::{stack.resized_bucket}/*"
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": resource}
    policy = {"Version": "2012-10-17", "Statement": [deny]}
    stack.s3.put_bucket_policy(Bucket=stack.resized_bucket, Policy=json.dumps(policy))


def raw(stack: Stack) -> list[str]:
    """Everything in the functions' logs."""
    return [
        event["message"]
        for service in ("ingest", "resize", "list")
        for event in stack.logs.filter_log_events(logGroupName=f"/aws/lambda/darkroom-{service}")["events"]
    ]


def lines(stack: Stack) -> list[LogLine]:
    """Those of the lines that are ours."""
    return parse(raw(stack))


def ids(found: list[LogLine], kind: type[telemetry.LogEvent]) -> set[str]:
    """The images that have such a line."""
    return {line.image_id or "" for line in found if line.message == kind.message}


@cache
def picture(number: int) -> bytes:
    """One of a dozen landscapes, drawn once each."""
    return photos.jpeg(number, 1000) if number < 12 else picture(number % 12)
