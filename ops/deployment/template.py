"""Reads a template's parameters, resource types and the names that its resources will have."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ops.problem import Problem

# Resource types whose names the template chooses, and the property with the name. Another stack may use such a name.
_NAMED = {
    "AWS::S3::Bucket": "BucketName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Serverless::Function": "FunctionName",
}
_MAX_NAME_CHARS = {"AWS::S3::Bucket": 63, "AWS::Logs::LogGroup": 512, "AWS::Serverless::Function": 64}
# docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-using-console-create-stack-parameters.html
_STACK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}")
_ACCOUNT_DIGITS = "0" * 12


@dataclass(frozen=True, slots=True)
class Name:
    """A resource's name, as the template composes it."""

    logical_id: str
    resource_type: str
    name: str


class Template:
    """A SAM template as a dictionary, with CloudFormation's short forms written out."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.document = _parsed(path.read_text(encoding="utf-8"))

    @property
    def parameters(self) -> Mapping[str, Mapping[str, Any]]:
        found: Mapping[str, Mapping[str, Any]] = self.document.get("Parameters", {})
        return found

    @property
    def resources(self) -> Mapping[str, Mapping[str, Any]]:
        """The resources in the template's own file, without included files."""
        return {name: found for name, found in self.document["Resources"].items() if "Type" in found}

    def types(self) -> set[str]:
        """Lists the types of all resources, with included files."""
        found = {resource["Type"] for resource in self.resources.values()}
        transform = self.document["Resources"].get("Fn::Transform", [])
        for one in transform if isinstance(transform, list) else [transform]:
            included = self._path.parent / one["Parameters"]["Location"]
            found |= {resource["Type"] for resource in _parsed(included.read_text(encoding="utf-8")).values()}
        return found

    def names(self, stack: str, region: str, account: str = _ACCOUNT_DIGITS) -> list[Name]:
        """Lists the names that a stack's buckets, log groups and functions will have."""
        known = {"AWS::StackName": stack, "AWS::Region": region, "AWS::AccountId": account}
        return [
            Name(logical_id, resource["Type"], _substituted(resource["Properties"][_NAMED[resource["Type"]]], known))
            for logical_id, resource in self.resources.items()
            if resource["Type"] in _NAMED and _NAMED[resource["Type"]] in resource.get("Properties", {})
        ]

    def checked(self, given: Mapping[str, str]) -> None:
        """Raises Problem (`bad-parameter`) if a parameter is unknown or its value is not allowed."""
        for name, value in given.items():
            if name not in self.parameters:
                raise Problem("bad-parameter", f"The template has no parameter {name}. See template.yaml.")
            allowed = [str(one) for one in self.parameters[name].get("AllowedValues", [])]
            if allowed and value not in allowed:
                raise Problem("bad-parameter", f"{name}={value} is not allowed. Choose one of {', '.join(allowed)}.")

    def concurrency(self, parameters: Mapping[str, str]) -> dict[str, tuple[int, str]]:
        """Reads how many executions each function's queue may use at once, and the parameter that sets it."""
        found: dict[str, tuple[int, str]] = {}
        for name, resource in self.resources.items():
            for event in resource.get("Properties", {}).get("Events", {}).values():
                most = event["Properties"].get("ScalingConfig", {}).get("MaximumConcurrency")
                if most is not None:
                    found[name] = _number(most, parameters)
        return found


def name_problem(template: Template, stack: str, region: str) -> str:
    """Returns the reason why no stack can have this name, or an empty string."""
    if not _STACK_NAME.fullmatch(stack):
        return f"{stack!r} is not a stack name. Use letters, digits and hyphens, beginning with a letter."
    named = template.names(stack, region)
    if stack != stack.lower() and any(found.resource_type == "AWS::S3::Bucket" for found in named):
        return f"{stack} has capital letters. Bucket names begin with the stack's name, and S3 allows no capitals."
    for found in named:
        over = len(found.name) - _MAX_NAME_CHARS[found.resource_type]
        if over > 0:
            kind = found.resource_type.rsplit("::", 1)[-1].lower()
            return (
                f"{stack} is too long by {over} characters: in {region} a {kind} would be called {found.name}, "
                f"and AWS allows {_MAX_NAME_CHARS[found.resource_type]}."
            )
    return ""


def longest_stack_name_chars(template: Template, region: str) -> int:
    """Returns the maximum length of a stack's name in this region."""
    return min(_MAX_NAME_CHARS[found.resource_type] - len(found.name) + 1 for found in template.names("x", region))


@cache
def _parsed(text: str) -> Mapping[str, Any]:
    from samcli.yamlhelper import yaml_parse  # takes 0.3 s to import

    found: Mapping[str, Any] = yaml_parse(text)
    return found


def _number(value: Any, parameters: Mapping[str, str]) -> tuple[int, str]:
    """Returns a number of the template and the parameter that sets it, if any. Takes the larger of two alternatives."""
    if not isinstance(value, Mapping):
        return int(value), ""
    if "Fn::If" in value:
        return max(_number(alternative, parameters) for alternative in value["Fn::If"][1:])
    return int(parameters[value["Ref"]]), value["Ref"]


def _substituted(text: Any, known: Mapping[str, str]) -> str:
    if isinstance(text, Mapping):
        text = text.get("Fn::Sub") or f"${{{text['Ref']}}}"
    return re.sub(r"\$\{([^}]+)\}", lambda match: known.get(match[1], match[0]), str(text))
