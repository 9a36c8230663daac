"""Measures the share of logs and metrics in a picture's CPU time, and the X-Ray SDK's share in a cold start.

    python -m bench.telemetry [PHOTO]

Writes a table to bench/results/telemetry.md. It measures CPU time, on which a busy machine has less influence.
"""

import contextlib
import importlib.util
import io
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from functions.resize.render import render
from shared import log_events, metrics, telemetry
from shared.limits import Limits
from shared.renditions import DEFAULT_RENDITIONS
from tests.support.context import Context
from tests.support.pictures import jpeg

PICTURES = 30
INVOCATIONS = 300
STARTS = 15
RESULT = Path(__file__).parent / "results" / "telemetry.md"
# The imports that each function has anyway, and the additional imports for logs, metrics and traces.
_ANYWAY = "import boto3; boto3.client('s3', region_name='eu-west-1');"
IMPORTS = {
    "boto3 and a client, as in every function": _ANYWAY,
    "and Powertools Logger and Metrics: ours": (
        f"{_ANYWAY} from aws_lambda_powertools import Logger, Metrics; Logger(); Metrics('a')"
    ),
    "and Powertools Tracer on top, the X-Ray SDK": (
        f"{_ANYWAY} from aws_lambda_powertools import Logger, Metrics, Tracer; Logger(); Metrics('a'); Tracer()"
    ),
}


def cpu_ms(work: Callable[[], Any], rounds: int) -> float:
    """Returns the median milliseconds of CPU time (user and system) of `rounds` rounds after a warm-up."""
    work()
    measured = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        measured.append((time.process_time() - started) * 1000)
    return statistics.median(measured)


def tell_of_one() -> None:
    """Logs an invocation with one picture, the most expensive case: no line or metric is shared by a batch."""

    @telemetry.observed
    def handle(event: dict[str, Any], context: Any) -> None:  # noqa: ARG001
        image_id = "7ybqx6ca92a1gqgtnm6h4p9bzt"
        telemetry.add(metrics.BATCH_SIZE, 1)
        received = log_events.UploadReceived(
            image_id=image_id,
            key=f"uploads/{image_id}/cat.jpg",
            file_name="cat.jpg",
            size_bytes=2_211_666,
            message_id="8286a188-ba32-4475-8077-530cd35c09a9",
            attempts=1,
            queue_ms=12,
        )
        telemetry.tell(received)
        resized = log_events.UploadResized(
            image_id=image_id,
            format="jpeg",
            size_bytes=2_211_666,
            bytes_out=337_976,
            renditions=len(DEFAULT_RENDITIONS),
            latency_ms=912,
            decode_ms=41.3,
            resize_ms=18.0,
            encode_ms=6.1,
        )
        telemetry.tell(resized)
        telemetry.add(metrics.ATTEMPTS_FAILED, 0)

    handle({}, Context(request_id="c6af9ac6-7b61-11e6-9a41-93e8deadbeef"))  # as long as Lambda's


def start_ms(code: str) -> float:
    """Returns the median milliseconds of CPU time of a fresh interpreter that runs `code`."""
    measured = []
    environment = os.environ | {
        "AWS_LAMBDA_FUNCTION_NAME": "a",
        "POWERTOOLS_SERVICE_NAME": "resize",
        "POWERTOOLS_METRICS_NAMESPACE": "darkroom",
    }
    for number in range(STARTS + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True, env=environment, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if number:  # the first run writes bytecode
            spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
            measured.append(spent * 1000)
    return statistics.median(measured)


def main() -> None:
    photo = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    body = photo.read_bytes() if photo else jpeg(4000, 3000)
    picture = cpu_ms(lambda: render(body, DEFAULT_RENDITIONS, Limits()), PICTURES)
    sink = io.StringIO()
    handler: Any = telemetry.logger.registered_handler
    handler.setStream(sink)
    with contextlib.redirect_stdout(sink):
        told = cpu_ms(tell_of_one, INVOCATIONS)
    if importlib.util.find_spec("aws_xray_sdk") is None:
        sys.exit("The peer is missing: uv run --with aws-xray-sdk python -m bench.telemetry")
    starts = {name: start_ms(code) for name, code in IMPORTS.items()}
    least = min(starts.values())
    bytes_told = len(sink.getvalue().encode()) / (INVOCATIONS + 1)
    table = "\n".join(
        [
            "# The cost of logs and metrics",
            "",
            f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, Python {platform.python_version()}, a JPEG of "
            f"{len(body) / 1e6:.1f} MB ({photo.name if photo else '4000x3000, generated'}), medians of CPU time. "
            "`uv run --with aws-xray-sdk python -m bench.telemetry`",
            "",
            "| one invocation with one 12 MP picture | ms | |",
            "|---|---|---|",
            f"| decode, resize, encode {len(DEFAULT_RENDITIONS)} renditions | {picture:.1f} | |",
            f"| every log line and metric of it ({bytes_told:.0f} bytes) | {told:.2f} | {told / picture:.1%} |",
            "",
            f"| a cold start: {STARTS} fresh interpreters | ms | more |",
            "|---|---|---|",
            *(f"| {name} | {spent:.0f} | {spent - least:.0f} |" for name, spent in starts.items()),
            "",
        ]
    )
    RESULT.write_text(table)
    print(table)


if __name__ == "__main__":
    main()
