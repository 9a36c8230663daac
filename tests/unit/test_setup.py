"""The set-up's sentences on a machine that lacks something. Each test runs scripts/setup.sh with another PATH."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[2] / "scripts" / "setup.sh"
NOWHERE = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": "/dev/null"}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a folder with the set-up and a `bin` with the usual commands, but without Python."""
    folder = tmp_path / "Mein Ordner äöü"
    (folder / "scripts").mkdir(parents=True)
    shutil.copy(SETUP, folder / "scripts")
    (folder / "bin").mkdir()
    for tool in ("sh", "dirname", "rm", "touch", "id", "cat", "mkdir"):
        found = shutil.which(tool)
        assert found
        (folder / "bin" / tool).symlink_to(found)
    return folder


def command(clone: Path, name: str, script: str) -> None:
    """Put a command into the clone's PATH."""
    file = clone / "bin" / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def set_up(clone: Path, **environment: str) -> str:
    """Run the set-up, which must fail; return its last line."""
    done = subprocess.run(
        ["sh", clone / "scripts" / "setup.sh"],
        env={"PATH": str(clone / "bin"), "HOME": str(clone), **environment},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    return done.stderr.splitlines()[-1]


def test_without_python_the_set_up_says_which_to_install(clone: Path) -> None:
    assert set_up(clone) == (
        "No Python was found. Install Python 3.10 or later (python.org, or your package manager) and try again."
    )


def test_a_python_that_is_too_old_is_named_with_its_version(clone: Path) -> None:
    command(clone, "python3", 'case "$2" in *print*) echo 3.8 ;; *) exit 1 ;; esac')
    assert set_up(clone).startswith("The Python here is too old: 3.8. Install Python 3.10 or later")


def test_a_python_without_ensurepip_names_the_package_of_debian(clone: Path) -> None:
    command(clone, "python3", f'case "$2" in *ensurepip*) exit 1 ;; esac\nexec {sys.executable} "$@"')
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert set_up(clone).startswith(
        f"Python {version} is here, but its venv module has no ensurepip. "
        "On Debian and Ubuntu: `apt install python3-venv`."
    )


def test_without_a_network_the_set_up_says_so(clone: Path) -> None:
    # Not a link: a Python that was moved, such as uv's, finds its library by its real place.
    command(clone, "python3", f'exec {sys.executable} "$@"')
    assert set_up(clone, **NOWHERE).endswith("Connect to the network and try again.")


FAILURES = {
    "invalid peer certificate: UnknownIssuer": "this machine does not trust the server's certificate.",
    "failed to write: No space left on device (os error 28)": "the disk is full. Free some space",
    "Read-only file system (os error 30)": "this folder is read-only. Clone Darkroom to a place where you may write",
    "error sending request for url (https://github.com/…)": "uv cannot download Python 3.13 from here.",
}


@pytest.mark.parametrize("said", FAILURES)
def test_a_failed_download_of_python_names_its_reason(clone: Path, said: str) -> None:
    command(clone, "uv", f'[ "$1" = venv ] && {{ echo "{said}" >&2; exit 2; }}\nexit 0')
    assert FAILURES[said] in set_up(clone, PYENV_ROOT="/nonexistent")


@pytest.mark.parametrize("said", list(FAILURES)[:3])
def test_a_failed_download_of_packages_names_its_reason(clone: Path, said: str) -> None:
    command(clone, "uv", f'[ "$1" = sync ] && {{ echo "{said}" >&2; exit 2; }}\nexit 0')
    assert FAILURES[said] in set_up(clone)


def test_with_a_read_only_home_uv_keeps_its_downloads_beside_the_environment(clone: Path) -> None:
    command(clone, "uv", 'echo "cache $UV_CACHE_DIR" >&2; exit 2')
    # Root may write everywhere, so the home is a path at which no folder can be made.
    printed = subprocess.run(
        ["sh", clone / "scripts" / "setup.sh"],
        env={"PATH": str(clone / "bin"), "HOME": "/proc/nobody", "PYENV_ROOT": "/nonexistent"},
        capture_output=True, text=True, timeout=60, check=False,
    ).stderr  # fmt: skip
    assert f"cache {clone}/.venv-uv-cache" in printed


def test_a_read_only_clone_says_where_to_clone_to(clone: Path) -> None:
    (clone / "bin" / "touch").unlink()
    command(clone, "touch", "exit 1")  # Root may write everywhere, so the file system cannot refuse.
    assert set_up(clone).startswith("This folder cannot be written to")
