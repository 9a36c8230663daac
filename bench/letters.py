"""Measures the commands on dead letters with many letters, slow requests and arriving letters.

    .venv/bin/python -m bench.letters [--quick]

SQS and S3 are fakes in memory (tests/support/fake_aws.py). Time is virtual: a request takes its latency, and Python's
own work takes its measured processor time. Therefore other programs on the machine hardly change the figures. They
contain neither botocore's work nor the network's. One letter in ten is `timed-out`, the others are `crashed`. Arriving
letters have a record, as a function sends them. The table goes to bench/results/letters.md.
"""

import ctypes
import gc
import json
import multiprocessing
import resource
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Self

import typer

from bench.letters_scene import Scene, number_in
from ops import options
from ops.cli import app
from ops.monitoring import status
from ops.recovery import dead_letters, resubmit
from tests.support.simulation.commands import BusyWorld, virtual_time

RESULTS = Path(__file__).parent / "results" / "letters.md"
LETTERS = (100, 10_000, 100_000)
LATENCIES_SECONDS = (0.03, 0.1)
ARRIVALS_PER_SECOND = (0, 10)
PROCESSES = 2
MOST_RATE = 500


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


@dataclass(frozen=True, slots=True)
class Command:
    """A command line to measure. `counts` reads the count and the expected count from its output."""

    name: str
    arguments: tuple[str, ...]
    counts: Callable[[Scene, str], tuple[int, int]]
    records: bool = True


def commands(letters: int) -> list[Command]:
    """Return every command to measure with this number of letters."""
    tenth = len(range(0, letters, 10))
    act, fast = ("--all", "--yes"), ("--rate", f"{MOST_RATE}")

    def listed(_: Scene, text: str) -> tuple[int, int]:
        return len(json.loads(text)["letters"]), letters

    def sent(scene: Scene, _: str) -> tuple[int, int]:
        return len(scene.sqs.queue("work").bodies()), letters

    def dropped(scene: Scene, _: str) -> tuple[int, int]:
        left = sum(number_in(one) < letters for one in scene.sqs.queue("dead").bodies())
        return letters - left, letters

    return [
        Command("list", ("dead-letters", "list", "--json"), listed),
        Command(
            "list --code timed-out",
            ("dead-letters", "list", "--code", "timed-out", "--json"),
            lambda _, text: (len(json.loads(text)["letters"]), tenth),
        ),
        Command(
            "list --read-queue, no records", ("dead-letters", "list", "--read-queue", "--json"), listed, records=False
        ),
        Command(
            "status",
            ("status", "--json"),
            lambda _, text: (sum(json.loads(text)["dead_letters"].values()), letters),
        ),
        Command(
            "reconcile (all have letters)",
            ("reconcile", "--grace", "5m", "--json"),
            lambda _, text: (len(json.loads(text)["uploads"]), 0),
        ),
        Command(f"replay --all --rate {MOST_RATE}", ("dead-letters", "replay", *act, *fast), sent),
        Command("replay --all (50 a second)", ("dead-letters", "replay", *act), sent),
        Command(
            f"replay --code timed-out --rate {MOST_RATE}",
            ("dead-letters", "replay", "--code", "timed-out", "--yes", *fast),
            lambda scene, _: (len(scene.sqs.queue("work").bodies()), tenth),
        ),
        Command(f"drop --all --rate {MOST_RATE}", ("dead-letters", "drop", *act, *fast), dropped),
    ]


def measure(command: Command, scene: Scene, letters: int) -> tuple[Row, str]:
    """Run one command and return its figures and its output."""
    for module in (dead_letters, resubmit, status):
        module.resolve = lambda _: scene.target()  # type: ignore[attr-defined]
    printed = _Printed()
    options.console.file = printed  # type: ignore[assignment]
    took: list[float] = []

    def run() -> None:
        began = scene.world.seconds
        with scene.running(), suppress(SystemExit, typer.Exit):
            app(list(command.arguments), standalone_mode=False)
        took.append(scene.world.seconds - began)

    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # Memory that is free already would hide the command's own.
    with _Memory() as memory:
        scene.world.finish(run)
    (seconds,) = took
    figures = Row(
        command.name, letters, round(scene.latency * 1000), scene.per_second, seconds, scene.wire.requests,
        memory.grown_mb, scene.sqs.queue("dead").most_hidden, "",
    )  # fmt: skip
    return figures, "".join(printed.texts)


def row(command: Command, letters: int, latency: float, arriving: int) -> Row:
    """Measure one command, and check its count."""
    # `dead_letters.print_json` and others write with typer.echo: it goes to this list.
    told: list[str] = []
    options.typer.echo = told.append  # type: ignore[attr-defined]
    world = BusyWorld()
    with virtual_time(world):
        scene = Scene(world, letters, latency, arriving, records=command.records)
        found, printed = measure(command, scene, letters)
    done, right = command.counts(scene, told[-1] if told else printed)
    # Letters that arrive while the command runs may be in its count or not.
    most = right + round(found.seconds * arriving) + 1 if arriving else right
    verdict = f"{done:,}" if right <= done <= most else f"**{done:,} instead of {right:,}**"
    return replace(found, counted=verdict)


class _Memory:
    """Measures the growth of the process in megabytes while it is entered, every 20 ms."""

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
        f"Written by `python -m bench.letters` on {datetime.now(UTC):%Y-%m-%d}. SQS and S3 are fakes in memory. Time",
        "is virtual: a request takes its latency, and Python's own work takes its measured processor time. The network",
        "and botocore's own work are left out. Memory is the growth of the process, arriving letters included.",
        "`hidden` is the highest number of letters that were invisible to other readers at the same time. `right` is",
        "the count of the command, or the number of letters that it moved. It may include arriving letters.",
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


type Task = tuple[int, int, float, int]


def measured(task: Task) -> Row:
    """Measure one command of `commands` with one number of letters, one latency and one rate of arrivals."""
    number, letters, latency, arriving = task
    row(commands(10)[number], 10, latency, 0)  # The first run of a process loads modules.
    return row(commands(letters)[number], letters, latency, arriving)


def main() -> None:
    """Measure everything, each command in a fresh process, two at a time. Write the page after each command."""
    quick = "--quick" in sys.argv
    tasks = [
        (number, letters, latency, arriving)
        for letters in (LETTERS[:1] if quick else LETTERS)
        for latency in LATENCIES_SECONDS
        for arriving in ARRIVALS_PER_SECOND
        for number in range(len(commands(0)))
    ]
    found: list[Row] = []
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, context, max_tasks_per_child=1) as pool:
        for one in pool.map(measured, tasks):
            found.append(one)
            print(one, file=sys.stderr)
            if not quick:
                RESULTS.write_text(page(found))
    if quick:
        print(page(found))


if __name__ == "__main__":
    main()
