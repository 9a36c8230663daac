"""Chaos: thousands of uploads through the real artifact while everything around it fails, and a ledger at the end.

    python -m bench.chaos --uploads 2000 --seed 1 --folder /tmp/chaos

While uploads arrive, 16 at a time: S3 answers the function with 500, 503, half an answer or much too late; workers are
killed with SIGKILL in mid-batch; events come twice, and older ones after newer; the engine is stopped and started; of
the files one in twenty is hostile, and a few kill the process that renders them. Then the faults stop, `reconcile`
and one replay follow, and every upload must be in exactly one place.
"""

import argparse
import itertools
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError
from PIL import Image
from rich.console import Console

from bench.faulty import FaultyProxy
from ops import engine as engines
from ops import stack as stacks
from ops.engine import Engine
from ops.letters import counts, replay_one, walk
from ops.originals import ends, lost, originals
from ops.up import bring_up
from shared.events import Upload
from shared.keys import new_image_id, read_rendition_key, upload_key
from tests.e2e.killers import CODES, make_killable

PARALLEL = 16
KILL_EVERY = 40
DRAIN_SECONDS = 1500
FUNCTION = "darkroom-resize"
COLOURS = ("teal", "salmon", "gold", "navy", "plum", "olive")


@dataclass
class Sent:
    """One upload: what it is (healthy, replaced, hostile, or a killer's code), and for pictures the size to expect."""

    kind: str
    bodies: list[bytes]
    size: tuple[int, int]
    image_id: str = ""


@dataclass
class Chaos:
    """One run: what was sent, what was done to it."""

    engine: Engine
    process: "subprocess.Popen[bytes]"
    outputs: dict[str, str]
    gallery_url: str
    random: random.Random
    uploads: int
    s3: Any
    http: httpx.Client = field(default_factory=lambda: httpx.Client(verify=False, timeout=20))
    done: Counter[str] = field(default_factory=Counter)
    over: threading.Event = field(default_factory=threading.Event)
    restarting: threading.Lock = field(default_factory=threading.Lock)

    def client(self, service: Any) -> Any:
        return self.engine.session().client(service, endpoint_url=self.engine.url)


def plan(uploads: int, rng: random.Random) -> list[Sent]:
    """What will be uploaded: 5 % hostile, 3 % replaced under the same ticket, two killers of each kind."""
    sent = []
    for number in range(uploads):
        size = rng.randint(200, 700), rng.randint(200, 700)
        draw = rng.random()
        if number < 2 * len(CODES):
            mark, code = list(CODES.items())[number // 2]
            sent.append(Sent(code, [_picture(size, rng) + mark], size))
        elif draw < 0.05:
            sent.append(Sent("hostile", [_hostile(rng)], size))
        elif draw < 0.08:
            sent.append(Sent("replaced", [_picture((size[1] + 1, size[0]), rng), _picture(size, rng)], size))
        else:
            sent.append(Sent("healthy", [_picture(size, rng)], size))
    rng.shuffle(sent)
    return sent


def run(folder: Path, uploads: int, seed: int, limits: dict[str, float] | None, console: Console) -> dict[str, Any]:
    """Brings up a Darkroom in `folder`, does all that, and answers the ledger. `limits` replaces shared/limits.py's."""
    rng = random.Random(seed)
    sent = plan(uploads, rng)
    engine = Engine(folder, _free_port())
    folder.mkdir(parents=True, exist_ok=True)
    built, _ = stacks.build(folder / "build", stacks.host_architecture())
    make_killable(built.template.parent, limits)
    process = engines.start(engine)
    proxy = FaultyProxy(engine.port, random.Random(seed))
    try:
        url = bring_up(engine, process, {}, console)
        outputs = stacks.outputs(engine.session().client("cloudformation", endpoint_url=engine.url), stacks.LOCAL_STACK)
        chaos = Chaos(
            engine, process, outputs, url, rng, uploads, engine.session().client("s3", endpoint_url=engine.url)
        )
        _route_through(chaos, proxy.url)
        process = chaos.process
        began = time.monotonic()
        threads = [threading.Thread(target=act, args=(chaos,)) for act in (_kill_workers, _restart_engine)]
        for thread in threads:
            thread.start()
        with ThreadPoolExecutor(PARALLEL) as pool:
            list(pool.map(lambda one: _upload(chaos, one), sent))
        uploaded = time.monotonic()
        chaos.over.set()
        for thread in threads:
            thread.join()
        proxy.faulty = False
        console.print(f"uploaded in {uploaded - began:.0f} s: {dict(chaos.done)}, proxy {dict(proxy.done)}")
        _drain(chaos)
        submitted = _reconcile(chaos)
        _drain(chaos)
        console.print(f"drained after {time.monotonic() - began:.0f} s; reconcile submitted {submitted}")
        before = _ledger(chaos, sent)
        _replay_all(chaos)
        _drain(chaos)
        return {
            "seed": seed,
            "uploads": uploads,
            "faults": dict(chaos.done | proxy.done),
            "reconciled": submitted,
            "seconds": {"uploading": round(uploaded - began), "all": round(time.monotonic() - began)},
            "before replay": before,
            "after replay": _ledger(chaos, sent),
        }
    finally:
        process = chaos.process if "chaos" in locals() else process
        engines.stop(process)
        proxy.close()


def _upload(chaos: Chaos, one: Sent) -> None:
    """As often as it takes, as a patient person would; some of the events again. One in ten goes through the door."""
    while not one.image_id:
        with suppress(httpx.HTTPError, BotoCoreError, ClientError, KeyError, ValueError):
            image_id, bodies = _through_door(chaos, one) if chaos.random.random() < 0.1 else _straight(chaos, one)
            one.image_id = image_id if all(bodies) else ""
        if not one.image_id:
            time.sleep(1)
    chaos.done["uploaded"] += 1
    if chaos.random.random() < 0.15:
        _again(chaos, one)


def _through_door(chaos: Chaos, one: Sent) -> tuple[str, list[bool]]:
    ticket = chaos.http.post(
        f"{chaos.gallery_url}uploads", json={"name": "a.jpg", "type": "image/jpeg", "size": 9}
    ).json()
    return ticket["id"], [_post(chaos, ticket, body) for body in one.bodies]


def _straight(chaos: Chaos, one: Sent) -> tuple[str, list[bool]]:
    image_id = new_image_id(datetime.now(UTC))
    for body in one.bodies:
        chaos.s3.put_object(Bucket=chaos.outputs["UploadBucketName"], Key=upload_key(image_id, "a.jpg"), Body=body)
    return image_id, [True]


def _post(chaos: Chaos, ticket: dict[str, Any], body: bytes) -> bool:
    answer = chaos.http.post(ticket["url"], data=ticket["fields"], files={"file": ("a.jpg", body)})
    return answer.status_code == httpx.codes.NO_CONTENT


def _again(chaos: Chaos, one: Sent) -> None:
    """Its event once more, and before that, late, the event of content that is there no longer."""
    key = f"uploads/{one.image_id}/a.jpg"
    with suppress(Exception):
        found = chaos.client("s3").head_object(Bucket=chaos.outputs["UploadBucketName"], Key=key)
        for etag in (found["ETag"].strip('"'), "0" * 32):
            event = Upload(chaos.outputs["UploadBucketName"], key, etag, 1, found["LastModified"]).as_event()
            chaos.client("sqs").send_message(QueueUrl=chaos.outputs["ResizeQueueUrl"], MessageBody=json.dumps(event))
            chaos.done["event again" if etag != "0" * 32 else "older event after newer"] += 1


def _kill_workers(chaos: Chaos) -> None:
    """SIGKILL to one of the functions' processes after every KILL_EVERY uploads."""
    for due in itertools.count(KILL_EVERY, KILL_EVERY):
        if not _reached(chaos, due):
            return
        with chaos.restarting:
            found = subprocess.run(["pgrep", "-P", str(chaos.process.pid)], capture_output=True, text=True, check=False)
            workers = [int(pid) for pid in found.stdout.split()]
            if workers:
                with suppress(ProcessLookupError):
                    os.kill(chaos.random.choice(workers), signal.SIGKILL)
                    chaos.done["worker killed"] += 1


def _restart_engine(chaos: Chaos) -> None:
    """Stops the engine and starts it again, at a tenth, a half and four fifths of the uploads."""
    for share in (0.1, 0.5, 0.8):
        if not _reached(chaos, round(share * chaos.uploads)):
            return
        with chaos.restarting:
            engines.stop(chaos.process)
            chaos.process = engines.start(chaos.engine)
            chaos.done["engine restarted"] += 1


def _reached(chaos: Chaos, uploads: int) -> bool:
    """Waits for so many uploads; False if there are no more to come."""
    while chaos.done["uploaded"] < uploads:
        if chaos.over.wait(0.2):
            return False
    return True


def _route_through(chaos: Chaos, proxy_url: str) -> None:
    """Lets the resizer, and it alone, reach S3 through the proxy."""
    function = chaos.client("lambda")
    variables = function.get_function_configuration(FunctionName=FUNCTION)["Environment"]["Variables"]
    function.update_function_configuration(
        FunctionName=FUNCTION, Environment={"Variables": variables | {"AWS_ENDPOINT_URL_S3": proxy_url}}
    )
    engines.save(chaos.engine, chaos.process)


def _drain(chaos: Chaos) -> None:
    """Waits until nothing is on its way any more."""
    deadline, quiet = time.monotonic() + DRAIN_SECONDS, 0
    while quiet < 3:
        assert time.monotonic() < deadline, "the queue does not empty"
        waiting = sum(counts(chaos.client("sqs"), chaos.outputs["ResizeQueueUrl"]).values())
        quiet = 0 if waiting else quiet + 1
        time.sleep(1)


def _reconcile(chaos: Chaos) -> int:
    dead = {image_id for letter in _letters(chaos) for image_id in letter.image_ids()}
    ended = ends(chaos.client("s3"), chaos.outputs["ResizedBucketName"]).every() | dead
    every = originals(chaos.client("s3"), chaos.outputs["UploadBucketName"])
    found = list(lost(every, ended, datetime.now(UTC)))
    for upload in found:
        chaos.client("sqs").send_message(
            QueueUrl=chaos.outputs["ResizeQueueUrl"], MessageBody=json.dumps(upload.as_event())
        )
    return len(found)


def _letters(chaos: Chaos) -> list[Any]:
    return list(walk(chaos.client("sqs"), chaos.outputs["ResizeDeadLetterQueueUrl"]))


def _replay_all(chaos: Chaos) -> None:
    sqs = chaos.client("sqs")
    dead = chaos.outputs["ResizeDeadLetterQueueUrl"]
    for letter in walk(sqs, dead):
        replay_one(sqs, letter, chaos.outputs["ResizeQueueUrl"], dead)


def _ledger(chaos: Chaos, sent: list[Sent]) -> dict[str, Any]:
    """Where every upload is: counts by kind and place, and how many are lost, doubled, wrong or healthy and dead."""
    s3, bucket = chaos.client("s3"), chaos.outputs["ResizedBucketName"]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="thumb/")
    keys = [read_rendition_key(found["Key"]) for page in pages for found in page.get("Contents", [])]
    shown = Counter(key.image_id for key in keys if key)
    sizes = {key.image_id: (key.width_px, key.height_px) for key in keys if key}
    rejected = ends(s3, bucket).rejected
    letters = {image_id: letter.reason.code for letter in _letters(chaos) for image_id in letter.image_ids()}
    places: Counter[str] = Counter()
    wrong = {"lost": 0, "doubled": 0, "older content": 0, "healthy in DLQ": 0, "killer not in DLQ": 0}
    for one in sent:
        where = [
            name
            for name, there in (("ready", shown), ("rejected", rejected), ("dead", letters))
            if one.image_id in there
        ]
        places[f"{one.kind}: {' and '.join(where) or 'nowhere'}"] += 1
        wrong["lost"] += not where
        wrong["doubled"] += len(where) > 1 or shown[one.image_id] > 1
        wrong["older content"] += "ready" in where and one.kind == "replaced" and sizes[one.image_id] != one.size
        wrong["healthy in DLQ"] += "dead" in where and one.kind in {"healthy", "replaced", "hostile"}
        wrong["killer not in DLQ"] += "dead" not in where and one.kind in CODES.values()
    return {"places": dict(sorted(places.items())), "wrong": wrong, "letters": dict(Counter(letters.values()))}


def _picture(size: tuple[int, int], rng: random.Random) -> bytes:
    out = BytesIO()
    Image.new("RGB", size, rng.choice(COLOURS)).save(out, "JPEG")
    return out.getvalue()


def _hostile(rng: random.Random) -> bytes:
    whole = _picture((600, 400), rng)
    noise = rng.randbytes(900)
    return rng.choice([b"", b"GIF89a", noise, whole[:200], b"<svg></svg>", whole[:20] + noise])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def as_markdown(told: dict[str, Any]) -> str:
    """What `run` answers, as the tables of bench/results/chaos.md."""
    rows = [f"{datetime.now(UTC):%Y-%m-%d}, {told['uploads']} uploads, concurrency {PARALLEL}, seed {told['seed']}."]
    rows += [f"Uploading took {told['seconds']['uploading']} s, all of it {told['seconds']['all']} s.", ""]
    rows += ["| fault | times |", "|---|---|", *(f"| {name} | {times} |" for name, times in told["faults"].items())]
    rows += [f"| originals that `reconcile` submitted | {told['reconciled']} |", ""]
    before, after = told["before replay"], told["after replay"]
    rows += ["| where an upload is | before the replay | after it |", "|---|---|---|"]
    for group in ("places", "wrong", "letters"):
        names = sorted(before[group] | after[group])
        label = {"places": "", "wrong": "**", "letters": "letter: "}[group]
        end = "**" if group == "wrong" else ""
        rows += [
            f"| {label}{name}{end} | {before[group].get(name, 0)} | {after[group].get(name, 0)} |" for name in names
        ]
    return "\n".join(rows)


def main() -> None:
    """Runs it and prints the ledger."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--uploads", type=int, default=2000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--folder", type=Path, required=True)
    given = options.parse_args()
    print(as_markdown(run(given.folder, given.uploads, given.seed, None, Console())))


if __name__ == "__main__":
    main()
