"""Options of the whole test suite, and its summary."""

import pytest

from tests.support.missing import pytest_sessionfinish, pytest_terminal_summary

__all__ = ["pytest_sessionfinish", "pytest_terminal_summary"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--stack", metavar="NAME", help="Run the end-to-end tests on this stack on AWS. It must be empty.")
    parser.addoption("--region", metavar="REGION", help="The region of --stack, if not your default one.")
    parser.addoption("--events", metavar="FOLDER", help="Also hold AWS's sample events (*.json) against the contract.")
