"""Compares the model of bench.scaling with real runs of the whole system on the local engine.

    python -m bench.scaling_check [PHOTO]

Deploys the real template and puts photos into the upload bucket. Pictures one at a time, then a small burst, give the
seconds of a picture alone and in a batch, and their spread. From these the model predicts a larger burst and steady
uploads. Both are run too. The seconds are measured before, between and after these runs, because the speed of a shared
machine drifts by a fifth within minutes. A burst waits in the queue until its last upload has arrived, because the
engine takes uploads more slowly than S3. Prints the table and writes bench/results/scaling_check.md.

The comparison leaves out two differences from AWS. The engine ignores the batching window, so the model has none here.
The engine's environments share one machine with the uploads, while on AWS each has its own share of a processor.
Therefore the run uses as few environments as a mapping can have, and steady uploads keep them busy for a quarter of the
time. At half, the engine and the uploads take the processors from them on a machine of two: a wait of 0.08 s by the
model was 0.12 s.
"""

import platform
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.scaling import run
from ops.cost.bill import BATCH_MESSAGES
from ops.cost.usage import Compute, Usage, usage
from ops.monitoring import logs
from ops.monitoring.logs import LogLine
from shared import log_events
from shared.keys import new_image_id, upload_key
from tests.support.deployed import Stack, deployed, until
from tests.support.pictures import jpeg

RESULT = Path(__file__).parent / "results" / "scaling_check.md"
CONCURRENCY = 2  # the minimum of MaximumConcurrency
WARM_UPS, ALONE, SMALL_BURST, BURST = 40, 20, 100, 600
AT_ONCE_PER_SECOND = 1e6
STEADY_SECONDS, STEADY_SHARE = 60, 0.25
UPLOADERS = 4
DONE_SECONDS = 600
_REPORT = re.compile(r"REPORT RequestId: (\S+)\s+Duration: ([\d.]+) ms")


@dataclass(frozen=True)
class Seen:
    """The result of a real run, or of the model, for one load."""

    until_all_ready_seconds: float
    p50_seconds: float
    p99_seconds: float


class Runs:
    """A deployed Darkroom and the photo that every upload sends."""

    def __init__(self, stack: Stack, photo: bytes) -> None:
        self._stack, self._photo = stack, photo
        self._update_mapping(ScalingConfig={"MaximumConcurrency": CONCURRENCY})

    def _update_mapping(self, **changes: Any) -> None:
        functions = self._stack.client("lambda")
        (mapping,) = functions.list_event_source_mappings(FunctionName="darkroom-resize")["EventSourceMappings"]
        functions.update_event_source_mapping(UUID=mapping["UUID"], **changes)

    def burst(self, number: int) -> tuple[datetime, list[LogLine]]:
        """Lets `number` uploads wait in the queue. Returns when their work began, and all log lines at the end."""
        self._update_mapping(Enabled=False)
        self._upload(number)
        until(lambda: self._stack.waiting() == number, f"{number} messages", DONE_SECONDS)
        began = datetime.now(UTC)
        self._update_mapping(Enabled=True)
        return began, self._done(began, number)

    def put(self, number: int, per_second: float = 0) -> list[LogLine]:
        """Uploads `number` photos, evenly or as fast as possible. Returns all log lines when the last is ready."""
        since = datetime.now(UTC)
        self._upload(number, per_second)
        return self._done(since, number)

    def _upload(self, number: int, per_second: float = 0) -> None:
        began = time.monotonic()

        def one(n: int) -> None:
            if per_second:
                time.sleep(max(began + n / per_second - time.monotonic(), 0))
            key = upload_key(new_image_id(datetime.now(UTC)), "photo.jpg")
            self._stack.s3.put_object(Bucket=self._stack.upload_bucket, Key=key, Body=self._photo)

        with ThreadPoolExecutor(UPLOADERS) as pool:
            list(pool.map(one, range(number)))

    def _done(self, since: datetime, number: int) -> list[LogLine]:
        until(lambda: self._stack.waiting() == 0, "empty queue", DONE_SECONDS)

        def found() -> list[LogLine]:
            lines = logs.lines(self._stack.target, since)
            return lines if len(_resized(lines)) == number else []

        return until(found, f"{number} resized", DONE_SECONDS)

    def durations(self, lines: Iterable[LogLine]) -> list[tuple[int, float]]:
        """Returns each invocation's number of pictures and its seconds."""
        sizes = Counter(line.fields["function_request_id"] for line in _resized(lines))
        pages = self._stack.logs.get_paginator("filter_log_events").paginate(
            logGroupName="/aws/lambda/darkroom-resize", filterPattern='"REPORT"'
        )
        said = "\n".join(event["message"] for page in pages for event in page["events"])
        return [(sizes[id_], float(ms) / 1000) for id_, ms in _REPORT.findall(said) if id_ in sizes]


def _resized(lines: Iterable[LogLine]) -> list[LogLine]:
    """Returns the first line about each picture that is ready: SQS may deliver a message twice."""
    found = [line for line in lines if line.message == log_events.UploadResized.message]
    return list({line.image_id: line for line in reversed(found)}.values())


def _seen(lines: list[LogLine], began: datetime | None = None) -> Seen:
    """Returns the times of a run. In a burst, times count from `began`, the start of the work."""
    done = _resized(lines)
    arrived = [began.timestamp() if began else line.at.timestamp() - line.fields["latency_ms"] / 1000 for line in done]
    waits = [line.at.timestamp() - at for line, at in zip(done, arrived, strict=True)]
    ready = max(line.at.timestamp() for line in done)
    return Seen(ready - min(arrived), statistics.median(waits), statistics.quantiles(waits, n=100)[98])


def _predicted(number: int, rate: float, used: Usage, spread: Sequence[float]) -> Seen:
    model = run(rate, number / rate, CONCURRENCY, used, "", window_seconds=0, warm=CONCURRENCY, spread=spread)
    return Seen(number / rate + model.drain_seconds, model.p50_seconds, model.p99_seconds)


def _spread(seconds: Sequence[float]) -> list[float]:
    """Returns each measurement as a factor of their mean, in the order of measurement."""
    mean = statistics.mean(seconds)
    return [one / mean for one in seconds]


def compared(runs: Runs) -> tuple[Compute, list[tuple[str, Seen, Seen]]]:
    """Measures the seconds of a picture, and compares the model with a burst and with steady uploads."""
    alone: list[float] = []
    in_batch: list[float] = []

    def measure() -> Compute:
        alone.extend(runs.durations(runs.put(1))[0][1] for _ in range(ALONE))
        batches = runs.durations(runs.burst(SMALL_BURST)[1])
        in_batch.extend(seconds / BATCH_MESSAGES for size, seconds in batches if size == BATCH_MESSAGES)
        # The engine gives a whole core at any memory, so the seconds need no scaling.
        return Compute(0.0, statistics.mean(alone), statistics.mean(in_batch))

    runs.burst(WARM_UPS)
    rate = CONCURRENCY / measure().batch_seconds * STEADY_SHARE
    number = round(rate * STEADY_SECONDS)
    began, lines = runs.burst(BURST)
    burst = _seen(lines, began)
    measure()
    steady = _seen(runs.put(number, rate))
    compute = measure()
    used = replace(usage(), compute={"x86_64": compute, "arm64": compute})
    rows = [
        (f"{BURST} at once", burst, _predicted(BURST, AT_ONCE_PER_SECOND, used, _spread(in_batch))),
        (f"steady, {rate:.1f}/s", steady, _predicted(number, rate, used, _spread(alone))),
    ]
    return compute, rows


def main() -> None:
    """Runs everything, prints the table and writes it."""
    photo = Path(sys.argv[1]).read_bytes() if len(sys.argv) > 1 else jpeg(2000, 1500)
    with tempfile.TemporaryDirectory() as folder, deployed(Path(folder), {}) as stack:
        compute, rows = compared(Runs(stack, photo))
    cells = [
        f"| {name} | {seen:.2f} | {said:.2f} | {said / seen - 1:+.0%} |"
        for load, real, model in rows
        for name, seen, said in (
            (f"{load}: until all are ready, s", real.until_all_ready_seconds, model.until_all_ready_seconds),
            (f"{load}: p50, s", real.p50_seconds, model.p50_seconds),
            (f"{load}: p99, s", real.p99_seconds, model.p99_seconds),
        )
    ]
    text = "\n".join(
        [
            "# The scaling model beside real runs",
            "",
            f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, `python -m bench.scaling_check`. The real template",
            f"runs on the local engine, in {CONCURRENCY} environments. JPEGs of {len(photo) / 1e6:.1f} MB.",
            f"A picture alone takes {compute.alone_seconds:.3f} s. In a batch of ten each takes",
            f"{compute.batch_seconds:.3f} s.",
            "",
            "| | real | model | error |",
            "|---|---|---|---|",
            *cells,
            "",
        ]
    )
    RESULT.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
