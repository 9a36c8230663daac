"""The commands of the runbook's other parts run as they are written. Troubles: tests/unit/test_runbook_troubles.py."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops import options
from ops.cli import app
from ops.monitoring import follow, report, status, trace
from ops.monitoring.logs import LogLine, parse
from ops.recovery import dead_letters, letter_details, rejections, resubmit
from shared.events import Upload
from shared.keys import rejection_key, upload_key
from tests.support.letters import AT, Place

RUNBOOK = (Path(__file__).parents[2] / "docs/runbook.md").read_text()


def sections() -> Iterator[tuple[str, str]]:
    """Yield each section of the runbook with its commands."""
    for part in re.split(r"^(?=###? )", RUNBOOK, flags=re.MULTILINE):
        heading = part.partition("\n")[0].strip("# `")
        for command in re.findall(r"`darkroom ([^`]+)`", re.sub(r"```.*?```", "", part, flags=re.DOTALL)):
            # `doctor` looks at this machine: tests/unit/test_doctor.py.
            if command != "doctor" and not part.startswith("### "):
                yield heading, " ".join(command.split())


CASES = sorted(set(sections()))


@pytest.fixture
def trouble(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Place, str]:
    """A Darkroom with a letter of the section's reason, a rejection, a lost upload and log lines; and an image id."""
    heading: str = request.param
    place = Place()
    code = heading if re.fullmatch("[a-z-]+", heading) else "crashed"
    image_id = place.bury(1, code)
    for number, name in ((1, "cat.jpg"), (2, "lost.jpg")):
        place.s3.put("uploads", upload_key(f"7ybqx{number:021}", name))
    refused = Upload("uploads", upload_key(f"7ybqx{3:021}", "poem.jpg"), "e" * 32, 1, AT)
    record = {"code": "not-an-image", "sentence": "No.", "name": "poem.jpg", "rejected_at": AT.isoformat()}
    record |= {"event": refused.as_event()}  # type: ignore[dict-item]
    place.s3.put("resized", rejection_key(refused.image.id), json.dumps(record).encode())
    for module in (dead_letters, rejections, resubmit, status, report, trace, follow):
        monkeypatch.setattr(module, "resolve", lambda _: place.target())
    told = {"timestamp": AT.isoformat(), "service": "resize", "level": "ERROR", "message": "dead letter sent"}
    told |= {"image_id": image_id, "code": code, "sentence": "Because.", "message_id": "m1"}
    logged: list[LogLine] = parse([json.dumps(told)])
    for module in (report, trace, follow):
        monkeypatch.setattr(module, "lines", lambda *_: logged)
    monkeypatch.setattr(letter_details, "log_lines", lambda *_: [])
    monkeypatch.setattr(options.console, "width", 200)
    monkeypatch.chdir(tmp_path)
    return place, image_id


@pytest.mark.parametrize(
    ("trouble", "command"), CASES, indirect=["trouble"], ids=[f"{heading}: {command}" for heading, command in CASES]
)
def test_a_command_of_the_runbook_runs_as_written(
    trouble: tuple[Place, str], command: str, request: pytest.FixtureRequest
) -> None:
    place, image_id = trouble
    heading = request.node.callspec.params["trouble"]
    reason = "not-an-image" if command.startswith("rejections") else heading
    words = [
        {
            "ID": image_id,
            "IMAGE_ID": image_id,
            "REASON": reason if "-" in reason or reason.islower() else "crashed",
        }.get(word, word)
        for word in shlex.split(command)
    ]
    words = [word for word in words if word not in {"--watch", "--follow"}]
    if words[:2] == ["dead-letters", "outcome"]:
        CliRunner().invoke(app, ["dead-letters", "replay", "--all", "--yes"])
    if words[0] == "reconcile":
        words += ["--grace", "0s"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == (3 if words[0] == "reconcile" and "--yes" not in words else 0), done.output
    work, dead = place.sqs.queue("work"), place.sqs.queue("dead")
    if words[:2] == ["dead-letters", "replay"] and "--yes" in words:
        assert (len(work.bodies()), dead.bodies()) == (1, [])
    elif words[:2] == ["dead-letters", "drop"] and "--yes" in words:
        assert (work.bodies(), dead.bodies()) == ([], [])
    elif words[0] == "dead-letters" and words[1] != "outcome":
        assert len(dead.visible) == 1
    elif words[:2] == ["rejections", "replay"] and "--yes" in words:
        assert len(work.bodies()) == 1


def test_each_reason_of_a_dead_letter_names_a_command_that_ends_it() -> None:
    reasons = RUNBOOK[RUNBOOK.index("## Reasons of dead letters") : RUNBOOK.index("## Reasons of rejections")]
    for section in reasons.split("\n### ")[1:]:
        if "never in a dead letter" in " ".join(section.split()):
            continue
        assert "dead-letters replay" in section or "dead-letters drop" in section or "treat it as `crashed`" in section
