"""A test run on a machine that lacks a browser names it, counts the tests that were left out, and fails."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFTEST = """
import pytest
from tests.support.missing import missing, pytest_sessionfinish, pytest_terminal_summary

@pytest.fixture(scope="session")
def browser():
    missing("There is no browser.")
"""
TESTS = """
def test_without(): pass
def test_one(browser): pass
def test_two(browser): pass
"""


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_page.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), *options]
    return subprocess.run(
        [*command, str(folder)], capture_output=True, text=True, check=False, cwd=folder, env={"PYTHONPATH": str(ROOT)}
    )


@pytest.mark.parametrize("options", [[], ["--numprocesses=2"]], ids=["in one process", "in two processes"])
def test_tests_that_need_what_is_missing_are_left_out_and_counted(tmp_path: Path, options: list[str]) -> None:
    done = run(tmp_path, *options)
    assert done.returncode == 1, done.stdout
    assert "2 tests: There is no browser." in done.stdout
    assert "1 passed, 2 skipped" in done.stdout


def test_a_run_that_lacks_nothing_passes(tmp_path: Path) -> None:
    done = run(tmp_path, "-k", "without")
    assert done.returncode == 0, done.stdout
    assert "missing" not in done.stdout
