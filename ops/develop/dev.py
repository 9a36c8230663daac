"""`darkroom dev`: watches one service, builds and deploys it into the running local Darkroom, and follows its log."""

import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from ops.local import engine as engines
from ops.local import stack
from ops.local.engine import Engine
from ops.monitoring.follow import print_line
from ops.monitoring.logs import LogLine, parse
from ops.problem import Problem
from ops.terminal import escape

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

LOOK_SECONDS = 0.5


class _Stopped(BaseException):
    """SIGINT or SIGTERM arrived."""


def dev(folder: Path, service: str, parameters: Mapping[str, str], console: Console) -> None:
    """Deploy the service after each change of its files, and print its log, until SIGINT or SIGTERM.

    Raises Problem (`no-such-service`, `not-running`). A build or a deployment that fails is printed, and the next
    change is tried again.
    """
    source = stack.service_folder(service)
    engine = engines.running(folder)
    if engine is None:
        raise Problem("not-running", "No Darkroom runs on this machine. Start it with `make run` in another terminal.")
    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, _stop)
    settings = {"RunsOn": "local", "Architecture": stack.host_architecture(), **parameters}
    follower = Follower(engine.session().client("logs", endpoint_url=engine.url), f"/aws/lambda/{_name(service)}")
    console.print(f"Watching {source.relative_to(stack.ROOT)} and shared; Ctrl-C ends it.", style="dim")
    seen = ""
    try:
        while True:
            if (found := stack.digest(stack.host_architecture(), source)) != seen:
                seen = found
                deploy(engine, service, settings, console)
            for line in follower.fresh():
                print_line(line, as_json=False)
            time.sleep(LOOK_SECONDS)
    except _Stopped:
        console.print("\nStopped. The service stays deployed until the local Darkroom is wiped.", style="dim")


def deploy(engine: Engine, service: str, settings: Mapping[str, str], console: Console) -> None:
    """Build and deploy the service as it is now, and print how long it took or why it failed."""
    started = time.monotonic()
    folder = engine.folder / f"build-{service}"
    try:
        with console.status(f"build and deploy {service}"):
            built, _ = stack.build(folder, stack.host_architecture(), stack.service_folder(service))
            stack.deploy(engine, built, settings, _name(service))
            engines.save(engine)
    except Problem as problem:
        console.print(f"[red]✗[/] {problem.code}: {escape(problem.sentence)}", soft_wrap=True, highlight=False)
    else:
        console.print(f"[green]✓[/] deployed {_name(service)}  [dim]{time.monotonic() - started:.1f} s[/]")


class Follower:
    """Reads each log line of one log group once."""

    def __init__(self, logs: "CloudWatchLogsClient", group: str) -> None:
        self._logs = logs
        self._group = group
        self._start_ms = int(time.time() * 1000)
        self._seen: set[Any] = set()

    def fresh(self) -> Iterator[LogLine]:
        """Yield the lines that appeared since the last call, oldest first."""
        try:
            answer: Any = self._logs.filter_log_events(logGroupName=self._group, startTime=self._start_ms)
        except (ClientError, BotoCoreError):  # before its first deployment the service has no log group
            return
        # The local engine gives events no id.
        found = {
            event.get("eventId") or f"{event['timestamp']} {event['message']}": event for event in answer["events"]
        }
        events = [event for event_id, event in found.items() if event_id not in self._seen]
        self._seen |= found.keys()
        yield from parse(event["message"] for event in events)


def _name(service: str) -> str:
    return stack.service_stack(service)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise _Stopped
