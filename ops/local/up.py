"""`darkroom up`: run the whole system on this machine, from the real template, until Ctrl-C."""

import fcntl
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import httpx
from rich.console import Console

from ops.local import engine as engines
from ops.local import stack
from ops.local.engine import Engine
from ops.local.isolation import isolate_process
from ops.local.patience import Patience, work_of
from ops.problem import Problem

STALL_SECONDS = 60  # without any progress


_UNCLEAN = (
    "The engine did not stop cleanly the last time: uploads that waited in its queues may be lost. "
    "`darkroom reconcile` lists them, and `darkroom reconcile --yes` submits them."
)
# On this machine everybody may look and upload, unless a parameter says otherwise.
LOCAL_PARAMETERS = {"RunsOn": "local", "ViewAccess": "open", "UploadAccess": "open"}


class Stopped(BaseException):
    """Raised on SIGTERM or SIGINT. It is not an Exception, so that no handler of exceptions swallows it."""


def up(folder: Path, port: int, parameters: Mapping[str, str], console: Console, services: Sequence[str] = ()) -> None:
    """Start the engine, build, deploy, print the gallery's address, and stay. Raises Problem.

    It also runs `services`, which have separate stacks (services/, examples/). On SIGINT or SIGTERM the engine stops
    cleanly, so the next start finds pictures and stack.
    """
    isolate_process()
    for name in services:
        stack.service_folder(name)  # A wrong name is reported before anything starts.
    folder.mkdir(parents=True, exist_ok=True)
    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, _stop)
    with _alone(folder):
        engine = Engine(folder, port)
        process: subprocess.Popen[bytes] | None = None
        try:
            engines.await_predecessor(folder)
            lost_nothing = engine.stopped_cleanly
            with _step(console, "engine", f"MiniStack on {engine.url}, IAM enforced"):
                process = engines.start(engine)
            gallery_url = bring_up(engine, process, parameters, console, services)
            _greet(console, gallery_url)
            if not lost_nothing:
                console.print(_UNCLEAN, style="yellow", soft_wrap=True)
            code = process.wait()
            raise Problem("engine-failed", f"The local engine ended by itself (exit {code}). See {engine.log}.")
        except Stopped:
            console.print("\nStopping; the pictures stay for the next run.")
        finally:
            # A second Ctrl-C must not kill the engine while it saves.
            for wanted in (signal.SIGTERM, signal.SIGINT):
                signal.signal(wanted, signal.SIG_IGN)
            if process:
                engines.stop(process)


def bring_up(
    engine: Engine,
    process: subprocess.Popen[bytes],
    parameters: Mapping[str, str],
    console: Console,
    services: Sequence[str] = (),
) -> str:
    """Build and deploy to a running engine, wait until the gallery answers, and return its URL. Raises Problem."""
    templates = [source / "template.yaml" for source in (stack.ROOT, *map(stack.service_folder, services))]
    for name in parameters:
        if not any(stack.declares(template, name) for template in templates):
            raise Problem("bad-parameter", f"No template of these services has a parameter {name}. See template.yaml.")
    settings = {**LOCAL_PARAMETERS, "Architecture": stack.host_architecture(), **parameters}
    bring_up_stack(engine, settings, console)
    for name in services:
        bring_up_stack(engine, settings, console, name)
    cloudformation = engine.session().client("cloudformation", endpoint_url=engine.url)
    gallery_url = engine.gallery_url(stack.outputs(cloudformation, stack.LOCAL_STACK)["ApiId"])
    with _step(console, "gallery", "answers"):
        _await_gallery(gallery_url, Patience(STALL_SECONDS, work_of(process.pid, engine.log)))
    return gallery_url


def bring_up_stack(
    engine: Engine,
    settings: Mapping[str, str],
    console: Console,
    service: str | None = None,
) -> None:
    """Build and deploy Darkroom's own stack or a service's stack. Raises Problem."""
    source = stack.service_folder(service) if service else stack.ROOT
    name = stack.service_stack(service)
    with _step(console, "build", f"sam build{f', {service}' if service else ''}") as note:
        folder = engine.folder / (f"build-{service}" if service else "build")
        built, ran = stack.build(folder, stack.host_architecture(), source)
        note("" if ran else "nothing changed")
    with _step(console, "deploy", f"sam deploy, stack {name}") as note:
        ran = stack.deploy(engine, built, settings, name)
        note("" if ran else "nothing changed")
        if ran:
            engines.save(engine)


def _await_gallery(url: str, patience: Patience) -> None:
    answer = "nothing"
    while not patience.is_over():
        try:
            response = httpx.get(url, timeout=10)
        except httpx.HTTPError as error:
            answer = str(error)
        else:
            if response.is_success or response.status_code == httpx.codes.UNAUTHORIZED:
                return
            answer = f"HTTP {response.status_code}"
        time.sleep(0.1)
    raise Problem(
        "gallery-silent",
        f"The gallery at {url} answered {answer}, and the engine did nothing more for {STALL_SECONDS} s. See its log.",
    )


def curl_line(gallery_url: str) -> str:
    """Return the command line that uploads a file with curl."""
    return f'curl -sX POST "{gallery_url}uploads?name=cat.jpg&as=curl" | curl -K - -F file=@cat.jpg'


def _greet(console: Console, gallery_url: str) -> None:
    console.print()
    console.print(f"Gallery: {gallery_url}", soft_wrap=True, highlight=False)
    console.print(f"Upload:  {curl_line(gallery_url)}", soft_wrap=True, highlight=False)
    console.print("Report:  .venv/bin/darkroom report --html report.html", highlight=False)
    console.print("Ctrl-C stops it and keeps the pictures.", style="dim")


@contextmanager
def _step(console: Console, name: str, what: str) -> Iterator[Callable[[str], None]]:
    started = time.monotonic()
    notes: list[str] = []
    with console.status(f"{name:8} {what}"):
        yield notes.append
    note = f" ({notes[0]})" if notes and notes[0] else ""
    console.print(f"[green]✓[/] {name:8} {what}{note}  [dim]{time.monotonic() - started:.1f} s[/]", highlight=False)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Problem(
                "already-running", f"Darkroom already runs from {folder}. Use it, or stop it with Ctrl-C where it runs."
            ) from error
        yield


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise Stopped
