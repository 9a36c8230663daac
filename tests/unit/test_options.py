"""Options that several commands share."""

import time
from typing import Any

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from ops import options
from ops.cli import app as darkroom
from ops.options import Filters, Pace, flat, print_rows
from ops.target import Place

app = typer.Typer()


@app.command()
@flat
def told(*, what: str, filters: Filters, pace: Pace, place: Place) -> None:
    print(what, filters, pace, place, sep="\n")


def test_options_reach_their_command() -> None:
    given = ["cats", "--code", "crashed", "--id", "a", "--id", "b", "--older-than", "2h", "--yes", "--rate", "7"]
    done = CliRunner().invoke(app, [*given, "--stack", "prod"])
    assert done.exit_code == 0, done.output
    what, filters, pace, place = done.output.splitlines()
    assert what == "cats"
    assert filters == "Filters(code='crashed', prefix=None, older_than='2h', ids=['a', 'b'])"
    assert pace == "Pace(yes=True, rate=7)"
    assert "stack='prod', region=None" in place


def test_missing_options_have_defaults_and_wrong_ones_are_refused() -> None:
    assert str(Pace()) in CliRunner().invoke(app, ["cats"]).output
    assert CliRunner().invoke(app, ["cats", "--rate", "0"]).exit_code == 2


def test_a_long_list_is_shortened_and_names_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(["name"], [[f"[red]{number}"] for number in range(25)])
    printed = capsys.readouterr().out
    assert "[red]19" in printed
    assert "[red]20" not in printed
    assert "and 5 more" in printed


def test_items_keep_their_rate_after_short_delays_and_never_rush_after_long_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    times = []
    for number in options.paced(range(100), per_second=50):
        times.append(now[0])
        now[0] += 0.1 if number == 20 else 10 if number == 50 else 0.0
    assert times[20] == pytest.approx(20 / 50)
    assert times[40] == pytest.approx(40 / 50)  # The items catch up on a delay of 0.1 s.
    after = [at - times[51] for at in times[51:]]
    assert after[options.BURST + 10] == pytest.approx(10 / 50)  # They do not catch up on a long delay.


# They print a list, or the facts about one thing.
LISTING = [
    "corpus", "cost", "dead-letters list", "dead-letters outcome", "dead-letters show", "doctor", "invitations", "logs",
    "preflight", "reconcile", "rejections list", "rejections show", "report", "rerender", "smoke", "status", "trace",
    "uninstall", "upload",
]  # fmt: skip


@pytest.mark.parametrize("name", LISTING)
def test_a_listing_command_prints_json_on_request(name: str) -> None:
    command: Any = get_command(darkroom)
    for word in name.split():
        command = command.commands[word]
    assert any("--json" in parameter.opts for parameter in command.params)


@pytest.mark.parametrize(
    ("typed", "completed"), [("dead", "dead-letters"), ("dead-letters re", "replay"), ("rend", "")]
)
def test_the_shell_completes_commands(typed: str, completed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["darkroom", *typed.split()]
    monkeypatch.setenv("_DARKROOM_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", " ".join(words))
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    assert CliRunner().invoke(darkroom, [], prog_name="darkroom").stdout.strip() == completed
