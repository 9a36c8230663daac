"""`darkroom logs`: filters, the output for scripts, and following."""

import json
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from typer.testing import CliRunner

from ops import options
from ops.cli import app
from ops.monitoring import follow
from ops.monitoring.logs import LogLine, parse

CAT, DOG = "7ybqx6ccn4hqm60deqyt6crqr5", "7ybqx6ccn4hqm60deqyt6crqr6"


def line(seconds: int, image_id: str, service: str = "resize", level: str = "INFO", **fields: Any) -> LogLine:
    at = datetime.now(UTC) + timedelta(seconds=seconds)
    told = {"timestamp": at.isoformat(), "service": service, "level": level, "message": "upload resized"}
    return parse([json.dumps(told | {"image_id": image_id} | fields)])[0]


LINES = [line(-3, CAT), line(-2, DOG, "ingest", "WARNING", message="odd [red]"), line(-1, CAT, "list", "ERROR")]


@pytest.fixture(autouse=True)
def _logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "resolve", lambda _: None)
    monkeypatch.setattr(follow, "lines", lambda *_: LINES)
    monkeypatch.setattr(options.console, "width", 200)


def logs(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["logs", *arguments])
    assert done.exit_code == code, done.output
    return done.output


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ([], [0, 1, 2]),
        (["--id", CAT], [0, 2]),
        (["--id", DOG], [1]),
        (["--service", "list"], [2]),
        (["--level", "WARNING"], [1, 2]),
        (["--level", "error"], [2]),
        (["--level", "WARNING", "--service", "resize"], []),
    ],
)
def test_lines_are_filtered_by_id_service_and_level(filters: list[str], wanted: list[int]) -> None:
    printed = logs("--json", *filters).splitlines()
    assert [json.loads(one) for one in printed] == [LINES[number].fields for number in wanted]


def test_lines_for_people_have_no_colours_off_a_terminal_and_no_markup() -> None:
    printed = logs()
    assert "\x1b" not in printed
    assert "WARNING odd [red] ingest" in printed


def test_a_level_that_does_not_exist_is_a_usage_error() -> None:
    assert "The levels are: INFO, WARNING, ERROR." in " ".join(logs("--level", "LOUD", code=2).replace("│", "").split())


def test_following_prints_each_line_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([LINES[:1], LINES[:2], LINES[:2], LINES])
    monkeypatch.setattr(follow, "FOLLOW_SECONDS", 0)
    monkeypatch.setattr(follow, "lines", lambda *_: next(looks))
    assert list(islice(follow.new_lines(None, datetime.now(UTC)), 3)) == LINES  # type: ignore[arg-type]
