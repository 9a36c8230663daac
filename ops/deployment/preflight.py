"""`darkroom preflight`: finds reasons why a deployment would fail, before anything is deployed."""

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError

from ops.deployment.adopt import bucket_owner, leftovers
from ops.deployment.plan import ARCHITECTURE, Plan, exists, make_plan, read_environment
from ops.deployment.template import longest_stack_name_chars, name_problem
from ops.local.stack import ROOT
from ops.options import JsonOption, console, filled, print_json
from ops.problem import Problem, sentence_on_problem
from ops.target import RegionOption
from ops.terminal import escape

# Executions that the resizer must leave for the upload door and the gallery.
MIN_FREE_EXECUTIONS = 5
# e_machine in the header of an ELF file (man 5 elf), by the name that Lambda gives the processor.
_ELF_MACHINES = {62: "x86_64", 183: "arm64"}
_GONE_WRONG = {"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"}


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. `fix` is the remedy, empty if there is no problem. A problem stops the deployment."""

    check: str
    level: Level
    says: str
    fix: str = ""


EnvironmentArgument = Annotated[str, typer.Argument(help="An environment of samconfig.toml: dev or prod.")]
ParameterOption = Annotated[
    list[str] | None,
    typer.Option("--parameter", callback=filled, help="A parameter of the template, as Name=value. May be repeated."),
]


@sentence_on_problem
def preflight(
    environment: EnvironmentArgument = "dev",
    parameter: ParameterOption = None,
    region: RegionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check account, region, names, concurrency, leftovers and the build before a deployment; changes nothing.

    Exit code 1 if a problem would stop the deployment. Warnings do not.

    Example: darkroom preflight prod --region eu-west-1
    """
    findings = check(plan_of(ROOT, environment, parameter or [], region))
    if as_json:
        print_json([asdict(found) for found in findings])
    else:
        print_findings(findings)
    if problems(findings):
        raise typer.Exit(1)


def plan_of(source: Path, environment: str, parameters: list[str], region: str | None) -> Plan:
    """Makes the plan that the command line asks for. Raises Problem."""
    wanted = read_environment(source, environment)
    session = boto3.Session(region_name=region or wanted.region)
    if session.region_name is None:
        raise Problem("no-region", "No AWS region is set. Pass --region eu-west-1, or set AWS_DEFAULT_REGION.")
    try:
        return make_plan(source, wanted, session, dict(_name_and_value(text) for text in parameters))
    except BotoCoreError as error:  # no credentials, or no network
        raise Problem(
            "no-account", f"{error}. Sign in to AWS (`aws sso login` or `aws configure`), then try again."
        ) from error


def check(plan: Plan) -> list[Finding]:
    """Runs every check. A check without the necessary permissions becomes a warning."""
    findings: list[Finding] = []
    for name, run in _CHECKS.items():
        try:
            findings += run(plan)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _DENIED:
                raise
            findings.append(
                Finding(name, Level.WARNING, f"not checked: {error}", "Allow it: docs/operate.md has the policies.")
            )
    return findings


def problems(findings: list[Finding]) -> list[Finding]:
    return [found for found in findings if found.level is Level.PROBLEM]


def print_findings(findings: list[Finding]) -> None:
    marks = {Level.OK: "[green]✓[/]", Level.WARNING: "[yellow]![/]", Level.PROBLEM: "[red]✗[/]"}
    for found in findings:
        line = f"{marks[found.level]} {found.check:12} {escape(found.says)}"
        console.print(line, soft_wrap=True, highlight=False)
        if found.fix:
            console.print(f"  {'':12} {escape(found.fix)}", soft_wrap=True, highlight=False)


def _account(plan: Plan) -> Iterator[Finding]:
    who = plan.session.client("sts").get_caller_identity()
    says = f"{who['Account']} as {who['Arn']}"
    if who["Arn"].endswith(":root"):
        yield Finding("account", Level.WARNING, says, "Use a role instead of the account's root: docs/operate.md.")
    else:
        yield Finding("account", Level.OK, says)


def _region(plan: Plan) -> Iterator[Finding]:
    yield Finding("region", Level.OK, plan.session.region_name)


def _stack_name(plan: Plan) -> Iterator[Finding]:
    region = plan.session.region_name
    if problem := name_problem(plan.template, plan.stack, region):
        most = longest_stack_name_chars(plan.template, region)
        fix = f"Give it another stack_name in samconfig.toml: lower case, at most {most} characters in {region}."
        yield Finding("stack name", Level.PROBLEM, problem, fix)
    else:
        yield Finding("stack name", Level.OK, plan.stack)


def _stack_state(plan: Plan) -> Iterator[Finding]:
    status = plan.deployed["StackStatus"] if plan.deployed else "not deployed yet"
    if status == "REVIEW_IN_PROGRESS":
        yield Finding("stack", Level.OK, "not deployed yet")
    elif status in _GONE_WRONG:
        fix = f"Delete it, then deploy: aws cloudformation delete-stack --stack-name {plan.stack}. The pictures stay."
        yield Finding("stack", Level.PROBLEM, f"{status}: CloudFormation does not update such a stack.", fix)
    elif status == "UPDATE_ROLLBACK_FAILED":
        fix = f"Read the stack's events, then: aws cloudformation continue-update-rollback --stack-name {plan.stack}"
        yield Finding("stack", Level.PROBLEM, status, fix)
    elif status.endswith("_IN_PROGRESS"):
        yield Finding("stack", Level.PROBLEM, f"{status}: another deployment runs.", "Wait until it has ended.")
    else:
        yield Finding("stack", Level.OK, status)


def _concurrency(plan: Plan) -> Iterator[Finding]:
    limits = plan.session.client("lambda").get_account_settings()["AccountLimit"]
    free = limits["UnreservedConcurrentExecutions"]
    for function, (most, parameter) in plan.template.concurrency(plan.parameters).items():
        if free - most >= MIN_FREE_EXECUTIONS:
            continue
        fix = "Ask for more in Service Quotas: AWS Lambda, Concurrent executions."
        if parameter and free - MIN_FREE_EXECUTIONS >= 2:
            fix += f" Until then: --parameter {parameter}={free - MIN_FREE_EXECUTIONS}"
        says = f"{free} executions are free in this region and {function} may take {most}; door and gallery would wait."
        yield Finding("concurrency", Level.WARNING, says, fix)
        return
    yield Finding("concurrency", Level.OK, f"{free} executions are free")


def _public_access(plan: Plan) -> Iterator[Finding]:
    if plan.parameters.get("AllowAnonymousUploads") != "true":
        yield Finding("public", Level.OK, "no bucket policy allows public access")
        return
    account = plan.session.client("sts").get_caller_identity()["Account"]
    s3control = plan.session.client("s3control")
    try:
        blocked = s3control.get_public_access_block(AccountId=account)["PublicAccessBlockConfiguration"]
    except s3control.exceptions.NoSuchPublicAccessBlockConfiguration:
        blocked = {}
    if blocked.get("BlockPublicPolicy") or blocked.get("RestrictPublicBuckets"):
        yield Finding(
            "public",
            Level.PROBLEM,
            "AllowAnonymousUploads=true needs a public bucket policy. This account's Block Public Access refuses it.",
            "Leave AllowAnonymousUploads at false, or lift the block: S3 console, Block Public Access settings.",
        )
    else:
        yield Finding("public", Level.WARNING, "AllowAnonymousUploads=true: anyone may upload, and you pay.")


def _leftovers(plan: Plan) -> Iterator[Finding]:
    if exists(plan.deployed):
        return
    account = plan.session.client("sts").get_caller_identity()["Account"]
    names = plan.template.names(plan.stack, plan.session.region_name, account)
    buckets = [name.name for name in names if name.resource_type == "AWS::S3::Bucket"]
    foreign = [name for name in buckets if bucket_owner(plan.session, name) == "others"]
    for name in foreign:
        fix = "Choose another stack_name in samconfig.toml."
        yield Finding("leftovers", Level.PROBLEM, f"bucket {name} belongs to somebody else.", fix)
    found = leftovers(plan)
    for left in found:
        says = f"{left.name} remains from an earlier stack. The deployment adopts it with its contents."
        yield Finding("leftovers", Level.WARNING, says, f"To begin empty: darkroom uninstall --stack {plan.stack}")
    if not found and not foreign:
        yield Finding("leftovers", Level.OK, "no bucket or log group has a name that the stack needs")


def _wheels(plan: Plan) -> Iterator[Finding]:
    if not (plan.build / "template.yaml").exists():
        yield Finding("build", Level.WARNING, "there is no build yet", "`make deploy` makes one; so does `make build`.")
        return
    foreign = [file for file in plan.build.rglob("*.so*") if machine(file) not in {plan.architecture, ""}]
    if foreign:
        says = (
            f"{len(foreign)} libraries are not for {plan.architecture}, such as {foreign[0].relative_to(plan.build)}."
        )
        fix = f"Build for the deployed processor: make build ARCHITECTURE={plan.architecture}"
        yield Finding("build", Level.PROBLEM, says, fix)
    else:
        came_from = plan.sources.get(ARCHITECTURE, "default")
        yield Finding("build", Level.OK, f"{plan.architecture}, as Architecture says ({came_from})")


def machine(library: Path) -> str:
    """Returns the processor that a shared library is for, as Lambda calls it; an empty string for other files."""
    with library.open("rb") as file:
        head = file.read(20)
    if head[:4] != b"\x7fELF" or len(head) < 20:
        return ""
    number: int = struct.unpack_from("<H", head, 18)[0]
    return _ELF_MACHINES.get(number, f"machine {number}")


def _name_and_value(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise Problem("bad-parameter", f"{text!r} is not Name=value, as in --parameter DeleteOriginals=true.")
    return name, value


_CHECKS: Mapping[str, Callable[[Plan], Iterator[Any]]] = {
    "account": _account,
    "region": _region,
    "stack name": _stack_name,
    "stack": _stack_state,
    "concurrency": _concurrency,
    "public": _public_access,
    "leftovers": _leftovers,
    "build": _wheels,
}
