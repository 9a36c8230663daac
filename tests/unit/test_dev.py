"""`darkroom dev` prints a failed build and goes on, and prints each log line once."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from ops.develop import dev
from ops.local.engine import Engine
from ops.problem import Problem


def test_a_failed_build_is_printed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*_: Any) -> None:
        raise Problem("build-failed", "`sam build` failed: no such package.")

    monkeypatch.setattr("ops.local.stack.build", fail)
    out = StringIO()
    dev.deploy(Engine(tmp_path, 4566), "webhook", {}, Console(file=out))
    assert "build-failed: `sam build` failed: no such package." in out.getvalue()


def test_a_deployment_is_printed_and_saved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    done: list[str] = []
    monkeypatch.setattr("ops.local.stack.build", lambda *_: ("built", True))
    monkeypatch.setattr("ops.local.stack.deploy", lambda *arguments: done.append(arguments[-1]))
    monkeypatch.setattr("ops.local.engine.save", lambda _engine: done.append("saved"))
    out = StringIO()
    dev.deploy(Engine(tmp_path, 4566), "webhook", {}, Console(file=out))
    assert done == ["darkroom-webhook", "saved"]
    assert "deployed darkroom-webhook" in out.getvalue()


class Logs:
    """Answers with the lines so far, or as a log group that does not exist."""

    def __init__(self) -> None:
        self.lines: list[str] | None = None

    def filter_log_events(self, **_: Any) -> dict[str, Any]:
        if self.lines is None:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "FilterLogEvents")
        return {"events": [{"eventId": str(number), "message": line} for number, line in enumerate(self.lines)]}


def line(message: str) -> str:
    return json.dumps({"timestamp": "2026-11-26T12:00:00Z", "service": "tally", "level": "INFO", "message": message})


def test_each_line_is_read_once() -> None:
    logs: Any = Logs()
    follower = dev.Follower(logs, "/aws/lambda/darkroom-tally")
    assert list(follower.fresh()) == []
    logs.lines = [line("one"), "START RequestId: 1"]
    assert [found.message for found in follower.fresh()] == ["one"]
    logs.lines.append(line("two"))
    assert [found.message for found in follower.fresh()] == ["two"]


def test_without_a_running_darkroom_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(Problem) as raised:
        dev.dev(tmp_path, "webhook", {}, Console(file=StringIO()))
    assert raised.value.code == "not-running"
