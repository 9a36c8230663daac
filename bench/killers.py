"""Puts files that crash the renderer at every position of a batch of ten, and measures the cost of one crash.

    python -m bench.killers [--rounds 5]

The real subscriber code and a real renderer process; S3 and SQS are fakes without delay. Writes
bench/results/killers.md. Ends with an error if a neighbour lost anything.
"""

import argparse
import os
import platform
import resource
import statistics
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from tests.support import pictures
from tests.support.killer_batches import Batch, KillerBatches
from tests.support.killer_rendering import CODES, CRASHES, HANGS, OUT_OF_MEMORY

RESULT = Path(__file__).parent / "results" / "killers.md"
TEN = 10
HANG_SECONDS = 1.5
ROUNDS = 5


def loss(batch: Batch, killers: Mapping[int, bytes]) -> str:
    """Returns a sentence about a neighbour's loss or a killer's wrong code, or nothing."""
    for position in range(TEN):
        events = batch.events.get(position, [])
        attempts = [event.attempts for event in events if hasattr(event, "attempts")]
        if position in killers:
            codes = [getattr(event, "code", "") for event in events[1:]]
            if codes != [CODES[killers[position]]] or position not in batch.failed:
                return f"the killer at position {position} has the codes {codes}"
        elif position in batch.failed or batch.ready[position] != 1 or attempts != [1] or len(events) != 2:
            return f"position {position} lost an attempt or was rendered again"
    return ""


def table(batches: KillerBatches) -> tuple[list[str], list[str]]:
    """Runs every batch; returns the rows of the table and the losses."""
    small = pictures.jpeg(320, 240)
    kinds = {"crash": CRASHES, "hang": HANGS, "out of memory": OUT_OF_MEMORY}
    plans = {f"{name} at position {at}": {at: mark} for name, mark in kinds.items() for at in range(TEN)}
    plans["all three at positions 0, 4 and 9"] = {0: CRASHES, 4: HANGS, 9: OUT_OF_MEMORY}
    plans["ten killers"] = {at: (CRASHES, OUT_OF_MEMORY)[at % 2] for at in range(TEN)}
    rows, lost = [], []
    for name, killers in plans.items():
        batch = batches.run([small + killers.get(at, b"") for at in range(TEN)])
        found = loss(batch, killers)
        lost += [f"{name}: {found}"] if found else []
        codes = ", ".join(sorted({CODES[mark] for mark in killers.values()}))
        rows.append(
            f"| {name} | {sum(batch.ready.values())} of {TEN - len(killers)} | {found or 'nothing'} | {codes} |"
        )
    return rows, lost


def cost(batches: KillerBatches, rounds: int) -> tuple[float, float, float]:
    """Returns the median seconds of a plain batch and of one with a death, and the median of their ratios.

    The photos have 12 megapixels. The killer ends the renderer after its rendering, so both batches render ten photos.
    """
    photo = pictures.jpeg(4000, 3000)
    plain, deadly = [photo] * TEN, [*[photo] * 4, photo + CRASHES, *[photo] * 5]
    batches.run(plain)
    times = [(batches.run(plain).seconds, batches.run(deadly).seconds) for _ in range(rounds)]
    without, with_death = zip(*times, strict=True)
    ratio = statistics.median(b / a for a, b in times)
    return statistics.median(without), statistics.median(with_death), ratio


def main() -> None:
    """Runs it all, prints the table and writes it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = options.parse_args().rounds
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    batches = KillerBatches(HANG_SECONDS)
    try:
        rows, lost = table(batches)
        plain, deadly, ratio = cost(batches, rounds)
    finally:
        batches.stop()
    text = "\n".join(
        [
            "# Files that end the renderer",
            "",
            f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, `python -m bench.killers`. Batches of ten through",
            "the real subscriber code and a real renderer process. A neighbour loses something if it is retried,",
            "rendered again, or not rendered at all.",
            "",
            "| killer | neighbours ready | neighbours lost | codes in the killers' first log lines |",
            "|---|---|---|---|",
            *rows,
            "",
            f"A batch of ten photos of 12 megapixels takes {plain:.2f} s, and {deadly:.2f} s if one photo crashes",
            f"the renderer after its rendering: {ratio:.2f} times (median of {rounds} pairs, one core).",
            "",
        ]
    )
    RESULT.write_text(text, encoding="utf-8")
    print(text)
    if lost:
        sys.exit("\n".join(lost))


if __name__ == "__main__":
    main()
