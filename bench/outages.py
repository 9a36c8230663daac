"""Outages and other faults in virtual time, through the real handler: the whole table.

    python -m bench.outages [--only WORDS] [--jobs 2]

S3, SQS and Lambda's poller are simulated (tests/support/simulation). Takes about half an hour on one core. Writes
bench/results/outages.md. Ends with an error if any row has a defect.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.support.simulation.faults import Fault
from tests.support.simulation.outages import (
    DEFAULT_CONCURRENCY,
    RECOVERY_SECONDS,
    Case,
    Expected,
    defects,
    other_faults,
    s3_outage,
)
from tests.support.simulation.scenario import MINUTE, Outcome, simulate

RESULT = Path(__file__).parent / "results" / "outages.md"
UNREACHABLE = Fault("s3:*", status=0)
# A picture that was rendered when the outage began is rendered again after it, since its PUTs failed.
AT_THE_EDGES = Expected(renders=2)
HEAD = (
    "| | uploads | ready | rejected | dead letters | doubled | lost | recovered after, min | invocations | in flight |"
)


@dataclass(frozen=True)
class Row:
    """One scenario's line of the table, and its defects."""

    text: str
    defects: list[str]


def cases() -> Iterator[Case]:
    """Yields every scenario of the table."""
    for rate in (0.1, 2.0):
        for minutes in (3, 10, 30, 240):
            yield s3_outage(minutes, rate), AT_THE_EDGES
    for minutes in (3, 10):
        yield s3_outage(minutes, 50), AT_THE_EDGES
    for minutes in (30, 240):
        yield s3_outage(minutes, 50, scale=25), AT_THE_EDGES
    yield s3_outage(30, 2, fault=UNREACHABLE), AT_THE_EDGES
    yield from other_faults()


def run(case: Case) -> Row:
    """Runs one scenario; returns its row."""
    scenario, expected = case
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
    began = time.monotonic()
    outcome = simulate(scenario)
    found = defects(outcome, expected)
    print(f"{scenario.name}: {time.monotonic() - began:.0f} s; {'; '.join(found) or 'as it should be'}", flush=True)
    return Row(_row(outcome), found)


def _row(outcome: Outcome) -> str:
    simulation = outcome.simulation
    places = {
        name: sum(n for place, n in outcome.places.items() if name in place) for name in ("ready", "rejected", "dead")
    }
    recovered = "-" if outcome.recovery_seconds <= 0 else f"{outcome.recovery_seconds / MINUTE:.1f}"
    cells = [
        simulation.scenario.name,
        outcome.uploads,
        places["ready"],
        places["rejected"],
        places["dead"],
        outcome.doubled,
        outcome.lost,
        recovered,
        simulation.poller.invocations,
        simulation.queue.most_in_flight,
    ]
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def main() -> None:
    """Runs every scenario, several at a time, and writes the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", default="", help="scenarios whose name contains these words; writes no file")
    options.add_argument("--jobs", type=int, default=os.cpu_count(), help="scenarios at a time")
    given = options.parse_args()
    only: str = given.only
    chosen = [case for case in cases() if only in case[0].name]
    # The longest first. Each runs in a fresh process, which frees its memory at the end.
    order = sorted(range(len(chosen)), key=lambda n: -chosen[n][0].rate * chosen[n][0].lasts_seconds)
    with ProcessPoolExecutor(given.jobs, max_tasks_per_child=1) as pool:
        futures = {n: pool.submit(run, chosen[n]) for n in order}
        rows = [futures[n].result() for n in range(len(chosen))]
    text = "\n".join(
        [
            "# Outages, in virtual time",
            "",
            f"{datetime.now(UTC):%Y-%m-%d}, `python -m bench.outages`. The real handler runs with simulated S3, SQS,",
            "poller and renderer; hours pass in seconds. Uploads arrive during the fault, and five minutes before and",
            f"after it. There are {DEFAULT_CONCURRENCY} environments, the template's default, which render up to 8",
            "pictures a second each; at 50 uploads/s there are 100. A row that says 1/25 is a coarser model: a 25th of",
            "the uploads for a 25th of the environments.",
            "",
            "Recovered: the time from the end of the fault until every earlier upload was ready "
            f"(limit {RECOVERY_SECONDS / MINUTE:.0f} min). In flight: the",
            "most messages at a time (SQS allows 120,000). Killers end the renderer, so they must become dead letters.",
            "",
            HEAD,
            "|---" * (HEAD.count("|") - 1) + "|",
            *(row.text for row in rows),
            "",
        ]
    )
    print(text)
    if not only:
        RESULT.write_text(text, encoding="utf-8")
    if any(row.defects for row in rows):
        sys.exit("\n".join(["Defects:", *(defect for row in rows for defect in row.defects)]))


if __name__ == "__main__":
    main()
