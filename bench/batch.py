"""Times a batch of ten 12-megapixel photos in the real handler, with the delays of S3 as seen from Lambda.

    python -m bench.batch [--photos FOLDER] [--against REVISION] [--rounds 7]

S3 is a stand-in on loopback: 30 ms a request, 60 MB/s a direction. Each candidate is a warm process. All candidates run
on the same core, in turn. Writes bench/results/batch.md.
"""

import argparse
import os
import platform
import statistics
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.candidate import BATCH, RENDITIONS, Candidate, batch_of, ten_photos
from bench.slow_s3 import LINE_BYTES_PER_SECOND, REQUEST_SECONDS, SlowS3
from bench.trees import ROOT, deployed_python, tree_of

RESULT = ROOT / "bench" / "results" / "batch.md"
ROUNDS = 7
# Memory is measured in separate rounds, because measuring slows the process down.
MEMORY_ROUNDS, SAMPLE_SECONDS = 3, 0.01
PLAIN = "Powertools `BatchProcessor`, naive Pillow"


@dataclass
class Measured:
    """The measurements of one candidate, one number per round."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)


def measure(candidates: Mapping[str, Candidate], s3: SlowS3, bodies: list[bytes], rounds: int) -> dict[str, Measured]:
    """Runs the batch on every candidate in turn, `rounds` times; the first batch of each is a warm-up."""
    measured = {name: Measured() for name in candidates}
    for number in range(1 + rounds + MEMORY_ROUNDS):
        for name, candidate in candidates.items():
            event, of_this = batch_of(s3, bodies), measured[name]
            s3.written.clear()
            s3.requests.clear()
            if number > rounds:
                of_this.memory_mb.append(_peak_memory_mb(candidate, event))
                continue
            before = candidate.cpu_seconds()
            wall = candidate.run(event)
            assert len(s3.written) == len(RENDITIONS) * BATCH, s3.written
            of_this.requests = Counter(s3.requests)
            if number:
                of_this.wall.append(wall)
                of_this.cpu.append(candidate.cpu_seconds() - before)
                print(f"{name}: {wall:.2f} s, CPU {of_this.cpu[-1]:.2f} s", flush=True)
    return measured


def _peak_memory_mb(candidate: Candidate, event: Mapping[str, Any]) -> float:
    peak, ended = 0.0, threading.Event()

    def sample() -> None:
        nonlocal peak
        while not ended.wait(SAMPLE_SECONDS):
            peak = max(peak, candidate.memory_mb())

    sampling = threading.Thread(target=sample)
    sampling.start()
    try:
        candidate.run(event)
    finally:
        ended.set()
        sampling.join()
    return peak


def table(measured: Mapping[str, Measured]) -> str:
    """Returns the Markdown table of all candidates."""
    lines = [
        "| | uploads/s | wall, s | CPU, s | wall / CPU | peak memory, MB | requests for the ten |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, one in measured.items():
        wall, cpu = statistics.median(one.wall), statistics.median(one.cpu)
        ratio = statistics.median(w / c for w, c in zip(one.wall, one.cpu, strict=True))
        asked = ", ".join(f"{kind} {count}" for kind, count in sorted(one.requests.items()))
        numbers = f"{BATCH / wall:.2f} | {wall:.2f} | {cpu:.2f} | {ratio:.2f} | {max(one.memory_mb):.0f}"
        lines.append(f"| {name} | {numbers} | {asked} |")
    return "\n".join(lines)


def ratios(measured: Mapping[str, Measured]) -> str:
    """Returns one sentence for each other candidate: the median of the rounds' ratios between it and this tree."""
    ours, *others = measured
    lines = []
    for name in others:
        pairs = zip(measured[name].wall, measured[ours].wall, strict=True)
        faster = statistics.median(theirs / mine for theirs, mine in pairs)
        memory = max(measured[ours].memory_mb) / max(measured[name].memory_mb)
        lines.append(f"- Beside {name}: {faster:.2f} times the uploads per second, {memory:.2f} times the memory.")
    return "\n".join(lines)


def main() -> None:
    """Measures, prints the tables and writes them."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--photos", type=Path, help="a folder with JPEGs of 12 megapixels; without it one is made")
    options.add_argument("--against", metavar="REVISION", help="a revision of this repository to run beside")
    options.add_argument("--rounds", type=int, default=ROUNDS)
    given = options.parse_args()
    bodies = ten_photos(given.photos)
    core, *rest = sorted(os.sched_getaffinity(0))
    if rest:
        os.sched_setaffinity(0, rest)  # the stand-in for S3 runs on another core than the candidates
    s3 = SlowS3()
    with ExitStack() as running:
        trees = {"Darkroom": (ROOT, "darkroom")}
        if given.against:
            trees[f"Darkroom at {given.against}"] = running.enter_context(tree_of(given.against)), "darkroom"
        trees[PLAIN] = ROOT, "naive"
        candidates = {}
        for name, (tree, kind) in trees.items():
            python = running.enter_context(deployed_python(tree))
            candidates[name] = running.enter_context(Candidate(tree, python, kind, s3, core))
        measured = measure(candidates, s3, bodies, given.rounds)
    s3.close()
    which = "Photos of a camera" if given.photos else "One made photo, ten times"
    size_mb = sum(map(len, bodies)) / BATCH / 1e6
    text = "\n".join(
        [
            "# A batch of ten photos of 12 megapixels",
            "",
            f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, `python -m bench.batch`, {given.rounds} rounds in "
            "turn, medians.",
            f"{which}, {size_mb:.1f} MB each. Warm processes, all on one core. S3 and SQS are a stand-in on another",
            f"core: {REQUEST_SECONDS * 1000:.0f} ms a request, {LINE_BYTES_PER_SECOND / 1e6:.0f} MB/s a direction for "
            "all connections together, no TLS. Memory is the process",
            "and its children. Shared pages count once.",
            "",
            table(measured),
            "",
            ratios(measured),
            "",
        ]
    )
    RESULT.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
