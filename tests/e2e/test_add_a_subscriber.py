"""Every command of docs/add-a-subscriber.md, in order, in a fresh checkout. With `-s` it prints how long each takes."""

import re
import time
from pathlib import Path

import pytest

from ops.local.engine import Engine
from tests.support.deployed import stack_on, until
from tests.support.ports import free_port
from tests.support.uploads import picture
from tests.support.workshop import ROOT, Workshop, make_workshop

COMMANDS = re.findall(r"(?s)```sh\n(.*?)\n```", (ROOT / "docs" / "add-a-subscriber.md").read_text())

pytestmark = pytest.mark.nightly


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    made = make_workshop(tmp_path / "project")
    (made.root / "cat.jpg").write_bytes(picture())
    return made


def test_every_command_of_the_tutorial(workshop: Workshop) -> None:
    before, up, after = _around(COMMANDS, ".venv/bin/darkroom up ")
    printed = [timed(workshop, command) for command in before]
    assert "wrote services/tally/handler.py" in printed[0]
    assert printed[1].splitlines() == ["?? cat.jpg", "?? services/tally/"]

    port, started = free_port(), time.monotonic()
    with workshop.up("--port", str(port), *up.split()[2:]) as greeting:
        (url,) = re.findall(r"Gallery: (\S+)", greeting)
        print(f"{time.monotonic() - started:6.1f} s  {up}")
        printed = [timed(workshop, command) for command in after]
        assert "1 of 1 uploaded" in printed[0]
        assert "No dead letters." in printed[1]
        assert "0 replayed." in printed[2]
        assert "passed" in printed[3]
        assert "Built" in printed[4]
        stack = stack_on(Engine(workshop.root / ".darkroom", port), url)
        until(lambda: stack.log_lines("darkroom-tally", "tally done"), "`tally done` in its log")
    assert workshop.run("git", "status", "--short").splitlines() == ["?? cat.jpg", "?? services/tally/"]


def timed(workshop: Workshop, command: str) -> str:
    """Run a command as a person types it, and print its time; return its output."""
    started = time.monotonic()
    printed = workshop.run("sh", "-c", command)
    print(f"{time.monotonic() - started:6.1f} s  {command}")
    return printed


def _around(commands: list[str], marker: str) -> tuple[list[str], str, list[str]]:
    (at,) = [number for number, command in enumerate(commands) if command.startswith(marker)]
    return commands[:at], commands[at], commands[at + 1 :]
