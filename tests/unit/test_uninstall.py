"""`darkroom uninstall` names what would be lost, and removes the subscribers first."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from mypy_boto3_s3 import S3Client
from typer.testing import CliRunner

from ops.cli import app
from ops.deployment import buckets

REGION = "eu-west-1"
ACCOUNT = "123456789012"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:darkroom-dev-UploadTopic-1"
UPLOADS = f"darkroom-dev-uploads-{ACCOUNT}-{REGION}"


class CloudFormation:
    """CloudFormation with the stacks that it is given; notes which ones are deleted, in order."""

    def __init__(self, stacks: dict[str, dict[str, Any]], imports: dict[str, list[str]]) -> None:
        self.stacks, self.imports = stacks, imports
        self.deleted: list[str] = []

    def describe_stacks(self, **given: str) -> dict[str, Any]:
        if given["StackName"] not in self.stacks:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": "does not exist"}}, "DescribeStacks")
        return {"Stacks": [self._described(given["StackName"])]}

    def list_imports(self, **given: str) -> dict[str, Any]:
        if given["ExportName"] not in self.imports:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": "is not imported"}}, "ListImports")
        return {"Imports": self.imports[given["ExportName"]]}

    def get_paginator(self, operation: str) -> Any:
        return self if operation == "describe_stacks" else _NoResources()

    def paginate(self) -> Iterator[dict[str, Any]]:
        yield {"Stacks": [self._described(name) for name in self.stacks]}

    def delete_stack(self, **given: str) -> None:
        self.deleted.append(given["StackName"])

    def get_waiter(self, _name: str) -> Any:
        return _Waiter()

    def _described(self, name: str) -> dict[str, Any]:
        return {"StackName": name, "StackStatus": "CREATE_COMPLETE", **self.stacks[name]}


class _NoResources:
    def paginate(self, **given: str) -> Iterator[dict[str, Any]]:
        yield {"StackResourceSummaries": []}


class _Waiter:
    def wait(self, **given: str) -> None:
        """Ends at once."""


def takes(parameter: str) -> dict[str, Any]:
    return {"Parameters": [{"ParameterKey": "Topic", "ParameterValue": parameter}]}


@pytest.fixture
def s3() -> Iterator[S3Client]:
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket=UPLOADS, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield client


def uninstall(cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch, *options: str) -> Any:
    class Session(boto3.Session):
        def client(self, service: str, **options: Any) -> Any:  # type: ignore[override]
            if service == "cloudformation":
                return cloudformation
            return super().client(service, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(boto3, "Session", Session)
    return CliRunner().invoke(app, ["uninstall", "--stack", "darkroom-dev", *options], env={"COLUMNS": "200"})


def test_subscribers_are_deleted_first_and_other_stacks_are_left(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    stacks: dict[str, dict[str, Any]] = {
        "darkroom-dev": {"Outputs": [{"ExportName": "darkroom-dev-UploadTopicArn", "OutputValue": TOPIC}]},
        "darkroom-dev-tags": takes("/darkroom-dev/UploadTopicArn"),
        "search": {},
        "journal": takes(TOPIC),
        "darkroom-prod": {},
        "darkroom-prod-tags": takes("/darkroom-prod/UploadTopicArn"),
    }
    cloudformation = CloudFormation(stacks, {"darkroom-dev-UploadTopicArn": ["search"]})
    dry = uninstall(cloudformation, monkeypatch)
    assert dry.exit_code == 0, dry.output
    assert cloudformation.deleted == []
    assert "Add --yes" in dry.output
    done = uninstall(cloudformation, monkeypatch, "--yes")
    assert done.exit_code == 0, done.output
    assert sorted(cloudformation.deleted[:3]) == ["darkroom-dev-tags", "journal", "search"]
    assert cloudformation.deleted[3:] == ["darkroom-dev"]
    assert s3.list_buckets()["Buckets"] == []


def test_the_remains_of_a_deleted_stack_are_found(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    logs: Any = boto3.client("logs")
    logs.create_log_group(logGroupName="/aws/lambda/darkroom-dev-resize")
    logs.create_log_group(logGroupName="/aws/lambda/darkroom-dev-resize-of-another-stack")
    s3.put_object(Bucket=UPLOADS, Key="uploads/cat.jpg", Body=b"12345")
    done = uninstall(CloudFormation({}, {}), monkeypatch, "--yes")
    assert done.exit_code == 0, done.output
    assert "1 objects, 5 bytes" in done.output
    assert s3.list_buckets()["Buckets"] == []
    left = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    assert left == ["/aws/lambda/darkroom-dev-resize-of-another-stack"]


def test_a_stack_that_does_not_exist_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    with mock_aws():
        done = uninstall(CloudFormation({}, {}), monkeypatch)
    assert done.exit_code == 1
    assert done.stderr.startswith("nothing-there: There is no stack darkroom-dev, and no remains.")


def test_emptying_deletes_earlier_versions_and_unfinished_uploads(s3: S3Client) -> None:
    s3.put_bucket_versioning(Bucket=UPLOADS, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"first", b"second"):
        s3.put_object(Bucket=UPLOADS, Key="cat.jpg", Body=body)
    s3.put_object(Bucket=UPLOADS, Key="dog.jpg", Body=b"third")
    s3.delete_object(Bucket=UPLOADS, Key="dog.jpg")
    s3.create_multipart_upload(Bucket=UPLOADS, Key="large.jpg")
    assert buckets.contents(s3, UPLOADS) == (3, 16)
    told: list[int] = []
    buckets.empty(s3, UPLOADS, progress=told.append)
    assert sum(told) == 4  # the delete marker too
    assert buckets.contents(s3, UPLOADS) == (0, 0)
    s3.delete_bucket(Bucket=UPLOADS)


def test_emptying_a_prefix_leaves_the_rest(s3: S3Client) -> None:
    for key in ("uploads/a/cat.jpg", "uploads/b/cat.jpg"):
        s3.put_object(Bucket=UPLOADS, Key=key, Body=b"x")
    assert buckets.empty(s3, UPLOADS, "uploads/a/") == 1
    assert [found["Key"] for found in s3.list_objects_v2(Bucket=UPLOADS)["Contents"]] == ["uploads/b/cat.jpg"]
