"""Runs uv, which scripts/setup.sh takes from PATH or puts beside the environment."""

import shutil
import subprocess
import sys
from pathlib import Path

from ops.problem import Problem

ROOT = Path(__file__).parents[2]
UV_SECONDS = 300


def run_uv(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run uv in the project's folder, and return its exit code and its output. Raises Problem (`no-uv`)."""
    uv = shutil.which("uv") or str(Path(sys.prefix).parent / ".venv-uv" / "bin" / "uv")
    try:
        return subprocess.run(
            [uv, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=UV_SECONDS
        )
    except FileNotFoundError as error:
        raise Problem("no-uv", "uv is missing. `rm -rf .venv && make .venv/ready` fetches it.") from error
