"""Options of the whole test suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--events", metavar="FOLDER", help="Also hold AWS's sample events (*.json) against the contract.")
