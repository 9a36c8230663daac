"""The artifact of `sam build` is complete: every handler imports from it alone, on a Python without our packages."""

import subprocess
from pathlib import Path

import pytest

from ops.local import stack
from ops.problem import Problem
from tests.support.artifact import BARE_PYTHON, HOST, folders_of
from tests.support.template import FUNCTIONS, of_type

UNZIPPED_LIMIT_MB = 250  # AWS's, for a function with its layers
OTHER = {"x86_64": "arm64", "arm64": "x86_64"}[HOST]


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_handler_imports_from_the_artifact_alone(built: Path, name: str) -> None:
    module, _, function = FUNCTIONS[name]["Handler"].rpartition(".")
    path = [str(folder) for folder in folders_of(built, name)]
    code = f"import sys; sys.path[:0] = {path!r}\nimport {module} as m, shared.events\nassert callable(m.{function})\n"
    code += "print(*{m.__file__ for m in list(sys.modules.values()) if getattr(m, '__file__', None)}, sep='\\n')"
    done = subprocess.run(
        [BARE_PYTHON, "-I", "-S", "-c", code],
        capture_output=True, text=True, check=False, env={"AWS_DEFAULT_REGION": "eu-west-1"}, cwd="/",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ours = [line for line in done.stdout.splitlines() if "/functions/" in line or "/shared/" in line or "boto3" in line]
    assert ours
    assert [line for line in ours if not line.startswith(str(built))] == []


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_an_artifact_fits_lambda_and_contains_bytecode(built: Path, name: str) -> None:
    folders = folders_of(built, name)
    size_mb = sum(file.stat().st_size for folder in folders for file in folder.rglob("*") if file.is_file()) / 1e6
    assert size_mb < 0.8 * UNZIPPED_LIMIT_MB, "a team that adds another layer (a monitoring agent) needs the rest"
    for source in built.joinpath(name).rglob("functions/**/*.py"):
        assert list((source.parent / "__pycache__").glob(f"{source.stem}.*.pyc")), source


def test_the_shared_layer_serves_both_processors(built: Path) -> None:
    assert of_type("AWS::Serverless::LayerVersion")["SharedLayer"].get("CompatibleArchitectures") is None
    assert list((built / "SharedLayer").rglob("*.so")) == []


def test_the_artifact_can_be_built_for_the_other_processor(tmp_path: Path) -> None:
    build, _ = stack.build(tmp_path / "build", OTHER)
    libraries = [*build.template.parent.joinpath("ResizeFunction").rglob("*.so")]
    assert libraries
    named = {"x86_64": "x86_64-linux", "arm64": "aarch64-linux"}
    assert [library.name for library in libraries if named[HOST] in library.name] == []
    assert [library for library in libraries if named[OTHER] in library.name]


def test_a_build_without_a_network_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_FIND_LINKS": "",
        "PIP_RETRIES": "0",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Problem) as raised:
        stack.build(tmp_path / "build", HOST)
    assert raised.value.code == "no-network"
    assert "Connect and try again" in raised.value.sentence
