"""`darkroom uninstall`: lists the losses, then removes a stack with its pictures and its subscribers."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import boto3
import typer
from botocore.exceptions import ClientError, WaiterError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from ops.deployment import buckets
from ops.deployment.adopt import bucket_owner, has_log_group
from ops.deployment.plan import describe, exists
from ops.deployment.template import Template
from ops.local.stack import ROOT
from ops.options import JsonOption, YesOption, console, filled, print_json
from ops.problem import Problem, sentence_on_problem
from ops.recovery import letters
from ops.target import RegionOption
from ops.terminal import escape

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

KB = 1000
_QUEUES = "AWS::SQS::Queue"
_BUCKETS = "AWS::S3::Bucket"
_LOGS = "AWS::Logs::LogGroup"
_TABLES = "AWS::DynamoDB::Table"


@dataclass(frozen=True, slots=True)
class Loss:
    """One thing that is deleted for good, with its contents."""

    kind: str
    name: str
    holds: str


@dataclass
class Inventory:
    """A Darkroom's stack, its subscribers' stacks, and the resources that can outlive them."""

    stack: str
    exists: bool
    subscribers: list[str] = field(default_factory=list)
    buckets: dict[str, int] = field(default_factory=dict)
    log_groups: list[str] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)


@sentence_on_problem
def uninstall(
    stack: Annotated[str, typer.Option("--stack", callback=filled, help="The deployed stack, by name.")],
    region: RegionOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Delete a stack, its pictures, its logs and its subscribers' stacks. Dry run without --yes.

    It also removes the remains of an earlier attempt. Nothing can be restored: copy the pictures first
    (docs/operate.md).

    Example: darkroom uninstall --stack darkroom-dev --region eu-west-1 --yes
    """
    session = boto3.Session(region_name=region)
    found = inventory(session, stack)
    if not found.losses:
        raise Problem("nothing-there", f"There is no stack {stack}, and no remains. Check name and region.")
    if as_json:
        print_json({"done": yes, **asdict(found)})
    else:
        _print(found)
    if not yes:
        if not as_json:
            console.print("Dry run: all of this would be deleted for good. Add --yes to do it.", soft_wrap=True)
        return
    remove(session, found)
    if not as_json:
        console.print(f"{stack} is gone.")


def inventory(session: boto3.Session, name: str) -> Inventory:
    """Finds everything that belongs to the stack `name`, even if the stack itself is gone."""
    cloudformation = session.client("cloudformation")
    found = Inventory(name, exists(describe(cloudformation, name)))
    if found.exists:
        found.subscribers = [one["StackName"] for one in _subscribers(cloudformation, name)]
    for one in [*found.subscribers, *([name] if found.exists else [])]:
        found.losses.append(Loss("stack", one, "a subscriber" if one != name else "Darkroom"))
        for resource in _resources(cloudformation, one):
            _note(session, found, resource["ResourceType"], resource.get("PhysicalResourceId", ""))
    account = session.client("sts").get_caller_identity()["Account"]
    for named in Template(ROOT / "template.yaml").names(name, session.region_name, account):
        _note(session, found, named.resource_type, named.name)
    return found


def remove(session: boto3.Session, found: Inventory) -> None:
    """Deletes the subscribers' stacks, the stack, then its buckets and log groups. Raises Problem (`not-removed`)."""
    cloudformation = session.client("cloudformation")
    for name in found.subscribers:
        _delete_stack(cloudformation, name)
    if found.exists:
        _delete_stack(cloudformation, found.stack)
    # The stack retains its buckets. The door is gone, so nobody uploads while the buckets are emptied.
    _delete_buckets(session, found.buckets)
    logs = session.client("logs")
    for group in found.log_groups:
        if has_log_group(session, group):  # a function that was still running may have created its log group again
            logs.delete_log_group(logGroupName=group)


def _subscribers(cloudformation: "CloudFormationClient", name: str) -> Iterator[Any]:
    """Yields the stacks that take Darkroom's SSM parameters or outputs, or import its exports."""
    importing = set(_importing(cloudformation, name))
    offered = {output["OutputValue"] for output in (describe(cloudformation, name) or {}).get("Outputs", [])}
    for page in cloudformation.get_paginator("describe_stacks").paginate():
        for one in page["Stacks"]:
            values = [parameter.get("ParameterValue", "") for parameter in one.get("Parameters", [])]
            takes = any(value.startswith(f"/{name}/") or value in offered for value in values)
            if one["StackName"] != name and (takes or one["StackName"] in importing):
                yield one


def _importing(cloudformation: "CloudFormationClient", name: str) -> Iterator[str]:
    for output in (describe(cloudformation, name) or {}).get("Outputs", []):
        if not (export := output.get("ExportName")):
            continue
        try:
            yield from cloudformation.list_imports(ExportName=export)["Imports"]
        except ClientError as error:
            if "not imported" not in str(error):
                raise


def _resources(cloudformation: "CloudFormationClient", name: str) -> Iterator[Any]:
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=name):
        yield from page["StackResourceSummaries"]


def _note(session: boto3.Session, found: Inventory, kind: str, name: str) -> None:
    """Adds a resource to the inventory if it exists and holds something that would be lost."""
    if kind == _BUCKETS and name not in found.buckets and bucket_owner(session, name) == "us":
        with console.status(f"Counting what {name} holds"):
            count, size_bytes = buckets.contents(session.client("s3"), name)
        found.buckets[name] = count
        found.losses.append(Loss("bucket", name, f"{count} objects, {_size(size_bytes)}"))
    elif kind == _LOGS and name not in found.log_groups and has_log_group(session, name):
        found.log_groups.append(name)
        found.losses.append(Loss("log group", name, "log lines"))
    elif kind == _QUEUES:
        if counted := letters.counts(session.client("sqs"), name).total:
            found.losses.append(Loss("queue", name.rsplit("/", 1)[-1], f"{counted} messages"))
    elif kind == _TABLES:
        table = session.client("dynamodb").describe_table(TableName=name)["Table"]
        found.losses.append(Loss("table", name, f"about {table.get('ItemCount', 0)} items"))


def _print(found: Inventory) -> None:
    table = Table("what", "name", "holds", box=None, header_style="dim")
    for loss in found.losses:
        table.add_row(loss.kind, escape(loss.name), loss.holds)
    console.print(table)


def _delete_buckets(session: boto3.Session, counts: dict[str, int]) -> None:
    s3 = session.client("s3")
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=console) as progress:
        for bucket, count in counts.items():
            task = progress.add_task(f"emptying {bucket}", total=count)
            if bucket_owner(session, bucket) == "us":  # a subscriber's stack may have deleted its own
                buckets.empty(s3, bucket, progress=partial(progress.advance, task))
                s3.delete_bucket(Bucket=bucket)


def _delete_stack(cloudformation: "CloudFormationClient", name: str) -> None:
    with console.status(f"Deleting stack {name}"):
        cloudformation.delete_stack(StackName=name)
        try:
            cloudformation.get_waiter("stack_delete_complete").wait(StackName=name)
        except WaiterError as error:
            raise Problem(
                "not-removed", f"Stack {name} could not be deleted: {error}. See its events, then run this again."
            ) from error
    console.print(f"Deleted stack {name}")


def _size(size_bytes: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if size_bytes < KB:
            return f"{size_bytes:.0f} {unit}"
        size_bytes /= KB
    return f"{size_bytes:.1f} TB"
