"""Commands on dead letters end with the right count while letters arrive, in virtual time. The table: bench.letters."""

import pytest
import typer

from bench import letters
from ops import options
from ops.monitoring import status
from ops.recovery import dead_letters, resubmit

LETTERS = 1100  # more than a page of S3's listing
COMMANDS = {command.name: number for number, command in enumerate(letters.commands(LETTERS))}
HIDES_NOTHING = ["list", "list --code timed-out", "status", "reconcile (all have letters)"]


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo the replacements of a measurement."""
    for module in (dead_letters, resubmit, status):
        monkeypatch.setattr(module, "resolve", module.resolve)
    monkeypatch.setattr(typer, "echo", typer.echo)
    # Not `file`: reading that property and setting it again would bind the console to this test's captured stdout.
    monkeypatch.setattr(options.console, "_file", None)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_ends_with_the_right_count_while_letters_arrive(name: str) -> None:
    found = letters.row(letters.commands(LETTERS)[COMMANDS[name]], LETTERS, latency=0.1, arriving=10)
    assert "instead of" not in found.counted
    assert found.seconds < LETTERS / 50 + 10
    if name in HIDES_NOTHING:
        assert found.most_hidden == 0
        assert found.requests < 20
