"""Measures Darkroom's own usage per upload and writes ops/cost/usage.json, from which `darkroom cost` computes.

    python -m bench.usage [--photos FOLDER] [--counts-only]

Run `make generated` afterwards: docs/cost.md computes from the file too.

Requests are counted in the simulation, so they are exact and a test compares them. Seconds are measured with the slow
S3 of bench.batch on one core. The arm64 figures leave out the SIMD resampler, which has no package for arm64 on Linux.
"""

import argparse
import contextlib
import io
import json
import os
import platform
import statistics
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.candidate import BATCH, Candidate, batch_of, ten_photos
from bench.slow_s3 import SlowS3
from bench.telemetry import tell_of_one
from bench.trees import ROOT, deployed_python
from functions.resize.render import render
from ops.cost.usage import FILE
from shared import telemetry
from shared.limits import Limits
from shared.metrics import METRICS
from shared.renditions import DEFAULT_RENDITIONS
from tests.support.simulation.scenario import Scenario, simulate

ROUNDS = 7
# Measured on the engine (docs/observability.md): the door, the gallery's answer, the API's access log and Lambda's own
# lines of the resizer.
OTHER_LOG_BYTES = 1100 + 800 + 500 + 339
# The number of rejection codes that occur. Each code is a metric; no metric has all codes together
# (docs/observability.md).
REJECTION_CODES = 7
# CloudWatch counts a metric once for each service that sends it. Door, gallery and remover each have cold starts, too.
COLD_STARTS_ELSEWHERE = 3
# Lambda sets it in each invocation, and each log line has its first part.
TRACE = "Root=1-6926a1b2-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=0"
_ONE = Scenario("first upload", rate=1, lasts_seconds=1, drain_seconds=600)


def counted() -> dict[str, Any]:
    """Counts the requests of each path of one upload, alone in its batch."""
    paths = {
        "first upload": _ONE,
        "rejected": replace(_ONE, hostile=1.0),
        "event again": replace(_ONE, duplicated=1.0),
        "replaced": replace(_ONE, replaced=1.0),
    }
    requests = {name: simulate(scenario).simulation.service.requests for name, scenario in paths.items()}
    return {
        "requests": {
            name: {request: count for request, count in sorted(found.items()) if request.startswith("s3:")}
            for name, found in requests.items()
        },
        "requests_per_batch": {
            request: count for request, count in requests["first upload"].items() if request.startswith("sqs:")
        },
        "metrics": sum(not metric.by_code for metric in METRICS) + COLD_STARTS_ELSEWHERE + REJECTION_CODES,
    }


def timed(photos: list[bytes]) -> dict[str, Any]:
    """Measures the seconds of a picture alone and in a batch, and the CPU seconds, on one core."""
    core, *rest = sorted(os.sched_getaffinity(0))
    if rest:
        os.sched_setaffinity(0, rest)
    s3 = SlowS3()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        (Path(folder) / "cykooz_resizer.py").write_text("raise ImportError\n")
        python = running.enter_context(deployed_python(ROOT))
        candidates = {
            "x86_64": running.enter_context(Candidate(ROOT, python, "darkroom", s3, core)),
            "arm64": running.enter_context(Candidate(ROOT, python, "darkroom", s3, core, Path(folder))),
            "naive": running.enter_context(Candidate(ROOT, python, "naive", s3, core)),
        }
        found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in candidates}
        for number in range(ROUNDS + 1):
            for name, candidate in candidates.items():
                before = candidate.cpu_seconds()
                batch = candidate.run(batch_of(s3, photos)) / BATCH
                cpu = (candidate.cpu_seconds() - before) / BATCH
                alone = candidate.run(batch_of(s3, photos[:1]))
                if number:  # the first is a warm-up
                    found[name].append((cpu, alone, batch))
    s3.close()
    medians = {
        name: [round(statistics.median(values), 4) for values in zip(*rounds, strict=True)]
        for name, rounds in found.items()
    }
    names = ("cpu_seconds", "alone_seconds", "batch_seconds")
    return {
        "compute": {name: dict(zip(names, medians[name], strict=True)) for name in ("x86_64", "arm64")},
        "naive_cpu_seconds": medians["naive"][0],
    }


def sized(photos: list[bytes]) -> dict[str, Any]:
    """Returns the mean bytes of the renditions."""
    pictures = [picture for photo in photos for picture in render(photo, DEFAULT_RENDITIONS, Limits()).pictures]
    return {
        f"{name}_bytes": round(statistics.mean(len(picture.body) for picture in pictures if picture.rendition == name))
        for name in ("thumb", "medium", "view")
    }


def logged() -> dict[str, Any]:
    """Returns the bytes of an upload's log lines. The upload is alone in its batch, and no environment is new."""
    handler: Any = telemetry.logger.registered_handler
    before, os.environ["_X_AMZN_TRACE_ID"] = handler.stream, TRACE
    try:
        for _ in range(2):  # the first is a cold start
            sink = io.StringIO()
            handler.setStream(sink)
            with contextlib.redirect_stdout(sink):
                tell_of_one()
    finally:
        handler.setStream(before)
        del os.environ["_X_AMZN_TRACE_ID"]
    return {"log_bytes_per_upload": len(sink.getvalue().encode()) + OTHER_LOG_BYTES}


def main() -> None:
    """Measures and writes the file."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--photos", type=Path, help="a folder with JPEGs of 12 megapixels; without it one is made")
    options.add_argument(
        "--counts-only", action="store_true", help="count requests again; measure no seconds and no renditions"
    )
    given = options.parse_args()
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
    os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "resize")
    figures: dict[str, Any] = json.loads(FILE.read_text()) if given.counts_only else {}
    figures |= counted() | logged()
    if not given.counts_only:
        photos = ten_photos(given.photos)
        size_mb = sum(map(len, photos)) / BATCH / 1e6
        figures |= timed(photos) | sized(photos)
        today = f"{datetime.now(UTC):%Y-%m-%d}"
        figures["measured"] = f"{today}, {platform.machine()}, one core, JPEGs of 12 megapixels and {size_mb:.1f} MB"
    FILE.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(FILE.read_text())


if __name__ == "__main__":
    main()
