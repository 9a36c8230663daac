"""Prints a version's section of CHANGELOG.md: `python -m ops.develop.release_notes v1.2.3`. Needs no packages."""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def notes(changelog: str, project_version: str, tag: str) -> str:
    """Returns the section of the tag's version. Raises ValueError if tag, project and changelog differ in it."""
    wanted = tag.removeprefix("v")
    if wanted != project_version:
        raise ValueError(f"the tag is {tag}, and pyproject.toml has version {project_version}")
    section = re.search(
        rf"^## {re.escape(wanted)}(?![\w.])[^\n]*\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL
    )
    if not section or not section[1].strip():
        raise ValueError(f"CHANGELOG.md has no section `## {wanted}` with something in it")
    return section[1].strip() + "\n"


def main(tag: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    try:
        print(notes((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), project["version"], tag), end="")
    except ValueError as error:
        sys.exit(f"No release: {error}. Cut the release as docs/operate.md says, then tag it.")


if __name__ == "__main__":
    main(sys.argv[1])
