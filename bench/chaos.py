"""Runs thousands of uploads in the real artifact while its services fail, and counts where each upload ends.

    python -m bench.chaos --uploads 2000 --seed 1 --folder /tmp/chaos

Uploads arrive, 16 at a time, while these faults happen. S3 answers the function with 500 or 503, with half an answer,
or much too late. Workers are killed with SIGKILL in mid-batch. Events arrive twice, or an older event after a newer
one. The engine is stopped and started. One file in twenty is hostile, and a few files kill the process that renders
them. When nearly all uploads have ended, the faults stop. `reconcile` and one replay follow. Then every upload must be
in exactly one place.
"""

import argparse
import json
import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from bench.faulty import FaultyProxy
from bench.ledger import Sent, as_markdown, plan, take
from ops.local import engine as engines
from ops.local import stack as stacks
from ops.local.engine import Engine
from ops.local.up import bring_up
from ops.recovery.letters import Letter, counts, replay_one, walk
from ops.recovery.originals import ends, lost, originals
from shared.events import Upload
from shared.keys import new_image_id, upload_key
from tests.support.killers import CODES, make_killable
from tests.support.ports import free_port

PARALLEL = 16
# Uploading pauses while more messages than this wait, so that faults hit the resizer all the time.
BACKLOG = 50
# The engine is restarted when these shares of the uploads have ended. All faults stop at the last share.
RESTARTS = (0.1, 0.5, 0.8)
FAULTY_UNTIL = 0.9
DRAIN_SECONDS = 1500
# An engine that accepts no upload for this time is gone. A restart takes a tenth of this time.
GONE_SECONDS = 120
FUNCTION = "darkroom-resize"


class EngineGoneError(Exception):
    """The engine did not come back or refuses an upload, so the run cannot end."""


@dataclass
class Chaos:
    """One run: its Darkroom, and the number of faults of each kind."""

    engine: Engine
    process: "subprocess.Popen[bytes]"
    outputs: dict[str, str]
    gallery_url: str
    s3: Any
    sqs: Any
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=20))
    done: Counter[str] = field(default_factory=Counter)
    gone: threading.Event = field(default_factory=threading.Event)


def run(
    folder: Path,
    uploads: int,
    seed: int,
    console: Console,
    *,
    quick: bool = False,
    killers: Sequence[bytes] = (*CODES, *CODES),
    restarts: Sequence[float] = RESTARTS,
) -> dict[str, Any]:
    """Brings up a Darkroom in `folder`, runs the chaos, and returns the ledger. `quick` shortens all waits."""
    sent = plan(uploads, random.Random(seed), killers)
    engine = Engine(folder, free_port())
    make_killable(folder / "build", quick=quick)
    process = engines.start(engine)
    proxy = FaultyProxy(engine.port, random.Random(seed), quick=quick)
    try:
        chaos = _bring_up(engine, process, console)
        _route_through(chaos, proxy.url)
        began = time.monotonic()
        with ThreadPoolExecutor(PARALLEL) as pool:
            sending = pool.map(lambda one: _upload(chaos, one), sent)
            try:
                for share in restarts:
                    _await_ended(chaos, share * uploads)
                    process = chaos.process = _restart(chaos)
                list(sending)
            except BaseException:
                chaos.gone.set()  # leaving the pool waits for its threads, which would never end
                raise
        _await_ended(chaos, FAULTY_UNTIL * uploads)
        proxy.faulty = False
        faulty = time.monotonic() - began
        console.print(f"faulty for {faulty:.0f} s: {dict(chaos.done + proxy.done)}")
        _drain(chaos)
        submitted = _reconcile(chaos)
        _drain(chaos)
        before = take(sent, chaos.s3, chaos.outputs["ResizedBucketName"], _letters(chaos))
        console.print(f"drained after {time.monotonic() - began:.0f} s; reconcile submitted {submitted}; {before}")
        _replay_all(chaos)
        _drain(chaos)
        return {
            "seed": seed,
            "uploads": uploads,
            "faults": dict(chaos.done + proxy.done),
            "reconciled": submitted,
            "seconds": {"faulty": round(faulty), "all": round(time.monotonic() - began)},
            "before replay": before,
            "after replay": take(sent, chaos.s3, chaos.outputs["ResizedBucketName"], _letters(chaos)),
        }
    finally:
        engines.stop(process)
        proxy.close()


def _bring_up(engine: Engine, process: "subprocess.Popen[bytes]", console: Console) -> Chaos:
    url = bring_up(engine, process, {}, console)
    session, at = engine.session(), engine.url
    outputs = stacks.outputs(session.client("cloudformation", endpoint_url=at), stacks.LOCAL_STACK)
    s3, sqs = session.client("s3", endpoint_url=at), session.client("sqs", endpoint_url=at)
    return Chaos(engine, process, outputs, url, s3, sqs)


def _route_through(chaos: Chaos, proxy_url: str) -> None:
    """Routes the resizer's requests to S3, and no others, through the proxy."""
    function = chaos.engine.session().client("lambda", endpoint_url=chaos.engine.url)
    variables = function.get_function_configuration(FunctionName=FUNCTION)["Environment"]["Variables"]
    function.update_function_configuration(
        FunctionName=FUNCTION, Environment={"Variables": variables | {"AWS_ENDPOINT_URL_S3": proxy_url}}
    )
    engines.save(chaos.engine)


def _upload(chaos: Chaos, one: Sent) -> None:
    """Uploads with as many retries as needed. Some uploads get their events a second time.

    Raises EngineGoneError if the engine accepts no upload for GONE_SECONDS, or if another thread found so.
    """
    progress = time.monotonic()
    trouble: Exception | None = None
    while not one.image_id:
        try:
            if counts(chaos.sqs, chaos.outputs["ResizeQueueUrl"]).waiting > BACKLOG:
                progress = time.monotonic()
            else:
                one.image_id = _through_door(chaos, one) if one.through_door else _straight(chaos, one)
        except (httpx.HTTPError, BotoCoreError, ClientError, KeyError, ValueError) as error:
            trouble = error
        if not one.image_id and (chaos.gone.wait(0.5) or time.monotonic() - progress > GONE_SECONDS):
            chaos.gone.set()
            raise EngineGoneError(
                f"A {one.kind} upload was not accepted: {trouble!r}. The engine's log: {chaos.engine.log}"
            )
    if one.twice:
        _again(chaos, one)


def _through_door(chaos: Chaos, one: Sent) -> str:
    asked = {"name": "a.jpg", "type": "image/jpeg", "size": 9}
    ticket = chaos.http.post(f"{chaos.gallery_url}uploads", json=asked).raise_for_status().json()
    for body in one.bodies:
        files = {"file": ("a.jpg", body)}
        chaos.http.post(ticket["url"], data=ticket["fields"], files=files).raise_for_status()
    return str(ticket["id"])


def _straight(chaos: Chaos, one: Sent) -> str:
    image_id = new_image_id(datetime.now(UTC))
    for body in one.bodies:
        chaos.s3.put_object(Bucket=chaos.outputs["UploadBucketName"], Key=upload_key(image_id, "a.jpg"), Body=body)
    return image_id


def _again(chaos: Chaos, one: Sent) -> None:
    """Sends the upload's event again, and later an event of content that no longer exists."""
    key, bucket = upload_key(one.image_id, "a.jpg"), chaos.outputs["UploadBucketName"]
    with suppress(BotoCoreError, ClientError):
        found = chaos.s3.head_object(Bucket=bucket, Key=key)
        event = Upload(bucket, key, found["ETag"].strip('"'), 1, found["LastModified"])
        _submit(chaos, event)
        chaos.done["event again"] += 1
        _submit(chaos, Upload(bucket, key, "0" * 32, 1, found["LastModified"]))
        chaos.done["older event after newer"] += 1


def _submit(chaos: Chaos, upload: Upload) -> None:
    chaos.sqs.send_message(QueueUrl=chaos.outputs["ResizeQueueUrl"], MessageBody=json.dumps(upload.as_event()))


def _restart(chaos: Chaos) -> "subprocess.Popen[bytes]":
    engines.stop(chaos.process)
    chaos.done["engine restarted"] += 1
    return engines.start(chaos.engine)


def _await_ended(chaos: Chaos, uploads: float) -> None:
    """Waits until this number of uploads is ready or rejected."""
    deadline = time.monotonic() + DRAIN_SECONDS
    while len(ends(chaos.s3, chaos.outputs["ResizedBucketName"]).every()) < uploads:
        assert time.monotonic() < deadline, "the uploads do not end"
        if chaos.gone.is_set():
            raise EngineGoneError(f"The engine did not answer. The engine's log: {chaos.engine.log}")
        time.sleep(0.5)


def _drain(chaos: Chaos) -> None:
    """Waits until no message is in the queue or in flight."""
    deadline, quiet = time.monotonic() + DRAIN_SECONDS, 0
    while quiet < 3:
        assert time.monotonic() < deadline, "the queue does not empty"
        waiting = counts(chaos.sqs, chaos.outputs["ResizeQueueUrl"]).total
        quiet = 0 if waiting else quiet + 1
        time.sleep(0.5)


def _reconcile(chaos: Chaos) -> int:
    dead = {image_id for letter in _letters(chaos) for image_id in letter.image_ids()}
    ended = ends(chaos.s3, chaos.outputs["ResizedBucketName"]).every() | dead
    found = list(lost(originals(chaos.s3, chaos.outputs["UploadBucketName"]), ended, datetime.now(UTC)))
    for upload in found:
        _submit(chaos, upload)
    return len(found)


def _letters(chaos: Chaos) -> list[Letter]:
    return list(walk(chaos.sqs, chaos.outputs["ResizeDeadLetterQueueUrl"]))


def _replay_all(chaos: Chaos) -> None:
    dead = chaos.outputs["ResizeDeadLetterQueueUrl"]
    for letter in walk(chaos.sqs, dead):
        replay_one(chaos.sqs, letter, chaos.outputs["ResizeQueueUrl"], dead)


def main() -> None:
    """Runs it and prints the ledger."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--uploads", type=int, default=2000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--folder", type=Path, required=True)
    given = options.parse_args()
    print(as_markdown(run(given.folder, given.uploads, given.seed, Console())))


if __name__ == "__main__":
    main()
