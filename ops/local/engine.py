"""The local engine: MiniStack on loopback, with IAM enforcement on and its state in one folder."""

import contextlib
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import boto3
import httpx

from ops.local.isolation import isolate_process, isolated
from ops.local.patience import Patience, work_of
from ops.local.processes import command_of
from ops.problem import Problem

REGION = "us-east-1"
STALL_SECONDS = 60  # without any progress
STOP_SECONDS = 60
# MiniStack accepts any well-formed key of the account's root. Its documentation uses this one.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine: the folder with its state, and its port on 127.0.0.1."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def saved_mark(self) -> Path:
        """The file that appears when the engine has saved its state on request."""
        return self.folder / "state" / "saved"

    @property
    def stopped_mark(self) -> Path:
        """The file that appears when the engine has stopped cleanly."""
        return self.folder / "state" / "stopped"

    @property
    def stopped_cleanly(self) -> bool:
        """Returns whether the last engine with this state saved it. True also for a new engine."""
        return self.stopped_mark.exists() or not (self.folder / "state" / "port").exists()

    @property
    def log(self) -> Path:
        return self.folder / "engine.log"

    def client_environment(self) -> dict[str, str]:
        """Return the environment in which every AWS tool talks to this engine and to nothing else."""
        return isolated(os.environ) | CREDENTIALS | {"AWS_ENDPOINT_URL": self.url, "AWS_DEFAULT_REGION": REGION}

    def session(self) -> boto3.Session:
        """Make a boto3 session as the account's root. Give its clients `endpoint_url=engine.url`."""
        isolate_process()
        return boto3.Session(
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )

    def gallery_url(self, api_id: str) -> str:
        """Return the URL at which the engine serves an HTTP API."""
        return f"{self.url}/_aws/execute-api/{api_id}/"


def start(engine: Engine) -> subprocess.Popen[bytes]:
    """Start the engine and wait until it answers.

    The engine has its own session, so that Ctrl-C reaches only this process, which then stops the engine in order.
    Raises Problem (`port-taken`, `port-refused`, `no-loopback`, `engine-failed`).
    """
    refuse_taken_port(engine.port)
    _discard(engine.folder / "tmp")
    for name in ("state", "s3", "tmp"):
        (engine.folder / name).mkdir(parents=True, exist_ok=True)
    _move_to_port(engine)
    engine.stopped_mark.unlink(missing_ok=True)
    environment = engine.client_environment() | {
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(engine.port),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(engine.folder / "state"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(engine.folder / "s3"),
        "DARKROOM_SAVED_MARK": str(engine.saved_mark),
        "DARKROOM_STOPPED_MARK": str(engine.stopped_mark),
        "TMPDIR": str(engine.folder / "tmp"),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "PYTHONNOUSERSITE": "1",
    }
    with engine.log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ops.local.engine_process"],
            env=environment,
            cwd=Path(__file__).parents[2],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    patience = Patience(STALL_SECONDS, work_of(process.pid, engine.log))
    while not _answers(engine):
        if process.poll() is not None or patience.is_over():
            stop(process)
            raise Problem("engine-failed", f"The local engine did not start. Its last words are in {engine.log}.")
        time.sleep(0.05)
    _running_file(engine.folder).write_text(json.dumps({"port": engine.port, "pid": process.pid}))
    return process


def refuse_taken_port(port: int) -> None:
    """Raise Problem if the engine cannot listen on this port (`port-taken`, `port-refused`, `no-loopback`)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError as error:
            raise Problem(
                "port-refused", f"This machine lets only root listen on port {port}. Choose one above 1023."
            ) from error
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise Problem(
                    "no-loopback", "This machine has no 127.0.0.1. Enable IPv4 on its loopback interface and try again."
                ) from error
            raise Problem(
                "port-taken",
                f"Port {port} is in use by another program. Choose another one: `make run PORT={port + 1}`.",
            ) from error


def _move_to_port(engine: Engine) -> None:
    # The engine's saved state has queue URLs with its port. With another port it would feed no function.
    noted = engine.folder / "state" / "port"
    before = noted.read_text() if noted.exists() else str(engine.port)
    if before != str(engine.port):
        for file in (engine.folder / "state").glob("*.json"):
            file.write_text(file.read_text().replace(f":{before}/", f":{engine.port}/"))
    noted.write_text(str(engine.port))


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop the engine, which saves its state first. Kill it if it has not stopped after STOP_SECONDS."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def save(engine: Engine) -> None:
    """Make the engine write its state now, so that even a kill loses no stack. Raises Problem (`engine-failed`)."""
    pid = int(json.loads(_running_file(engine.folder).read_text())["pid"])
    engine.saved_mark.unlink(missing_ok=True)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGUSR1)
    patience = Patience(STOP_SECONDS, work_of(pid, engine.log))
    while not engine.saved_mark.exists():
        if not _is_engine(pid) or patience.is_over():
            raise Problem("engine-failed", f"The local engine did not save its state. See {engine.log}.")
        time.sleep(0.05)


def running(folder: Path) -> Engine | None:
    """Find the engine that runs with its state in `folder`. None if there is none."""
    try:
        noted = json.loads(_running_file(folder).read_text())
        engine = Engine(folder, int(noted["port"]))
    except (OSError, ValueError, KeyError):
        return None
    return engine if _answers(engine) else None


def await_predecessor(folder: Path) -> None:
    """Wait until an engine without a parent has saved its state. Kill it if that takes too long."""
    try:
        pid = int(json.loads(_running_file(folder).read_text())["pid"])
    except (OSError, ValueError, KeyError):
        return
    deadline = time.monotonic() + STOP_SECONDS
    while _is_engine(pid):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
    _running_file(folder).unlink(missing_ok=True)


def _discard(folder: Path) -> None:
    # An earlier run unpacked thousands of files per function process. They are removed in the background.
    with contextlib.suppress(FileNotFoundError):
        folder.rename(folder.with_name(f"{folder.name}-{time.time_ns()}"))
    old = [str(found) for found in folder.parent.glob(f"{folder.name}-*")]
    if old:
        subprocess.Popen(["rm", "-rf", *old], stdin=subprocess.DEVNULL, start_new_session=True)


def _running_file(folder: Path) -> Path:
    return folder / "engine.json"


def _is_engine(pid: int) -> bool:
    return "ops.local.engine_process" in command_of(pid)


def _answers(engine: Engine) -> bool:
    try:
        return httpx.get(f"{engine.url}/_ministack/health", timeout=2).is_success
    except httpx.HTTPError:
        return False
