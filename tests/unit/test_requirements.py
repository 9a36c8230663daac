"""Deployed packages come from uv.lock."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = shutil.which("uv") or ROOT / ".venv-uv/bin/uv"


@pytest.mark.parametrize("group", ["shared", "resize", "simd", "list", "lookalikes"])
def test_requirements_come_from_the_lock(group: str) -> None:
    folder = {"shared": "shared", "simd": "functions/resize/simd", "lookalikes": "examples/lookalikes"}.get(
        group, f"functions/{group}"
    )
    exported = subprocess.run(
        [UV, "export", "--quiet", "--frozen", "--only-group", group, "--no-hashes", "--no-header", "--no-annotate",
         "--python", sys.executable, "--offline"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert (ROOT / folder / "requirements.txt").read_text() == exported, "run `make requirements`"
