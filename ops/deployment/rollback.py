"""Goes back to the version of a stack that was deployed before: its template and its parameters."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ops.deployment import sam
from ops.deployment.plan import Plan, exists

# CloudFormation answers this instead of a secret parameter's value.
_SECRET = "****"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Version:
    """The earlier version of a stack. Its code stays in `sam deploy`'s bucket, under the code's hash."""

    template: str
    parameters: Mapping[str, str]


def remember(plan: Plan) -> Version | None:
    """Reads the version that is deployed now; None if there is none."""
    if plan.deployed is None or not exists(plan.deployed):
        return None
    body = plan.session.client("cloudformation").get_template(StackName=plan.stack, TemplateStage="Original")
    template = body["TemplateBody"]
    parameters = {found["ParameterKey"]: found["ParameterValue"] for found in plan.deployed.get("Parameters", [])}
    return Version(
        template if isinstance(template, str) else json.dumps(template),
        {name: value for name, value in parameters.items() if value != _SECRET},  # these keep their value
    )


def go_back(plan: Plan, version: Version) -> None:
    """Deploys `version` again. Raises Problem (`deploy-failed`)."""
    file = _file(plan)
    file.write_text(version.template, encoding="utf-8")
    sam.run(sam.deploy_arguments(plan, file, version.parameters, ask=False), plan.source)


def _file(plan: Plan) -> Path:
    return plan.build.with_name(f"earlier-{plan.stack}.yaml")
