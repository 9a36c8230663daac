"""A stack's whole life by the commands alone: deployed into an empty account, tried, operated, changed and removed."""

import json
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from typer.testing import CliRunner, Result

from ops.cli import app
from ops.deployment import smoke, smoke_steps
from ops.deployment.buckets import empty
from ops.deployment.plan import Plan, describe
from ops.develop import roles
from ops.local import engine as engines
from ops.local import stack as stacks
from ops.local.engine import REGION, Engine
from ops.target import Target
from shared.events import Upload
from shared.keys import new_image_id, rejection_key, upload_key
from tests.support.calls import recorded
from tests.support.deployed import until
from tests.support.killers import BUILD

STACK = "darkroom-dev"
# A subscriber's stack takes Darkroom's names from its SSM parameters, as `darkroom new-subscriber` writes it.
SUBSCRIBER = """
Parameters:
  Topic: { Type: "AWS::SSM::Parameter::Value<String>", Default: /darkroom-dev/UploadTopicArn }
Resources:
  TagsQueue: { Type: AWS::SQS::Queue }
  TagsDeadLetterQueue: { Type: AWS::SQS::Queue }
  TagsTable:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: tag, AttributeType: S }]
      KeySchema: [{ AttributeName: tag, KeyType: HASH }]
"""
RECORDED: dict[str, set[str]] = {}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An empty account. Every AWS client of this process and its children uses it."""
    stacks.build(BUILD, stacks.host_architecture())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        engine = Engine(tmp_path_factory.mktemp("account"), probe.getsockname()[1])
    process = engines.start(engine)
    with pytest.MonkeyPatch.context() as patched:
        for name, value in engine.client_environment().items():
            patched.setenv(name, value)
        patched.setenv("COLUMNS", "200")
        patched.setattr(Plan, "build", BUILD)  # the artifact that all end-to-end tests share
        yield engine
    engines.stop(process)


@pytest.fixture(scope="module")
def target(account: Engine) -> Target:
    """The deployed stack, as `--stack` finds it on AWS; on the engine the gallery has another address."""
    with recorded() as calls:
        done = darkroom("deploy", "dev", "--parameter", "RunsOn=local", "--yes")
    RECORDED["deploy"] = calls
    assert done.exit_code == 0, done.output
    outputs = stacks.outputs(boto3.Session().client("cloudformation"), STACK)
    # Not the engine's own session, because it removes these variables.
    return Target(STACK, boto3.Session(), None, outputs, account.gallery_url(outputs["ApiId"]))


def darkroom(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def parameters(account: Engine) -> dict[str, str]:
    found = boto3.Session().client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    return {one["ParameterKey"]: one["ParameterValue"] for one in found["Parameters"]}


def left(target: Target) -> int:
    """How many objects and messages the stack holds."""
    s3, sqs = target.session.client("s3"), target.session.client("sqs")
    count = sum(
        s3.list_objects_v2(Bucket=target.outputs[bucket])["KeyCount"]
        for bucket in ("UploadBucketName", "ResizedBucketName")
    )
    for queue in ("ResizeQueueUrl", "ResizeDeadLetterQueueUrl"):
        counted = sqs.get_queue_attributes(QueueUrl=target.outputs[queue], AttributeNames=["All"])["Attributes"]
        count += int(counted["ApproximateNumberOfMessages"]) + int(counted["ApproximateNumberOfMessagesNotVisible"])
    return count


def test_a_change_set_that_nobody_confirms_leaves_an_empty_account(account: Engine) -> None:
    done = darkroom("deploy", "dev", "--parameter", "RunsOn=local")  # without a terminal, nobody can answer
    assert done.exit_code == 1
    assert "declined: Nothing was deployed" in done.output
    assert describe(boto3.Session().client("cloudformation"), STACK) is None


def test_a_deployment_adds_overrides_to_samconfig_and_keeps_both_later(account: Engine, target: Target) -> None:
    assert parameters(account)["RunsOn"] == "local"
    assert parameters(account)["OriginalsRetentionDays"] == "15"
    done = darkroom("deploy", "dev", "--parameter", "MaxSidePixels=10000", "--yes")
    assert done.exit_code == 0, done.output
    assert "Gallery: https://" in done.output
    wanted = {"RunsOn": "local", "MaxSidePixels": "10000", "OriginalsRetentionDays": "15", "LogRetentionDays": "7"}
    assert {name: parameters(account)[name] for name in wanted} == wanted


def test_smoke_finds_that_everything_works_and_removes_what_it_made(target: Target) -> None:
    with recorded() as calls:
        steps = smoke.run(replace(target, session=boto3.Session()))  # a session that reports its calls
    RECORDED["smoke"] = calls
    assert [step for step in steps if not step.works] == []
    assert {"thumb is right", "log line is there", "file rejected", "dead letter replayed"} <= {
        step.name for step in steps
    }
    until(lambda: left(target) == 0, "empty stack")


def test_smoke_says_which_step_does_not_work(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoke_steps, "ARRIVES_SECONDS", 3)
    sns = target.session.client("sns")
    (subscribed,) = sns.list_subscriptions_by_topic(TopicArn=target.outputs["UploadTopicArn"])["Subscriptions"]
    sns.set_subscription_attributes(
        SubscriptionArn=subscribed["SubscriptionArn"],
        AttributeName="FilterPolicy",
        AttributeValue=json.dumps({"nobody": ["sends this"]}),
    )
    try:
        steps = {step.name: step for step in smoke.run(target)}
    finally:
        sns.set_subscription_attributes(
            SubscriptionArn=subscribed["SubscriptionArn"], AttributeName="FilterPolicy", AttributeValue="{}"
        )
    assert steps["picture uploaded"].works
    assert not steps["picture ready"].works
    assert "thumb is right" not in steps
    assert not smoke.passed(list(steps.values()))
    until(lambda: left(target) == 0, "empty stack")


def test_an_operator_needs_the_recorded_calls_and_no_others(target: Target) -> None:
    cloudformation = boto3.Session().client("cloudformation")
    cloudformation.create_stack(StackName=f"{STACK}-tags", TemplateBody=SUBSCRIBER)
    cloudformation.get_waiter("stack_create_complete").wait(StackName=f"{STACK}-tags")
    _leave_work(target)
    at = ("--stack", STACK, "--region", REGION)
    commands = [
        ("status", "--json"), ("report", "--json"), ("rejections", "list"), ("rejections", "replay", "--all", "--yes"),
        ("dead-letters", "list"), ("dead-letters", "replay", "--all", "--yes"), ("rerender", "--all", "--yes"),
        ("dead-letters", "drop", "--all", "--yes"), ("dead-letters", "list", "--subscriber", "tags"),
        ("dead-letters", "outcome"), ("reconcile", "--yes"), ("invite", "--role", "viewer", "--name", "Anna"),
        ("invitations",), ("revoke", "Anna", "--yes"), ("rotate-key", "--yes"),
    ]  # fmt: skip
    with recorded() as calls:
        for command in commands:
            done = darkroom(*command, *at)
            assert done.exit_code == 0, done.output
    RECORDED["operate"] = calls


def _leave_work(target: Target) -> None:
    """Leave an original, a dead letter and a rejection for the operator's commands."""
    at = datetime.now(UTC) - timedelta(days=1)
    s3, key = target.client("s3"), upload_key(new_image_id(at), "poem.jpg")
    s3.put_object(Bucket=target.outputs["UploadBucketName"], Key=key, Body=b"no picture")
    target.client("sqs").send_message(QueueUrl=target.outputs["ResizeDeadLetterQueueUrl"], MessageBody="{}")
    image_id = new_image_id(at)
    event = Upload(target.outputs["UploadBucketName"], upload_key(image_id, "gone.jpg"), "e" * 32, 1, at).as_event()
    record = {"code": "not-an-image", "sentence": "No.", "name": "gone.jpg", "rejected_at": at.isoformat()}
    body = json.dumps(record | {"event": event}).encode()
    s3.put_object(Bucket=target.outputs["ResizedBucketName"], Key=rejection_key(image_id), Body=body)


def test_the_next_deployment_adopts_the_pictures_of_a_deleted_stack(account: Engine, target: Target) -> None:
    cloudformation, s3 = boto3.Session().client("cloudformation"), boto3.Session().client("s3")
    bucket = target.outputs["UploadBucketName"]
    s3.put_object(Bucket=bucket, Key="kept.jpg", Body=b"1234567")
    cloudformation.delete_stack(StackName=STACK)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=STACK)
    with recorded() as calls:
        done = darkroom("deploy", "dev", "--parameter", "RunsOn=local", "--yes")
    RECORDED["adopt"] = calls
    assert done.exit_code == 0, done.output
    assert f"Adopted {bucket}" in done.output
    assert s3.get_object(Bucket=bucket, Key="kept.jpg")["Body"].read() == b"1234567"
    held = cloudformation.describe_stack_resource(StackName=STACK, LogicalResourceId="UploadBucket")
    assert held["StackResourceDetail"]["PhysicalResourceId"] == bucket
    assert s3.get_bucket_notification_configuration(Bucket=bucket)["TopicConfigurations"]
    s3.delete_object(Bucket=bucket, Key="kept.jpg")


def test_uninstall_says_what_would_be_lost_and_then_leaves_nothing(account: Engine, target: Target) -> None:
    session = boto3.Session()
    empty(session.client("s3"), target.outputs["UploadBucketName"])
    session.client("s3").put_object(Bucket=target.outputs["UploadBucketName"], Key="mine.jpg", Body=b"12345")
    with recorded() as calls:
        dry = darkroom("uninstall", "--stack", STACK)
        assert dry.exit_code == 0, dry.output
        assert "1 objects, 5 bytes" in dry.output
        assert f"{STACK}-tags" in dry.output
        assert session.client("s3").list_objects_v2(Bucket=target.outputs["UploadBucketName"])["KeyCount"] == 1
        done = darkroom("uninstall", "--stack", STACK, "--yes")
        # A function that was still running creates its log group again.
        session.client("logs").create_log_group(logGroupName=f"/aws/lambda/{STACK}-list")
        remains = darkroom("uninstall", "--stack", STACK, "--yes")
    RECORDED["uninstall"] = calls
    assert remains.exit_code == 0, remains.output
    assert done.exit_code == 0, done.output
    assert done.output.index(f"Deleted stack {STACK}-tags") < done.output.index(f"Deleted stack {STACK}\n")
    stacks_left = [one["StackName"] for one in session.client("cloudformation").describe_stacks()["Stacks"]]
    assert not [name for name in stacks_left if name.startswith(STACK)]
    assert not [one for one in session.client("s3").list_buckets()["Buckets"] if one["Name"].startswith(STACK)]
    until(lambda: "nothing-there" in darkroom("uninstall", "--stack", STACK, "--yes").output, "an empty account")


def test_the_roles_allow_the_calls_that_the_commands_make() -> None:
    found = {purpose: sorted(calls) for purpose, calls in sorted(RECORDED.items())}
    if os.environ.get("DARKROOM_RECORD_CALLS"):
        Path(roles.CALLS).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    allowed = json.loads(roles.CALLS.read_text(encoding="utf-8"))
    # The recording may have more calls than this run: a fast deployment is polled less often than a slow one.
    missing = {purpose: sorted(set(calls) - set(allowed[purpose])) for purpose, calls in found.items()}
    assert not any(missing.values()), f"{missing}: run this file with DARKROOM_RECORD_CALLS=1, then `make generated`"
