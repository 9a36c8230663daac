"""Commands on dead letters end with the right count while letters arrive, in virtual time. The table: bench.letters."""

import pytest
import typer

from bench import letters
from ops import options
from ops.monitoring import status
from ops.recovery import dead_letters, resubmit

LETTERS = 2000
COMMANDS = {command.name: number for number, command in enumerate(letters.commands(LETTERS))}
HIDES_NOTHING = ["list", "list --code timed-out", "status", "reconcile (all have letters)"]


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what a measurement replaces."""
    for module in (dead_letters, resubmit, status):
        monkeypatch.setattr(module, "resolve", module.resolve)
    monkeypatch.setattr(typer, "echo", typer.echo)
    monkeypatch.setattr(options.console, "file", options.console.file)


def measured(name: str) -> letters.Row:
    return letters.row(letters.commands(LETTERS)[COMMANDS[name]], LETTERS, latency=0.1, arriving=10)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_ends_with_the_right_count_while_letters_arrive(name: str) -> None:
    found = measured(name)
    assert "instead of" not in found.counted
    assert found.seconds < LETTERS / 50 + 10


@pytest.mark.parametrize("name", HIDES_NOTHING)
def test_a_command_that_only_looks_hides_no_letter_and_sends_few_requests(name: str) -> None:
    found = measured(name)
    assert found.most_hidden == 0
    assert found.requests < 20
