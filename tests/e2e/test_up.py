"""`darkroom up` from the command line: it starts, keeps the pictures, and explains why it cannot start."""

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ops.local.processes import command_of
from tests.support.deployed import DARKROOM, until
from tests.support.ports import free_port
from tests.support.uploads import picture

STARTS_SECONDS = 240


class Run:
    """One `darkroom up` and its output so far."""

    def __init__(self, folder: Path, port: int, **environment: str) -> None:
        folder.mkdir(exist_ok=True)
        self.log = folder / "said.log"
        with self.log.open("w") as out:
            self.process = subprocess.Popen(
                [DARKROOM, "up", "--folder", str(folder), "--port", str(port)],
                stdout=out,
                stderr=subprocess.STDOUT,
                env=os.environ | environment,
            )

    def gallery(self) -> str:
        """Wait for the gallery's address in the output and return it."""

        def told() -> str | None:
            assert self.process.poll() is None, self.log.read_text()
            found = re.search(r"^Gallery: (\S+)$", self.log.read_text(), re.MULTILINE)
            return found[1] if found else None

        return until(told, "line `Gallery: URL`", STARTS_SECONDS) or ""

    def has_done(self, stage: str) -> None:
        """Wait until a stage of the start is over."""
        until(lambda: f"✓ {stage}" in self.log.read_text(), f"end of the stage {stage}", STARTS_SECONDS)

    def ends(self, signal_number: int) -> int:
        self.process.send_signal(signal_number)
        return self.process.wait(60)


def hostile(folder: Path) -> dict[str, str]:
    """Return the environment of a machine whose AWS configuration and proxies lead elsewhere."""
    (folder / ".aws").mkdir(exist_ok=True)
    elsewhere = "[default]\nignore_configured_endpoint_urls = true\nendpoint_url = http://127.0.0.1:9\n"
    (folder / ".aws" / "config").write_text(elsewhere)
    proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:9")
    away = {"AWS_CONFIG_FILE": str(folder / ".aws" / "config"), "AWS_PROFILE": "missing"}
    return {"HOME": str(folder), "NO_PROXY": "", "no_proxy": ""} | proxies | away


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "state"
    # An engine without its parent process stops by itself. Wait, so that it does not outlive the test.
    until(lambda: not engine_pid(tmp_path / "state"), "end of the engine")


def engine_pid(folder: Path) -> int:
    """Return the process id of the engine that runs in a folder, or 0."""
    noted = folder / "engine.json"
    pid: int = json.loads(noted.read_text())["pid"] if noted.exists() else 0
    return pid if pid and "engine" in command_of(pid) else 0


def names(gallery: str) -> list[str]:
    return [image["name"] for image in httpx.get(f"{gallery}images").json()["images"]]


def upload(gallery: str, name: str) -> None:
    body = picture()
    ticket = httpx.post(f"{gallery}uploads", json={"name": name, "size": len(body)}).json()
    assert httpx.post(ticket["url"], data=ticket["fields"], files={"file": body}).status_code == 204
    until(lambda: Path(name).stem in names(gallery), f"{name} in the gallery")


@pytest.mark.nightly
def test_pictures_survive_a_stop_and_a_kill(folder: Path) -> None:
    port = free_port()
    for stage in ("engine", "build"):
        killed = Run(folder, port)
        killed.has_done(stage)
        killed.ends(signal.SIGKILL)

    killed = Run(folder, port)
    deploys = folder / "deploy.log"
    until(lambda: deploys.exists() and "CREATE_IN_PROGRESS" in deploys.read_text(), "begun deployment", STARTS_SECONDS)
    killed.ends(signal.SIGKILL)

    first = Run(folder, port)
    gallery = first.gallery()
    assert "| curl -K - -F file=@cat.jpg" in first.log.read_text()
    upload(gallery, "before the kill.jpg")

    # Kill both at once, as in a power failure: no process can save anything.
    os.killpg(engine_pid(folder), signal.SIGKILL)
    first.ends(signal.SIGKILL)

    second = Run(folder, port, **hostile(folder))
    assert second.gallery() == gallery
    until(lambda: "uploads that waited in its queues may be lost" in second.log.read_text(), "word of what may be lost")
    status = subprocess.run(
        [DARKROOM, "status", "--json", "--folder", str(folder)], capture_output=True, env=os.environ | hostile(folder),
        check=False,
    )  # fmt: skip
    assert status.returncode == 0, status.stderr
    assert names(gallery) == ["before the kill"]
    upload(gallery, "after it.jpg")
    assert second.ends(signal.SIGTERM) == 0

    third = Run(folder, port)
    assert third.gallery() == gallery
    assert names(gallery) == ["after it", "before the kill"]
    assert "nothing changed" in third.log.read_text()
    assert "may be lost" not in third.log.read_text()

    # Only `darkroom up` is killed. The engine notices, saves and stops, and the next start waits for it.
    upload(gallery, "orphaned.jpg")
    third.ends(signal.SIGKILL)
    fourth = Run(folder, port)
    assert fourth.gallery() == gallery
    assert names(gallery) == ["orphaned", "after it", "before the kill"]
    assert fourth.ends(signal.SIGINT) == 0


def test_another_port_serves_the_same_pictures(folder: Path) -> None:
    first = Run(folder, free_port())
    upload(first.gallery(), "here.jpg")
    assert first.ends(signal.SIGTERM) == 0
    second = Run(folder, free_port())
    gallery = second.gallery()
    upload(gallery, "there.jpg")
    assert names(gallery) == ["there", "here"]
    assert second.ends(signal.SIGTERM) == 0


def test_a_second_darkroom_in_the_same_folder_is_refused(folder: Path) -> None:
    running = Run(folder, free_port())
    try:
        until(lambda: (folder / "engine.json").exists(), "engine")
        second = subprocess.run(
            [DARKROOM, "up", "--folder", str(folder), "--port", str(free_port())],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert second.returncode == 1
        assert second.stderr.startswith("already-running: Darkroom already runs from")
    finally:
        assert running.ends(signal.SIGTERM) == 0


def test_a_taken_port_is_reported_with_a_free_one(folder: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = subprocess.run(
            [DARKROOM, "up", "--folder", str(folder), "--port", str(port)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(f"port-taken: Port {port} is in use by another program.")
    assert f"make run PORT={port + 1}" in done.stderr
