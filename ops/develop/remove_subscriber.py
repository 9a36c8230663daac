"""`darkroom remove-subscriber`: deletes a subscriber's stack, and lists the objects that remain."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from botocore.exceptions import ClientError

from ops.local.stack import service_stack
from ops.options import YesOption, console, flat
from ops.problem import Problem, sentence_on_problem
from ops.recovery.letters import counts
from ops.target import Place, Target, resolve

DELETE_BATCH_KEYS = 1000  # the most that S3's DeleteObjects takes


@dataclass(frozen=True, slots=True)
class Left:
    """The objects below a prefix to which the subscriber may write. They remain when its stack is deleted."""

    bucket: str
    prefix: str
    keys: tuple[str, ...]


@sentence_on_problem
@flat
def remove_subscriber(
    *,
    name: Annotated[str, typer.Argument(help="A subscriber with a separate stack.")],
    place: Place,
    objects: Annotated[bool, typer.Option("--objects", help="Also delete the objects that it wrote.")] = False,
    yes: YesOption = False,
) -> None:
    """Delete a subscriber's stack, and with --objects all objects that it wrote. The code stays.

    Example: darkroom remove-subscriber tally --stack darkroom-prod --objects --yes
    """
    target = resolve(place)
    stack = service_stack(name, target.name)
    left = list(left_behind(target, stack))
    queue, dead_letter_queue = target.queues(name)
    sqs = target.client("sqs")
    lost = sum(counts(sqs, url).total for url in (queue, dead_letter_queue))
    console.print(f"To be deleted: stack {stack}, with {lost} messages in its queues.", soft_wrap=True)
    for one in left:
        fate = "To be deleted" if objects else "Left behind (--objects deletes them)"
        console.print(f"{fate}: {len(one.keys)} objects below s3://{one.bucket}/{one.prefix}", soft_wrap=True)
    if not yes:
        console.print("Dry run: nothing was changed. Add --yes to do it.")
        return
    cloudformation = target.client("cloudformation")
    cloudformation.delete_stack(StackName=stack)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig={"Delay": 2})
    if objects:
        for one in left:
            delete_objects(target, one)
    console.print(f"{name} is removed.")


def left_behind(target: Target, stack: str) -> Iterator[Left]:
    """Yield the objects below each prefix that the stack's roles may write to. Raises Problem (`no-subscriber`)."""
    cloudformation, iam, s3 = target.client("cloudformation"), target.client("iam"), target.client("s3")
    try:
        resources = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
    except ClientError as error:
        raise Problem("no-subscriber", f"There is no stack {stack}. Check the name, or the region.") from error
    for resource in resources:
        if resource["ResourceType"] != "AWS::IAM::Role":
            continue
        role = resource["PhysicalResourceId"]
        for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
            for bucket, prefix in written(document):
                pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
                keys = tuple(found["Key"] for page in pages for found in page.get("Contents", []))
                yield Left(bucket, prefix, keys)


def written(document: Any) -> Iterator[tuple[str, str]]:
    """Yield each bucket and prefix that the policy document allows to write objects to."""
    document = json.loads(document) if isinstance(document, str) else document
    for statement in document["Statement"]:
        actions, resources = (
            value if isinstance(value, list) else [value] for value in (statement["Action"], statement["Resource"])
        )
        if statement["Effect"] == "Allow" and "s3:PutObject" in actions:
            for resource in resources:
                bucket, _, pattern = resource.rpartition(":::")[2].partition("/")
                yield bucket, pattern.removesuffix("*")


def delete_objects(target: Target, left: Left) -> None:
    """Delete the objects. Raises botocore's errors."""
    s3 = target.client("s3")
    for start in range(0, len(left.keys), DELETE_BATCH_KEYS):
        keys: Any = [{"Key": key} for key in left.keys[start : start + DELETE_BATCH_KEYS]]
        s3.delete_objects(Bucket=left.bucket, Delete={"Objects": keys, "Quiet": True})
