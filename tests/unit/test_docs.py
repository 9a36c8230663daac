"""The documents name only files, functions and settings that exist, and every link leads somewhere."""

import re
from functools import cache
from pathlib import Path
from subprocess import run

import pytest

ROOT = Path(__file__).parents[2]
# The tutorial's service and a new decision: paths that the documents tell the reader to create.
CREATED_BY_READERS = re.compile("tally|DATE-NAME")
# Names of other projects' functions and of things that a decision says do not exist (any more).
FOREIGN = {
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
    "set_blocks_max",
}


@cache
def tracked() -> tuple[str, ...]:
    """Return the path of every file in the repository."""
    listed = run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(listed.splitlines())


@cache
def words_in_code() -> frozenset[str]:
    """Return every word in code, templates, settings and names of files."""
    files = [ROOT / name for name in tracked() if not name.endswith((".md", ".lock", ".png", ".json"))]
    text = "\n".join(file.read_text(errors="replace") for file in files if file.name != "test_docs.py")
    text += "\n".join(tracked())
    return frozenset(re.findall(r"\w+", text))


def documents() -> list[str]:
    """Return the documents that describe the present. A superseded decision may name code that is gone."""
    names = [name for name in tracked() if name.endswith(".md") and not name.startswith("bench/results")]
    return [name for name in names if "\nStatus: superseded" not in (ROOT / name).read_text()]


DOCUMENTS = documents()


def quoted(text: str) -> list[str]:
    """Return the words in backticks."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_code_names_in_a_document_exist(name: str) -> None:
    """Checks names that can only be code: with an underscore, a call's parentheses, or a dotted module path."""
    found = {
        word
        for quote in quoted((ROOT / name).read_text())
        for word in re.findall(r"(?<![\w./-])_?[A-Za-z]\w*_\w+(?![\w/-])|(?<![\w./-])_[a-z]\w+|\w+(?=\(\))", quote)
    }
    assert found - words_in_code() - FOREIGN == set()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_paths_in_a_document_exist(name: str) -> None:
    folders = {path.split("/")[0] for path in tracked() if "/" in path}
    for quote in quoted((ROOT / name).read_text()):
        if re.fullmatch(r"[\w.-]+(/[\w.-]+)*/?", quote) and quote.split("/")[0] in folders and "/" in quote:
            assert CREATED_BY_READERS.search(quote) or (ROOT / quote).exists(), quote


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_in_a_document_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", (ROOT / name).read_text()):
        if "://" in target or target.startswith(("#", "mailto:")):
            continue
        file, _, anchor = target.partition("#")
        found = (ROOT / name).parent / file
        assert found.exists(), target
        if anchor and found.suffix == ".md":
            titles = re.findall(r"^#+ (.+)$", found.read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
            assert anchor in anchors, target
