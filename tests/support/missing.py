"""Tests that need something that this machine lacks, such as a browser.

They are skipped with a sentence. The summary of the run counts them by sentence, and the run ends with exit code 1,
because a run without them shows less than it should.
"""

import shutil
from collections import Counter
from pathlib import Path
from typing import NoReturn

import pytest

_LINTERS_NODE = Path(__file__).parents[2] / ".venv-lint" / "bin" / "node"
_MARK = "Missing: "


def missing(sentence: str) -> NoReturn:
    """Leave out the test that calls this, or every test that uses the fixture."""
    pytest.skip(_MARK + sentence)


def node() -> str:
    """Return the path of Node.js: this machine's, or else the linters' own, which `make test` installs."""
    found = shutil.which("node") or str(_LINTERS_NODE)
    return found if Path(found).exists() else missing("There is no Node.js. As root: `apt install nodejs`.")


def left_out(reporter: pytest.TerminalReporter) -> Counter[str]:
    """Return the number of tests that were left out, by the sentence about the missing thing."""
    reasons = [str(report.longrepr[2]).removeprefix("Skipped: ") for report in reporter.stats.get("skipped", [])]
    return Counter(reason.removeprefix(_MARK) for reason in reasons if reason.startswith(_MARK))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if found := left_out(terminalreporter):
        terminalreporter.section("not run, because something is missing on this machine")
        for sentence, tests in found.items():
            terminalreporter.write_line(f"{tests} {'test' if tests == 1 else 'tests'}: {sentence}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")  # only the main process has one
    if reporter and session.exitstatus == pytest.ExitCode.OK and left_out(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
