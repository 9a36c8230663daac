"""Every command of docs/add-a-subscriber.md, in order, in a fresh checkout."""

import re
from pathlib import Path

import pytest

from ops.local.engine import Engine
from tests.support.deployed import stack_on, until
from tests.support.ports import free_port
from tests.support.uploads import picture
from tests.support.workshop import ROOT, Workshop, make_workshop

COMMANDS = re.findall(r"(?s)```sh\n(.*?)\n```", (ROOT / "docs" / "add-a-subscriber.md").read_text())


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    made = make_workshop(tmp_path / "project")
    (made.root / "cat.jpg").write_bytes(picture())
    return made


def test_every_command_of_the_tutorial(workshop: Workshop) -> None:
    before, up, after = _around(COMMANDS, ".venv/bin/darkroom up ")
    printed = [workshop.run("sh", "-c", command) for command in before]
    assert "wrote services/tally/handler.py" in printed[0]
    assert printed[1].splitlines() == ["?? cat.jpg", "?? services/tally/"]

    port = free_port()
    with workshop.up("--port", str(port), *up.split()[2:]) as greeting:
        (url,) = re.findall(r"Gallery: (\S+)", greeting)
        printed = [workshop.run("sh", "-c", command) for command in after]
        assert "1 of 1 uploaded" in printed[0]
        assert "No dead letters." in printed[1]
        assert "0 replayed." in printed[2]
        assert "passed" in printed[3]
        assert "Built" in printed[4]
        stack = stack_on(Engine(workshop.root / ".darkroom", port), url)
        until(lambda: stack.log_lines("darkroom-tally", "tally done"), "`tally done` in its log")
    assert workshop.run("git", "status", "--short").splitlines() == ["?? cat.jpg", "?? services/tally/"]


def _around(commands: list[str], marker: str) -> tuple[list[str], str, list[str]]:
    (at,) = [number for number, command in enumerate(commands) if command.startswith(marker)]
    return commands[:at], commands[at], commands[at + 1 :]
