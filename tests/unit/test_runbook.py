"""The runbook explains every reason of a dead letter or rejection, and no other."""

import ast
import re
from pathlib import Path

from shared import letters
from tests.support.template import of_type

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "docs/runbook.md").read_text()


def raised() -> set[str]:
    """Return the code of every error that the resizer, the remover or shared code raises."""
    files = [*ROOT.glob("shared/*.py"), *ROOT.glob("functions/resize/**/*.py"), *ROOT.glob("functions/remove/*.py")]
    return {
        node.args[0].value
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"Rejected", "Unavailable", "Outage"}
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


def test_the_runbook_explains_exactly_the_existing_reasons() -> None:
    explained = set(re.findall(r"^(?:### |\| )`([a-z-]+)`", RUNBOOK, re.MULTILINE))
    assert explained == raised() | {letters.UNEXPLAINED, letters.UNDELIVERED}


def test_every_alarm_has_its_section() -> None:
    explained = set(re.findall(r"^### `([A-Z][A-Za-z]+)`", RUNBOOK, re.MULTILINE))
    assert explained == set(of_type("AWS::CloudWatch::Alarm"))
