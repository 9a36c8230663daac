"""The artifact that all tests of it share."""

from pathlib import Path

import pytest

from ops.local import stack
from tests.support.artifact import HOST


@pytest.fixture(scope="session")
def built() -> Path:
    """Build the template, unless it is built already, and return the folder."""
    build, _ = stack.build(stack.ROOT / ".darkroom" / "build", HOST)
    return build.template.parent
