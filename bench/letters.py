"""How the commands on dead letters behave with many letters, slow requests and arrivals.

    .venv/bin/python -m bench.letters [--quick]

The services are those of tests/support/fake_aws.py: SQS and S3 in memory, where each request sleeps on its thread for
its latency. Time is real time, so the figures contain Python's own work, but neither botocore's nor the network's. One
letter in ten is `timed-out`, the others are `crashed`. Arriving letters have a record, as a function sends them. The
table goes to bench/results/letters.md. All of it takes about half an hour on two idle cores, most of it asleep.
"""

import gc
import json
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any, Self

import typer

from ops import options
from ops.cli import app
from ops.monitoring import status
from ops.recovery import dead_letters, resubmit
from shared.events import Upload
from shared.keys import letter_key, upload_key
from shared.letters import Reason, attributes, key_of
from tests.support.fake_aws import FakeSqs
from tests.support.letters import Place

RESULTS = Path(__file__).parent / "results" / "letters.md"
LETTERS = (100, 10_000, 100_000)
LATENCIES_SECONDS = (0.03, 0.1)
ARRIVALS_PER_SECOND = (0, 10)
PROCESSES = 4
MOST_RATE = 500
# A replay at the standard 50 a second would take half an hour for the largest queue: it is measured up to so many.
MOST_AT_STANDARD_RATE = 10_000


@dataclass(frozen=True, slots=True)
class Row:
    """One command with one set of letters."""

    command: str
    letters: int
    latency_ms: int
    arriving: int
    seconds: float
    requests: int
    peak_mb: float
    most_hidden: int
    counted: str


class Scene(Place):
    """A dead-letter queue with a number of letters, while more letters arrive."""

    def __init__(self, letters: int, latency: float, arriving: int, *, records: bool = True) -> None:
        super().__init__()
        self.latency, self.per_second, self.buried = latency, arriving, 0
        self.age = timedelta(minutes=30)
        keys = []
        for _ in range(letters):
            keys.append(self._bury())
        if records:
            self._add_records(keys)
        self.age = timedelta(0)

    def _bury(self) -> str:
        number, at = self.buried, datetime.now(UTC) - self.age
        self.buried += 1
        upload = Upload("uploads", upload_key(f"7ybqx{number:021}", "cat.jpg"), "e" * 32, 1, at)
        body = json.dumps(upload.as_event())
        reason = Reason(
            "crashed" if number % 10 else "timed-out",
            "The picture ends the process that renders it (SIGSEGV). Keep it for a decoder's bug.",
            message_id=f"m{number}",
            last_failed_at=at.isoformat(timespec="seconds"),
            attempts="5",
        )
        self.sqs.queue("dead").add(body, attributes(reason), SentTimestamp=str(int(at.timestamp() * 1000)))
        self.s3.put("uploads", upload.key)
        return letter_key(key_of("dead", body, reason))

    def _add_records(self, keys: list[str]) -> None:
        self.s3.keys["resized"] = sorted({*self.s3.keys.get("resized", []), *keys})
        record = json.dumps({"sentence": "The picture ends the process that renders it (SIGSEGV)."}).encode()
        self.s3.objects |= {("resized", key): (record, datetime.now(UTC)) for key in keys}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Make requests take their time, and letters arrive."""
        began, before = time.monotonic(), self.buried

        def arrive(_: FakeSqs) -> None:
            while self.buried - before < (time.monotonic() - began) * self.per_second:
                self.s3.put("resized", self._bury(), b"{}")

        self.wire.seconds, self.sqs.arrive = self.latency, arrive
        self.wire.requests = 0
        self.sqs.queue("dead").most_hidden = 0
        yield
        self.wire.seconds, self.sqs.arrive = 0, lambda _: None


def measure(command: str, scene: Scene, letters: int, arguments: list[str]) -> tuple[Row, str]:
    """Run one command and return its figures and its output."""
    for module in (dead_letters, resubmit, status):
        module.resolve = lambda _: scene.target()  # type: ignore[attr-defined]
    printed = _Printed()
    options.console.file = printed  # type: ignore[assignment]
    gc.collect()
    began, memory = time.monotonic(), _Memory()
    with scene.running(), memory, suppress(SystemExit, typer.Exit):
        app(arguments, standalone_mode=False)
    seconds = time.monotonic() - began
    row = Row(
        command, letters, round(scene.latency * 1000), scene.per_second, seconds, scene.wire.requests, memory.grown_mb,
        scene.sqs.queue("dead").most_hidden, "",
    )  # fmt: skip
    return row, "".join(printed.texts)


def rows(letters: int, latency: float, arriving: int) -> Iterator[Row]:
    """Every command with these letters, each with the check of its count."""
    # `dead_letters.print_json` and others write with typer.echo: it goes to this list.
    told: list[str] = []
    options.typer.echo = told.append  # type: ignore[attr-defined]

    def counted(command: str, arguments: list[str], count: Callable[[Scene, str], tuple[int, int]], **kind: Any) -> Row:
        told.clear()
        scene = Scene(letters, latency, arriving, **kind)
        row, printed = measure(command, scene, letters, arguments)
        found, right = count(scene, told[-1] if told else printed)
        # Letters that arrive while the command runs may be in its count or not.
        most = right + round(row.seconds * arriving) + 1 if arriving else right
        verdict = f"{found:,}" if right <= found <= most else f"**{found:,} instead of {right:,}**"
        return Row(**{name: getattr(row, name) for name in Row.__dataclass_fields__} | {"counted": verdict})

    tenth = len(range(0, letters, 10))
    yield counted(
        "list", ["dead-letters", "list", "--json"], lambda _, text: (len(json.loads(text)["letters"]), letters)
    )
    yield counted(
        "list --code timed-out", ["dead-letters", "list", "--code", "timed-out", "--json"],
        lambda _, text: (len(json.loads(text)["letters"]), tenth),
    )  # fmt: skip
    yield counted(
        "list --read-queue, no records", ["dead-letters", "list", "--read-queue", "--json"],
        lambda _, text: (len(json.loads(text)["letters"]), letters), records=False,
    )  # fmt: skip
    yield counted(
        "status", ["status", "--json"], lambda _, text: (sum(json.loads(text)["dead_letters"].values()), letters)
    )
    yield counted(
        "reconcile (all have letters)", ["reconcile", "--grace", "5m", "--json"],
        lambda _, text: (len(json.loads(text)["uploads"]), 0),
    )  # fmt: skip

    def sent(scene: Scene, _: str) -> tuple[int, int]:
        return len(scene.sqs.queue("work").bodies()), letters

    yield counted(
        f"replay --all --rate {MOST_RATE}", ["dead-letters", "replay", "--all", "--yes", "--rate", f"{MOST_RATE}"], sent
    )
    if letters <= MOST_AT_STANDARD_RATE:
        yield counted("replay --all (50 a second)", ["dead-letters", "replay", "--all", "--yes"], sent)
    yield counted(
        f"replay --code timed-out --rate {MOST_RATE}",
        ["dead-letters", "replay", "--code", "timed-out", "--yes", "--rate", f"{MOST_RATE}"],
        lambda scene, _: (len(scene.sqs.queue("work").bodies()), tenth),
    )  # fmt: skip
    yield counted(
        f"drop --all --rate {MOST_RATE}", ["dead-letters", "drop", "--all", "--yes", "--rate", f"{MOST_RATE}"],
        lambda scene, _: (letters - sum(_number(one) < letters for one in scene.sqs.queue("dead").bodies()), letters),
    )  # fmt: skip


def _number(body: str) -> int:
    key: str = json.loads(body)["Records"][0]["s3"]["object"]["key"]
    return int(key.split("/")[1].removeprefix("7ybqx"))


class _Memory:
    """By how many megabytes the process grows at most while this is entered, looked at every 20 ms."""

    def __init__(self) -> None:
        self.grown_mb = 0.0
        self._over = Event()
        self._watch = Thread(target=self._look)

    def __enter__(self) -> Self:
        self._before = _resident_mb()
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watch.join()

    def _look(self) -> None:
        while not self._over.wait(0.02):
            self.grown_mb = max(self.grown_mb, _resident_mb() - self._before)


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


class _Printed:
    """A file that remembers its text."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def write(self, text: str) -> None:
        self.texts.append(text)

    def flush(self) -> None:
        pass


def page(found: list[Row]) -> str:
    """bench/results/letters.md."""
    lines = [
        "# Commands on dead letters, by number of letters and latency",
        "",
        f"Written by `python -m bench.letters` on {datetime.now(UTC):%Y-%m-%d}. SQS and S3 are fakes in memory. Each",
        "request sleeps for its latency: time is real, but excludes the network and botocore's own work. Memory is the",
        "growth of the process, arriving letters included. `hidden` is the highest number of letters that were",
        "invisible to other readers at the same time. `right` is the count of the command, or the number of letters",
        "that it moved. It may include arriving letters.",
        "",
        "| command | letters | ms a request | arriving a second | seconds | requests | MB | hidden | right |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| `{row.command}` | {row.letters:,} | {row.latency_ms} | {row.arriving} | {row.seconds:.1f} "
        f"| {row.requests:,} | {row.peak_mb:.1f} | {row.most_hidden:,} | {row.counted} |"
        for row in found
    ]
    return "\n".join([*lines, ""])


type Combination = tuple[int, float, int]


def measured(combination: Combination) -> list[Row]:
    """Measure every command with one number of letters, one latency and one rate of arrivals."""
    letters, latency, arriving = combination
    return list(rows(letters, latency, arriving))


def main() -> None:
    """Measure all combinations, four at a time because they mostly sleep, and write the page after each."""
    quick = "--quick" in sys.argv
    combinations = [
        (letters, latency, arriving)
        for letters in (LETTERS[:1] if quick else LETTERS)
        for latency in LATENCIES_SECONDS
        for arriving in ARRIVALS_PER_SECOND
    ]
    found: list[Row] = []
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool:
        for combination, some in zip(combinations, pool.map(measured, combinations), strict=True):
            found += some
            print(combination, "is measured", file=sys.stderr)
            if not quick:
                RESULTS.write_text(page(found))
    if quick:
        print(page(found))


if __name__ == "__main__":
    main()
