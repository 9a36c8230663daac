"""Models how far Darkroom scales within AWS's documented limits, and draws the charts of docs/scaling.md.

    python -m bench.scaling

Writes the tables in docs/scaling.md, and docs/images/scaling.svg and scaling-dark.svg. Unlike bench.outages this model
does not run the handler: a batch takes the seconds that were measured for ops/cost/usage.json.
"""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import vl_convert

from ops.cost.bill import BATCH_MESSAGES, MONTH_SECONDS, WINDOW_SECONDS, Month, bill, resize_seconds, total
from ops.cost.prices import prices
from ops.cost.usage import Usage, usage
from shared.limits import FUNCTION_MEMORY_MB
from tests.support.template import load_template

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "scaling.md"
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
RATES = (1, 10, 100, 1_000, 10_000)
STEADY_SECONDS = 600
# A burst: the uploads of one minute within ten seconds.
BURST_FACTOR, BURST_SECONDS = 6, 10
DEFAULT_CONCURRENCY: int = load_template()["Parameters"]["ResizeMaxConcurrency"]["Default"]
# Headroom over the mean rate, so that a queue that has formed shrinks again.
HEADROOM = 1.5
# Limits of AWS, each with its source.
FIRST_POLLERS = 5  # docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
POLLERS_PER_MINUTE = 300  # the same page
MOST_CONCURRENCY = 1000  # the same page: the most of MaximumConcurrency. Without it, a mapping has 1,250.
ACCOUNT_CONCURRENCY = 1000  # docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
PREFIX_WRITES_PER_SECOND = 3500  # docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html
COLD_START_SECONDS = 1.0


@dataclass(frozen=True)
class Run:
    """The result of uploads that arrived at one rate."""

    rate: float
    kind: str
    concurrency: int
    backlog: int
    drain_seconds: float
    p50_seconds: float
    p99_seconds: float


def concurrency_for(rate: float, used: Usage) -> int:
    """Returns the MaximumConcurrency that works off `rate` uploads a second with HEADROOM, as far as AWS allows."""
    seconds = resize_seconds(used.compute["x86_64"], BATCH_MESSAGES, FUNCTION_MEMORY_MB)
    needed = math.ceil(rate * seconds * HEADROOM)
    return min(max(needed, DEFAULT_CONCURRENCY), MOST_CONCURRENCY, ACCOUNT_CONCURRENCY)


def run(
    rate: float,
    lasts_seconds: float,
    concurrency: int,
    used: Usage,
    kind: str,
    *,
    window_seconds: float = WINDOW_SECONDS,
    warm: int = 0,
    spread: Sequence[float] = (1.0,),
) -> Run:
    """Simulates uploads that arrive evenly for a time, and the batches that process them.

    The mapping waits `window_seconds` for a batch to fill. The first `warm` environments need no cold start. Batches
    take their seconds times the factors of `spread`, in turn. Message n arrives at n / rate, and messages are received
    in order. Therefore the model needs no list of messages, and one step per batch.
    """
    number = round(rate * lasts_seconds)
    seconds_by_size = [
        size * resize_seconds(used.compute["x86_64"], max(size, 1), FUNCTION_MEMORY_MB)
        for size in range(BATCH_MESSAGES + 1)
    ]
    busy: list[float] = []  # when each environment is free again
    done = backlog = 0
    environments = warm
    clock = writes_free = ended = 0.0
    latencies: list[tuple[float, int]] = []
    while done < number:
        # The batch begins when it is full or its window is over, and when a poller and an environment are free.
        first, full = done / rate, min(done + BATCH_MESSAGES - 1, number - 1) / rate
        clock = max(clock, min(full, first + window_seconds), first)
        allowed = min(concurrency, int(FIRST_POLLERS + clock * POLLERS_PER_MINUTE / 60))
        while busy and busy[0] <= clock:
            heapq.heappop(busy)
        if len(busy) >= allowed:
            clock = busy[0]
            continue
        size = min(BATCH_MESSAGES, number - done, int(clock * rate + 1e-9) - done + 1)
        cold = COLD_START_SECONDS if len(busy) >= environments else 0.0
        environments = max(environments, len(busy) + 1)
        # S3 limits the writes a second below each prefix; each picture writes one key below each prefix.
        writes_free = max(writes_free, clock) + size / PREFIX_WRITES_PER_SECOND
        end = max(clock + cold + seconds_by_size[size] * spread[len(latencies) % len(spread)], writes_free)
        heapq.heappush(busy, end)
        latencies.append((end - first, size))
        backlog = max(backlog, min(int(clock * rate) + 1, number) - done)
        ended = max(ended, end)
        done += size
    return Run(
        rate=rate if kind == "steady" else rate / BURST_FACTOR,
        kind=kind,
        concurrency=concurrency,
        backlog=backlog,
        drain_seconds=max(ended - lasts_seconds, 0),
        p50_seconds=_quantile(latencies, 0.50),
        p99_seconds=_quantile(latencies, 0.99),
    )


def _quantile(latencies: list[tuple[float, int]], part: float) -> float:
    wanted = part * sum(size for _, size in latencies)
    for latency, size in sorted(latencies):
        wanted -= size
        if wanted <= 0:
            return latency
    return 0.0


def runs(used: Usage) -> list[Run]:
    """Returns every rate, steady and in a burst, with the concurrency that the table recommends."""
    found = []
    for rate in RATES:
        concurrency = concurrency_for(rate, used)
        found.append(run(rate, STEADY_SECONDS, concurrency, used, "steady"))
        found.append(run(rate * BURST_FACTOR, BURST_SECONDS, concurrency, used, "burst"))
    return found


def rates_that_break(used: Usage) -> list[tuple[str, float, str]]:
    """Returns each limit: its name, the uploads a second that reach it, and the remedy; the lowest first."""
    seconds = resize_seconds(used.compute["x86_64"], BATCH_MESSAGES, FUNCTION_MEMORY_MB)
    writes = used.requests_per_upload["s3:PutObject"]
    limits = [
        (f"`ResizeMaxConcurrency` {DEFAULT_CONCURRENCY}", DEFAULT_CONCURRENCY / seconds, "raise it, as above"),
        (
            "the API's throttle in template.yaml, 100/s",
            100.0,
            "raise `ApiRequestsPerSecond`; direct uploads to S3 do not count",
        ),
        ("account concurrency 1,000", ACCOUNT_CONCURRENCY / seconds, "ask AWS for more"),
        ("`ResizeMaxConcurrency` 1,000, its maximum", MOST_CONCURRENCY / seconds, "a second queue and function"),
        (
            f"S3: 3,500 writes/s below `uploads/` and below each of {writes} renditions",
            float(PREFIX_WRITES_PER_SECOND),
            "S3 splits a busy prefix by itself within minutes, but ids are in time order: put a hash before them",
        ),
        ("SNS: 30,000 messages/s in us-east-1, two an upload", 15_000.0, "ask AWS for more"),
    ]
    return sorted(limits, key=lambda limit: limit[1])


def table(found: list[Run], used: Usage) -> str:
    """Returns the generated part of docs/scaling.md."""
    known = prices("us-east-1")
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}; usage measured {used.measured}.",
        "",
        "| uploads/s | `ResizeMaxConcurrency` | | backlog, most | drained after, s | p50, s | p99, s | $ per million |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in found:
        bills = bill(Month(images=one.rate * MONTH_SECONDS), used, known)
        dollars = total(bills, "processing") / (one.rate * MONTH_SECONDS) * 1e6
        lines.append(
            f"| {one.rate:,.0f} | {one.concurrency:,} | {one.kind} | {one.backlog:,} | {one.drain_seconds:,.0f} | "
            f"{one.p50_seconds:,.1f} | {one.p99_seconds:,.1f} | {dollars:.2f} |"
        )
    lines += ["", "| reached at, uploads/s | limit | remedy |", "|---|---|---|"]
    lines += [f"| {rate:,.0f} | {name} | {way} |" for name, rate, way in rates_that_break(used)]
    return "\n".join([*lines, ""])


def chart(found: list[Run], *, dark: bool) -> str:
    """Returns the SVG of latency and drain time by rate."""
    names = {"p50": "p50_seconds", "p99": "p99_seconds", "drained": "drain_seconds"}
    values = [
        {"rate": f"{one.rate:,.0f}/s", "kind": one.kind, "what": what, "seconds": max(getattr(one, name), 0.1)}
        for one in found
        for what, name in names.items()
    ]
    ink, grid = ("#e6edf3", "#30363d") if dark else ("#24292f", "#d0d7de")
    spec: dict[str, Any] = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "background": "#0d1117" if dark else "#ffffff",
        "data": {"values": values},
        "facet": {"column": {"field": "kind", "sort": ["steady", "burst"], "title": None}},
        "spec": {
            "width": 300,
            "height": 200,
            "mark": {"type": "line", "point": True},
            "encoding": {
                "x": {"field": "rate", "type": "ordinal", "sort": None, "title": "uploads per second"},
                "y": {"field": "seconds", "type": "quantitative", "scale": {"type": "log"}, "title": "seconds"},
                "color": {"field": "what", "sort": list(names), "title": None},
            },
        },
        "config": {
            "axis": {"labelColor": ink, "titleColor": ink, "gridColor": grid, "domainColor": grid, "tickColor": grid},
            "legend": {"labelColor": ink},
            "header": {"labelColor": ink},
            "view": {"stroke": grid},
        },
    }
    svg: str = vl_convert.vegalite_to_svg(spec)
    return svg


def main() -> None:
    """Writes the table and both charts."""
    used = usage()
    found = runs(used)
    text = table(found, used)
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{text}{END}{after}", encoding="utf-8")
    for name, dark in (("scaling", False), ("scaling-dark", True)):
        (DOCS / "images" / f"{name}.svg").write_text(chart(found, dark=dark), encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
