"""Runs `sam deploy` in this terminal, so a person sees its output and can answer its questions."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from ops.deployment.plan import Plan
from ops.problem import Problem


def deploy_arguments(plan: Plan, template: Path, parameters: Mapping[str, str], *, ask: bool) -> list[str]:
    """Writes the arguments of `sam deploy`. It reads the other settings from samconfig.toml."""
    return [
        "deploy",
        "--template-file",
        str(template),
        "--config-file",
        str(plan.source / "samconfig.toml"),
        "--config-env",
        plan.environment.name,
        "--region",
        plan.session.region_name,
        "--no-fail-on-empty-changeset",
        "--confirm-changeset" if ask else "--no-confirm-changeset",
        *(["--parameter-overrides", *quoted(parameters)] if parameters else []),
    ]


def quoted(parameters: Mapping[str, str]) -> list[str]:
    """Writes parameters as `--parameter-overrides` reads them, values with spaces and quotes included."""
    return [f'{name}="{value.replace('"', r"\"")}"' for name, value in parameters.items()]


def run(arguments: list[str], folder: Path) -> None:
    """Runs `sam` with this terminal. Raises Problem (`deploy-failed`)."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("sam")), *arguments],
        env={**os.environ, "SAM_CLI_TELEMETRY": "0"},
        cwd=folder,
        check=False,
    )
    if done.returncode:
        raise Problem("deploy-failed", f"`sam deploy` ended with exit code {done.returncode}; its output is above.")
