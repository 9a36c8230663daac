"""The entry point of subscribers: it imports the handler, and explains a failed import and an outdated copy."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from shared import contract, start
from tests.support.subscribers import delivering, picture


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package `outside` on the path, into which a test writes modules."""
    (tmp_path / "outside").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path / "outside"
    for name in [name for name in sys.modules if name.startswith("outside")]:
        del sys.modules[name]


def test_a_handler_is_imported_from_its_path(package: Path) -> None:
    (package / "good.py").write_text("def handle(event, context):\n    return {'batchItemFailures': [event]}\n")
    assert start.load("outside.good.handle")({"a": 1}, None) == {"batchItemFailures": [{"a": 1}]}


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("def handle(", "SyntaxError"),
        ("raise ValueError('no table')", "ValueError: no table"),
        ("", "AttributeError"),
    ],
)
def test_a_failed_import_is_logged_and_becomes_a_dead_letter_at_once(
    package: Path, caplog: pytest.LogCaptureFixture, source: str, reason: str
) -> None:
    (package / "bad.py").write_text(source)
    handle = start.load("outside.bad.handle")
    assert "import failed" in caplog.messages
    with delivering() as desk:
        event = desk.announce("anything at all.jpg", picture())
        assert handle(event, desk.context) == {"batchItemFailures": []}
        (letter,) = desk.letters()
    assert letter.code == "import-failed"
    assert f"cannot import outside.bad ({reason}" in letter.sentence


@pytest.mark.parametrize(
    ("darkroom", "warns"), [("1.0.0", False), (contract.VERSION, False), ("1.99.0", True), ("2.0.0", True)]
)
def test_a_copy_older_than_darkroom_is_logged(caplog: pytest.LogCaptureFixture, darkroom: str, warns: bool) -> None:
    with delivering():
        boto3.client("ssm").put_parameter(Name="/darkroom/ContractVersion", Value=darkroom, Type="String")
        start.warn_of_old_copy("/darkroom/ContractVersion")
    assert ("copy outdated" in caplog.messages) is warns


def test_a_missing_contract_parameter_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    with delivering():
        start.warn_of_old_copy("/darkroom/ContractVersion")
    assert caplog.messages == []


def test_metrics_of_a_refused_message_are_sent(package: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (package / "bad.py").write_text("import no_such_package")
    handle = start.load("outside.bad.handle")
    with delivering() as desk:
        handle(desk.announce("a.jpg", picture()), desk.context)
    documents = [json.loads(line) for line in capfd.readouterr().out.splitlines() if "CloudWatchMetrics" in line]
    assert any("UploadsDeadLettered" in document for document in documents)
