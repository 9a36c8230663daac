"""Takes buckets and log groups that an earlier stack left into a new stack of the same name, with all their contents.

Buckets outlive their stack (docs/decisions/2026-11-26-buckets-outlive-the-stack.md), and their names are fixed. Without
this step the next deployment would fail with "already exists".
"""

import json
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError, WaiterError

from ops.deployment.plan import Plan, exists
from ops.deployment.template import Name
from ops.options import console
from ops.problem import Problem

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

CHANGE_SET = "darkroom-adopt"
# The property that identifies a resource to CloudFormation.
_IDENTIFIERS = {"AWS::S3::Bucket": "BucketName", "AWS::Logs::LogGroup": "LogGroupName"}


def leftovers(plan: Plan) -> list[Name]:
    """Lists the existing buckets and log groups with names that the stack needs, if the stack does not exist yet."""
    if exists(plan.deployed):
        return []
    account = plan.session.client("sts").get_caller_identity()["Account"]
    names = plan.template.names(plan.stack, plan.session.region_name, account)
    return [name for name in names if is_there(plan.session, name)]


def is_there(session: boto3.Session, name: Name) -> bool:
    """Returns whether the bucket or log group exists in this account."""
    match name.resource_type:
        case "AWS::S3::Bucket":
            return bucket_owner(session, name.name) == "us"
        case "AWS::Logs::LogGroup":
            return has_log_group(session, name.name)
        case _:
            return False


def bucket_owner(session: boto3.Session, name: str) -> str:
    """Returns who has the bucket: `us`, `others`, or an empty string if the name is free."""
    try:
        session.client("s3").head_bucket(Bucket=name)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "404":
            return ""
        if code in {"403", "301"}:
            return "others"
        raise
    return "us"


def has_log_group(session: boto3.Session, name: str) -> bool:
    """Returns whether a log group of exactly this name exists."""
    found = session.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return any(group["logGroupName"] == name for group in found)


def adopt(plan: Plan, found: list[Name]) -> None:
    """Creates the stack from the leftovers alone, by a change set that imports them. Raises Problem (`not-adopted`).

    The deployment that follows gives them the properties of the template, and adds the other resources.
    """
    cloudformation = plan.session.client("cloudformation")
    with console.status(f"Importing {len(found)} buckets and log groups into stack {plan.stack}"):
        try:
            _import(cloudformation, plan.stack, found)
        except (ClientError, WaiterError) as error:
            raise Problem("not-adopted", f"CloudFormation did not import the leftovers: {error}") from error
    for name in found:
        console.print(f"Adopted {name.name}", soft_wrap=True, highlight=False)


def _import(cloudformation: "CloudFormationClient", stack: str, found: list[Name]) -> None:
    resources = {
        name.logical_id: {
            "Type": name.resource_type,
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": {_IDENTIFIERS[name.resource_type]: name.name},
        }
        for name in found
    }
    wanted: list[Any] = [
        {
            "ResourceType": name.resource_type,
            "LogicalResourceId": name.logical_id,
            "ResourceIdentifier": {_IDENTIFIERS[name.resource_type]: name.name},
        }
        for name in found
    ]
    cloudformation.create_change_set(
        StackName=stack,
        ChangeSetName=CHANGE_SET,
        ChangeSetType="IMPORT",
        TemplateBody=json.dumps({"Resources": resources}),
        ResourcesToImport=wanted,
    )
    cloudformation.get_waiter("change_set_create_complete").wait(StackName=stack, ChangeSetName=CHANGE_SET)
    cloudformation.execute_change_set(StackName=stack, ChangeSetName=CHANGE_SET)
    cloudformation.get_waiter("stack_import_complete").wait(StackName=stack)
