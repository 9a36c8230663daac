"""`darkroom deploy`: builds, checks, shows the change set, asks, deploys, and prints the gallery's address."""

from typing import TYPE_CHECKING, Annotated

import typer

from ops.deployment import adopt, preflight, rollback, sam, smoke
from ops.deployment.plan import Plan, describe, exists
from ops.local import sbom, stack
from ops.options import console, filled, print_rows
from ops.problem import Problem, sentence_on_problem
from ops.target import Place, RegionOption, resolve

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

ServiceOption = Annotated[
    str | None,
    typer.Option("--service", callback=filled, help="A service with a separate stack; by default Darkroom."),
]


@sentence_on_problem
def deploy(
    environment: preflight.EnvironmentArgument = "dev",
    service: ServiceOption = None,
    parameter: preflight.ParameterOption = None,
    region: RegionOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before the change set is executed.")] = False,
    smoke_after: Annotated[
        bool,
        typer.Option("--smoke", help="Run `darkroom smoke` afterwards, and roll back if it fails."),
    ] = False,
) -> None:
    """Build, check and deploy an environment of samconfig.toml. It shows the change set and asks before it deploys.

    The parameters come from --parameter and samconfig.toml. Other parameters keep their deployed values.

    Example: darkroom deploy prod --region eu-west-1 --parameter AlarmEmail=team@example.com
    """
    source = stack.service_folder(service) if service else stack.ROOT
    plan = preflight.plan_of(source, environment, parameter or [], region)
    _print_parameters(plan)
    built, ran = stack.build(plan.build, plan.architecture, source)
    if source == stack.ROOT:  # a subscriber's packages are not in uv.lock
        sbom.write(plan.build, plan.architecture)
    console.print(f"{'Built' if ran else 'Nothing changed in'} {built.template}", soft_wrap=True, highlight=False)
    findings = preflight.check(plan)
    preflight.print_findings(findings)
    if preflight.problems(findings):
        raise Problem("preflight-failed", "Nothing was deployed. Fix the findings marked with ✗, then try again.")
    before = rollback.remember(plan)
    if found := adopt.leftovers(plan):
        if not yes and not typer.confirm(f"Adopt {', '.join(name.name for name in found)} with all contents?"):
            raise Problem("declined", "Nothing was deployed.")
        adopt.adopt(plan, found)
    cloudformation = plan.session.client("cloudformation")
    try:
        sam.run(sam.deploy_arguments(plan, built.template, plan.given, ask=not yes), source)
    finally:
        _refuse_declined(cloudformation, plan.stack)
    outputs = stack.outputs(cloudformation, plan.stack)
    if "GalleryUrl" in outputs:
        console.print(f"Gallery: {outputs.get('CdnUrl') or outputs['GalleryUrl']}", soft_wrap=True, highlight=False)
    if smoke_after:
        target = resolve(Place(stack=plan.stack, region=plan.session.region_name))
        _smoke_or_go_back(plan, before, smoke.passed(smoke.run(target)))


def _smoke_or_go_back(plan: Plan, before: rollback.Version | None, passed: bool) -> None:
    if passed:
        return
    if before is None:
        raise Problem("smoke-failed", "This is the stack's first version, so there is nothing to go back to.")
    rollback.go_back(plan, before)
    raise Problem("smoke-failed", f"Stack {plan.stack} is back at the earlier version.")


def _print_parameters(plan: Plan) -> None:
    chosen = [
        (name, "****" if plan.template.parameters[name].get("NoEcho") else value, plan.sources[name])
        for name, value in plan.parameters.items()
        if plan.sources[name] != "default"
    ]
    console.print(f"Stack {plan.stack} in {plan.session.region_name}; parameters that are not the default:")
    print_rows(("parameter", "value", "from"), sorted(chosen))


def _refuse_declined(cloudformation: "CloudFormationClient", name: str) -> None:
    """Deletes the change set that was shown and not confirmed, if there is one. Raises Problem (`declined`)."""
    if describe(cloudformation, name) is None:
        return
    waiting = [
        found["ChangeSetName"]
        for found in cloudformation.list_change_sets(StackName=name)["Summaries"]
        if found.get("ExecutionStatus") == "AVAILABLE" and found["ChangeSetName"].startswith("samcli-deploy")
    ]
    if not waiting:
        return
    for change_set in waiting:
        cloudformation.delete_change_set(StackName=name, ChangeSetName=change_set)
    if not exists(found_stack := describe(cloudformation, name)) and found_stack:
        cloudformation.delete_stack(StackName=name)  # delete the empty stack that the change set made
    raise Problem("declined", "Nothing was deployed, and the change set is deleted.")
