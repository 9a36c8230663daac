"""Deployed packages come from uv.lock."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ops.local import sbom
from ops.problem import Problem

ROOT = Path(__file__).parents[2]
UV = shutil.which("uv") or ROOT / ".venv-uv/bin/uv"


@pytest.mark.parametrize("group", ["shared", "resize", "simd", "list", "lookalikes"])
def test_requirements_come_from_the_lock(group: str) -> None:
    folder = {"shared": "shared", "simd": "functions/resize/simd", "lookalikes": "examples/lookalikes"}.get(
        group, f"functions/{group}"
    )
    exported = subprocess.run(
        [UV, "export", "--quiet", "--frozen", "--only-group", group, "--no-header", "--no-annotate",
         "--python", sys.executable, "--offline"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    written = (ROOT / folder / "requirements.txt").read_text()
    assert written == exported, "run `make requirements`"
    # pip then refuses a file with another hash, and a requirement without one.
    assert written.count("==") <= written.count(" \\\n"), "each requirement has a hash"


@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
def test_the_bill_of_materials_lists_each_deployed_package_with_version_and_hashes(
    tmp_path: Path, architecture: str
) -> None:
    folders = ["shared", "functions/resize", "functions/list"]
    folders += ["functions/resize/simd"] if architecture == "x86_64" else []
    deployed = {
        found[1]: found[2]
        for folder in folders
        for found in re.finditer(r"(?m)^(\S+)==(\S+)", (ROOT / folder / "requirements.txt").read_text())
    }
    bill = json.loads(sbom.write(tmp_path, architecture).read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    assert {one["name"]: one["version"] for one in bill["components"]} == deployed
    assert all(reference["hashes"] for one in bill["components"] for reference in one["externalReferences"])


def test_the_bill_of_materials_needs_no_home_that_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "XDG_CACHE_HOME", "UV_CACHE_DIR"):
        monkeypatch.setenv(name, "/proc/nowhere")
    assert sbom.write(tmp_path, "x86_64").exists()


def test_a_missing_uv_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    with pytest.raises(Problem) as raised:
        sbom.write(tmp_path, "x86_64")
    assert raised.value.code == "no-uv"
