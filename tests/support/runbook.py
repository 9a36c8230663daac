"""The sections of docs/runbook.md that are about one trouble, and their commands."""

import re
import shlex
from pathlib import Path

RUNBOOK = (Path(__file__).parents[2] / "docs/runbook.md").read_text()
SECTIONS = dict(re.findall(r"^### `([A-Za-z-]+)`\n(.*?)(?=^##|\Z)", RUNBOOK, re.MULTILINE | re.DOTALL))
# The codes that no dead letter has. Their sections are about requests over HTTP.
NEVER_IN_LETTERS = {"access-unavailable", "copies-remain"}


def commands_of(section: str) -> list[list[str]]:
    """Return the `darkroom` commands of a section in their order, with `--yes` where the section says so."""
    prose = " ".join(re.sub(r"```.*?```", "", section, flags=re.DOTALL).split())
    found: list[list[str]] = []
    for command, after in re.findall(r"`darkroom ([^`]+)`(?=(.{0,40}))", prose):
        words = shlex.split(command)
        words = [word for word in words if word not in {"--watch", "--follow"}]
        found.append(words)
        if "the same with" in after:
            found.append([*words, "--yes"])
    return found


def to_run(heading: str, names: dict[str, str]) -> list[list[str]]:
    """Return a section's commands with the operator's `names` in place of ID, REASON and so on.

    `reconcile` also gets uploads of the last minutes. A drop is left out where the section replays, because it is an
    alternative. The caller says which Darkroom it is, so `--stack STACK` is left out.
    """
    commands = commands_of(SECTIONS[heading])
    replays = any(words[:2] == ["dead-letters", "replay"] for words in commands)
    return [
        [names.get(word, word) for word in words if word not in {"--stack", "STACK"}]
        + (["--grace", "0s"] if words[0] == "reconcile" else [])
        for words in commands
        if not (replays and words[:2] == ["dead-letters", "drop"])
    ]
