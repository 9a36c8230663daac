"""What another subscriber costs the resizer: upload to thumbnail beside one that fails, is slow, or is broken.

    python -m bench.independence [PHOTO]

One engine, one run: alone, beside each, alone again. The subscriber is what `darkroom new-subscriber --on uploads`
writes, with one line put into its work. Prints a table and writes it to bench/results/independence.md.
"""

import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx

from bench.latency import upload_to_thumbnail_seconds
from ops import stack as stacks
from ops.new_subscriber import On, Where, write
from tests.e2e.conftest import Stack, deployed, until
from tests.pictures import jpeg

UPLOADS = 20
NAME = "noise"
STACK = f"{stacks.LOCAL_STACK}-{NAME}"
RESULT = Path(__file__).parent / "results" / "independence.md"
WORK = "    data = storage."
KINDS = {
    "fails on every message": (WORK, f'    raise RuntimeError("as always")\n{WORK}'),
    "takes 30 s a message": (WORK, f"    __import__('time').sleep(30)\n{WORK}"),
    "deployed broken (it cannot be imported)": ("from typing", "import there_is_no_such_module\nfrom typing"),
}


@contextmanager
def beside(stack: Stack, folder: Path, change: tuple[str, str]) -> Iterator[None]:
    """Another subscriber's stack, deployed and at the end deleted."""
    project = folder / "project"
    shutil.rmtree(project, ignore_errors=True)
    shutil.copytree(stacks.ROOT / "shared", project / "shared", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(stacks.ROOT / "template.yaml", project)
    write(project, NAME, On.uploads, "*", Where.own)
    service = project / "services" / NAME
    handler = service / "handler.py"
    handler.write_text(handler.read_text().replace(*change, 1))
    built, _ = stacks.build(folder / "build-noise", stacks.host_architecture(), service)
    stacks.deploy(stack.engine, built, {}, STACK)
    yield
    stack.client("cloudformation").delete_stack(StackName=STACK)
    until(lambda: leftovers(stack) == [], "end of its stack")


def leftovers(stack: Stack) -> list[str]:
    """What there is of the other subscriber."""
    names = [one["FunctionName"] for one in stack.client("lambda").list_functions()["Functions"]]
    names += stack.sqs.list_queues().get("QueueUrls", [])
    names += [one["Endpoint"] for one in stack.sns.list_subscriptions()["Subscriptions"]]
    names += [one["RoleName"] for one in stack.client("iam").list_roles()["Roles"]]
    names += [one["logGroupName"] for one in stack.logs.describe_log_groups()["logGroups"]]
    names += [one["AlarmName"] for one in stack.client("cloudwatch").describe_alarms()["MetricAlarms"]]
    return [name for name in names if NAME in name.lower()]


def main() -> None:
    photo = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    body = photo.read_bytes() if photo else jpeg(4000, 3000)
    rows: list[tuple[str, list[float], int]] = []
    with (
        tempfile.TemporaryDirectory() as name,
        deployed(Path(name) / "engine", {}) as stack,
        httpx.Client(timeout=60) as client,
    ):
        upload_to_thumbnail_seconds(stack, client, "cold.jpg", body)

        def measure(what: str) -> None:
            seconds = []
            for number in range(UPLOADS):
                seconds.append(upload_to_thumbnail_seconds(stack, client, f"{number}.jpg", body))
                time.sleep(0.5)  # one after another: what is measured is the wait, not the queue
            rows.append((what, seconds, stack.waiting("ResizeDeadLetterQueueUrl")))

        measure("alone")
        for what, change in KINDS.items():
            with beside(stack, Path(name), change):
                measure(f"beside one that {what}" if "deployed" not in what else f"beside one {what}")
        measure("alone again")
    report(rows, f"{len(body) / 1e6:.1f} MB ({photo.name if photo else '4000x3000, generated'})")


def report(rows: list[tuple[str, list[float], int]], photo: str) -> None:
    alone = statistics.median(rows[0][1] + rows[-1][1])
    table = [
        "# From an upload to its thumbnail, with and without another subscriber, on the local engine",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, Python {platform.python_version()}, a JPEG of {photo}, "
        f"{UPLOADS} uploads a row. `python -m bench.independence`",
        "",
        "Each subscriber was what `darkroom new-subscriber --on uploads` writes, spoilt by one line, deployed as a",
        "stack of its own and deleted afterwards; nothing of it was left. All functions share this machine's cores.",
        "",
        "| resize | median, s | slowest, s | of alone | its dead letters |",
        "|---|---|---|---|---|",
        *(
            f"| {what} | {statistics.median(seconds):.2f} | {max(seconds):.2f} | "
            f"{statistics.median(seconds) / alone:.2f} | {letters} |"
            for what, seconds, letters in rows
        ),
        "",
    ]
    RESULT.write_text("\n".join(table))
    print("\n".join(table))


if __name__ == "__main__":
    main()
