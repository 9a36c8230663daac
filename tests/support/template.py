"""The SAM template as data, for tests that check it."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
# X-Ray has no resources that a policy could name (Service Authorization Reference, AWS X-Ray).
UNNAMEABLE = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
MAX_RETENTION_SECONDS = 14 * 24 * 3600  # SQS's maximum


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms: `!Ref X` becomes {"Ref": "X"}, `!Sub` {"Fn::Sub": …}."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {name: value}


_Loader.add_multi_constructor("!", _short_form)


def parse(text: str) -> Any:
    """Return YAML with CloudFormation's short forms as data."""
    return yaml.load(text, _Loader)


def load_template(path: Path = ROOT / "template.yaml") -> dict[str, Any]:
    """Return a template, Darkroom's own by default, with its included resources in place."""
    loaded: dict[str, Any] = parse(path.read_text())
    if included := loaded["Resources"].pop("Fn::Transform", None):
        loaded["Resources"] |= yaml.safe_load((ROOT / included["Parameters"]["Location"]).read_text())
    return loaded


TEMPLATE = load_template()
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]


def of_type(resource_type: str) -> dict[str, dict[str, Any]]:
    """Return the properties of each resource of a type, by the resource's name."""
    return {name: found["Properties"] for name, found in RESOURCES.items() if found["Type"] == resource_type}


def every_value(node: Any) -> list[Any]:
    """Return `node` and every value inside it."""
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    return [node, *(value for child in children for value in every_value(child))]


def statements() -> list[tuple[str, dict[str, Any]]]:
    """Return every policy statement in the template with the name of its resource."""
    return [
        (name, node)
        for name, resource in RESOURCES.items()
        for node in every_value(resource)
        if isinstance(node, dict) and "Effect" in node and "Action" in node
    ]


FUNCTIONS = of_type("AWS::Serverless::Function")


def resolved_route(method: str, path: str) -> str:
    """Return the integration that API Gateway would choose for a request."""
    routes = {route["RouteKey"]: route["Target"]["Fn::Sub"] for route in of_type("AWS::ApiGatewayV2::Route").values()}
    target: str = routes.get(f"{method} {path}", routes["$default"])
    return target.removeprefix("integrations/${").removesuffix("}")
