"""Runs uv, which scripts/setup.sh takes from PATH or puts beside the environment."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
UV_SECONDS = 300


def run_uv(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run uv in the project's folder, and return its exit code and its output."""
    uv = shutil.which("uv") or str(Path(sys.prefix).parent / ".venv-uv" / "bin" / "uv")
    return subprocess.run([uv, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=UV_SECONDS)
