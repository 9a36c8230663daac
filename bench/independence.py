"""Measures the effect of another subscriber on the resizer: the time from an upload to its thumbnail.

    python -m bench.independence [PHOTO]

One engine runs all cases in turn, ROUNDS times: no other subscriber, a working, a failing, a slow and a broken one.
`darkroom new-subscriber --on uploads` writes the other subscriber; added lines make it slow or failing on request.
Prints a table and writes it to bench/results/independence.md.
"""

import os
import platform
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx

from bench.latency import upload_to_thumbnail_seconds
from ops.develop.new_subscriber import write
from ops.develop.subscriber_choices import On, Wanted
from ops.local import stack as stacks
from tests.support.deployed import Stack, deployed, until
from tests.support.pictures import jpeg

ROUNDS, UPLOADS = 5, 4
NAME = "noise"
STACK = f"{stacks.LOCAL_STACK}-{NAME}"
RESULT = Path(__file__).parent / "results" / "independence.md"
WORK = "    data = storage."
SPOILT = """    import os
    import time

    time.sleep(float(os.environ.get("NOISE_SECONDS", "0")))
    if "NOISE_FAILS" in os.environ:
        raise RuntimeError("as always")
"""
HANDLER = f"services.{NAME}.handler.handle"
# The variables of its function. None disables its event source.
KINDS: dict[str, dict[str, str] | None] = {
    "no other subscriber": None,
    "a working subscriber": {},
    "a subscriber that fails on every message": {"NOISE_FAILS": "1"},
    "a subscriber that takes 30 s a message": {"NOISE_SECONDS": "30"},
    "a subscriber whose code cannot be imported": {"HANDLER": "nowhere.handle"},
}


@contextmanager
def beside(stack: Stack, folder: Path) -> Iterator[None]:
    """Deploys another subscriber's stack and deletes it at the end."""
    project = folder / "project"
    shutil.copytree(stacks.ROOT / "shared", project / "shared", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(stacks.ROOT / "template.yaml", project)
    write(project, Wanted(NAME, On.uploads))
    handler = project / "services" / NAME / "handler.py"
    handler.write_text(handler.read_text().replace(WORK, SPOILT + WORK, 1))
    built, _ = stacks.build(folder / "build-noise", stacks.host_architecture(), handler.parent)
    stacks.deploy(stack.engine, built, {}, STACK)
    yield
    stack.client("cloudformation").delete_stack(StackName=STACK)
    until(lambda: stack.belongings(NAME) == [], "end of its stack")


def become(stack: Stack, kind: dict[str, str] | None) -> None:
    """Switches the other subscriber to this kind and purges its queue."""
    function = stack.client("lambda")
    (queue,) = (url for url in stack.sqs.list_queues()["QueueUrls"] if "NoiseQueue" in url)
    stack.sqs.purge_queue(QueueUrl=queue)
    (mapping,) = function.list_event_source_mappings(FunctionName=STACK)["EventSourceMappings"]
    function.update_event_source_mapping(UUID=mapping["UUID"], Enabled=kind is not None)
    if kind is not None:
        variables = function.get_function_configuration(FunctionName=STACK)["Environment"]["Variables"]
        kept = {name: value for name, value in variables.items() if not name.startswith("NOISE_")}
        environment = {"Variables": kept | {"HANDLER": HANDLER} | kind}
        function.update_function_configuration(FunctionName=STACK, Environment=environment)


def main() -> None:
    photo = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    body = photo.read_bytes() if photo else jpeg(4000, 3000)
    seconds: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with (
        tempfile.TemporaryDirectory() as name,
        deployed(Path(name) / "engine", {}) as stack,
        httpx.Client(timeout=60) as client,
        beside(stack, Path(name)),
    ):
        upload_to_thumbnail_seconds(stack, client, "cold.jpg", body)
        for _ in range(ROUNDS):
            for kind, setting in KINDS.items():
                become(stack, setting)
                for number in range(UPLOADS):
                    seconds[kind].append(upload_to_thumbnail_seconds(stack, client, f"{number}.jpg", body))
        letters = stack.waiting("ResizeDeadLetterQueueUrl")
    report(seconds, letters, f"{len(body) / 1e6:.1f} MB ({photo.name if photo else '4000x3000, generated'})")


def report(seconds: dict[str, list[float]], letters: int, photo: str) -> None:
    """Prints and writes the table; `letters` counts the resizer's dead letters."""
    without = statistics.median(next(iter(seconds.values())))
    table = [
        "# From an upload to its thumbnail, with and without another subscriber, on the local engine",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, load average "
        f"{os.getloadavg()[2]:.1f}, Python {platform.python_version()}, a JPEG of {photo}, {ROUNDS} rounds of "
        f"{UPLOADS} uploads each in turn. `python -m bench.independence`",
        "",
        "| beside the resizer | median, s | slowest, s | of the first row |",
        "|---|---|---|---|",
        *(
            f"| {kind} | {statistics.median(took):.2f} | {max(took):.2f} | {statistics.median(took) / without:.2f} |"
            for kind, took in seconds.items()
        ),
        "",
        f"The resizer had {letters} dead letters. Afterwards the other subscriber's stack was deleted without remains.",
        "The engine runs all functions on the cores of this machine, so a busy function slows the others down. A",
        "function that cannot be imported is busy, because it starts a new process for each message.",
        "On AWS functions share no cores.",
        "",
    ]
    RESULT.write_text("\n".join(table))
    print("\n".join(table))


if __name__ == "__main__":
    main()
