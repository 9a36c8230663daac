"""The set-up's messages on a machine without Python or without a network."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[2] / "ops" / "setup.sh"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a folder with the set-up and a `bin` with the usual commands, but without Python."""
    (tmp_path / "ops").mkdir()
    shutil.copy(SETUP, tmp_path / "ops")
    (tmp_path / "bin").mkdir()
    for tool in ("sh", "dirname", "rm", "touch", "id"):
        found = shutil.which(tool)
        assert found
        (tmp_path / "bin" / tool).symlink_to(found)
    return tmp_path


def set_up(clone: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", clone / "ops" / "setup.sh"],
        env={"PATH": str(clone / "bin"), "HOME": str(clone), **environment},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_set_up_without_python_names_the_version_to_install(clone: Path) -> None:
    done = set_up(clone)
    assert done.returncode == 1
    assert done.stderr.endswith(
        "No Python 3.10 or later was found. Install one (python.org, or your package manager) and try again.\n"
    )


def test_set_up_without_a_network_says_so(clone: Path) -> None:
    (clone / "bin" / "python3").symlink_to(sys.executable)
    nowhere = "http://127.0.0.1:9/simple"
    done = set_up(clone, PIP_INDEX_URL=nowhere, PIP_RETRIES="0", PIP_CONFIG_FILE="/dev/null")
    assert done.returncode == 1
    assert done.stderr.endswith("Connect to the network and try again.\n")
