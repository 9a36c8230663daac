"""Plans a deployment: the stack, its parameters with their sources, and the folder of the build."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from ops.deployment.template import Template
from ops.problem import Problem

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

ARCHITECTURE = "Architecture"


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment of samconfig.toml: the stack that it names, and the parameters that it sets."""

    name: str
    stack: str
    region: str | None
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """A deployment. The stack will have `parameters`; `sam deploy` gets the subset `given`.

    `sources` says for each parameter whether the command line, samconfig.toml, the deployed stack or the template's
    default decides. `deployed` is the stack as CloudFormation describes it, or None if there is none yet.
    """

    environment: Environment
    source: Path
    template: Template
    session: boto3.Session
    deployed: Mapping[str, Any] | None
    parameters: Mapping[str, str]
    given: Mapping[str, str]
    sources: Mapping[str, str]

    @property
    def stack(self) -> str:
        return self.environment.stack

    @property
    def architecture(self) -> str:
        return self.parameters.get(ARCHITECTURE, "x86_64")

    @property
    def build(self) -> Path:
        """The folder where `darkroom build` writes and `sam deploy` reads."""
        return self.source / ".aws-sam" / "build"


def read_environment(folder: Path, name: str) -> Environment:
    """Reads an environment of the samconfig.toml in `folder`. Raises Problem (`no-such-environment`)."""
    from samcli.cli.types import CfnParameterOverridesType  # takes 0.3 s to import

    document = tomllib.loads((folder / "samconfig.toml").read_text(encoding="utf-8"))
    settings = document.get(name, {}).get("deploy", {}).get("parameters", {}) if name != "default" else {}
    if "stack_name" not in settings:
        known = [found for found, section in document.items() if isinstance(section, dict) and found != "default"]
        raise Problem("no-such-environment", f"samconfig.toml has no environment {name}. Choose {' or '.join(known)}.")
    overrides = settings.get("parameter_overrides", [])
    parameters = CfnParameterOverridesType().convert(overrides, None, None) if overrides else {}
    return Environment(name, settings["stack_name"], settings.get("region"), parameters)


def make_plan(source: Path, environment: Environment, session: boto3.Session, overrides: Mapping[str, str]) -> Plan:
    """Merges the parameters of the command line, samconfig.toml, the deployed stack and the template, in this order.

    Raises Problem (`bad-parameter`) for a parameter that the template does not have or does not allow.
    """
    template = Template(source / "template.yaml")
    template.checked({**environment.parameters, **overrides})
    deployed = describe(session.client("cloudformation"), environment.stack)
    layers: list[tuple[str, Mapping[str, str]]] = [
        ("default", {name: str(found["Default"]) for name, found in template.parameters.items() if "Default" in found}),
        ("deployed stack", _deployed_parameters(deployed, template)),
        ("samconfig.toml", environment.parameters),
        ("command line", overrides),
    ]
    merged: dict[str, str] = {}
    sources: dict[str, str] = {}
    for source_name, layer in layers:
        for name, value in layer.items():
            if merged.get(name) != value or source_name != "deployed stack":  # a stack also lists its defaults
                merged[name], sources[name] = value, source_name
    given = {**environment.parameters, **overrides}
    if ARCHITECTURE in merged:
        given[ARCHITECTURE] = merged[ARCHITECTURE]  # explicitly, because the build was made for this processor
    return Plan(environment, source, template, session, deployed, merged, given, sources)


def describe(cloudformation: "CloudFormationClient", stack: str) -> Mapping[str, Any] | None:
    """Returns the stack as CloudFormation describes it, or None if there is none."""
    try:
        return cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise


def exists(stack: Mapping[str, Any] | None) -> bool:
    """Returns whether the stack has resources. A change set that nobody executed leaves an empty stack in review."""
    return stack is not None and stack["StackStatus"] != "REVIEW_IN_PROGRESS"


def _deployed_parameters(stack: Mapping[str, Any] | None, template: Template) -> dict[str, str]:
    if not exists(stack) or stack is None:
        return {}
    return {
        found["ParameterKey"]: found["ParameterValue"]
        for found in stack.get("Parameters", [])
        if found["ParameterKey"] in template.parameters
    }
