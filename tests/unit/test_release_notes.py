"""A release has the notes of exactly its version."""

import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops.cli import app
from ops.develop.release_notes import notes

ROOT = Path(__file__).parents[2]
CHANGELOG = "# Changelog\n\n## Unreleased\n\n- Next.\n\n## 1.2.0, 2026-12-01\n\n- Second.\n- Third.\n\n## 1.1.0\n\n"


def test_the_notes_are_the_section_of_the_version() -> None:
    assert notes(CHANGELOG, "1.2.0", "v1.2.0") == "- Second.\n- Third.\n"


@pytest.mark.parametrize(
    ("project", "tag", "says"),
    [
        ("1.2.0", "v1.2.1", "pyproject.toml has version 1.2.0"),
        ("1.3.0", "v1.3.0", "has no section `## 1.3.0`"),
        ("1.1.0", "v1.1.0", "with something in it"),
        ("1.2", "v1.2", "no section"),
    ],
)
def test_a_tag_that_does_not_agree_is_no_release(project: str, tag: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        notes(CHANGELOG, project, tag)


def test_the_version_option_prints_the_version_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert CliRunner().invoke(app, ["--version"]).output == f"{project['version']}\n"


def test_the_released_versions_have_notes() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert notes(changelog, "0.1.0", "v0.1.0")
