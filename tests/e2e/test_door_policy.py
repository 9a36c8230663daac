"""A ticket permits one key, one type, a number of bytes and some minutes. A role permits only its function's work."""

import base64
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from functions.ingest import door
from ops.local.engine import REGION
from tests.support.deployed import Stack
from tests.support.uploads import picture

LAMBDA_ALONE = pytest.mark.local_only("AWS lets only Lambda assume the roles of the functions")


def ticket(stack: Stack, size: int = 1000) -> dict[str, Any]:
    asked = httpx.post(f"{stack.gallery_url}uploads", json={"name": "cat.jpg", "type": "image/jpeg", "size": size})
    assert asked.status_code == 201, asked.text
    issued: dict[str, Any] = asked.json()
    return issued


def post(issued: dict[str, Any], body: bytes = b"x", changed: dict[str, str] | None = None) -> httpx.Response:
    return httpx.post(
        issued["url"], data=issued["fields"] | (changed or {}), files={"file": ("cat.jpg", body)}, timeout=60
    )


def refused(stack: Stack, issued: dict[str, Any], answer: httpx.Response) -> None:
    assert answer.status_code in {400, 403}, answer.text
    assert stack.keys(f"uploads/{issued['id']}/", stack.upload_bucket) == []


def test_a_valid_ticket_is_accepted(stack: Stack) -> None:
    issued = ticket(stack)
    assert post(issued, picture()).status_code == 204
    assert stack.keys(f"uploads/{issued['id']}/", stack.upload_bucket) == [issued["fields"]["key"]]


def test_too_many_bytes_are_refused(stack: Stack) -> None:
    issued = ticket(stack)
    refused(stack, issued, post(issued, bytes(50_000_001)))


def test_an_empty_file_is_refused(stack: Stack) -> None:
    issued = ticket(stack)
    refused(stack, issued, post(issued, b""))


def test_another_key_is_refused(stack: Stack) -> None:
    issued = ticket(stack)
    refused(stack, issued, post(issued, changed={"key": issued["fields"]["key"] + "2"}))


def test_another_media_type_is_refused(stack: Stack) -> None:
    issued = ticket(stack)
    refused(stack, issued, post(issued, changed={"Content-Type": "text/html"}))


@pytest.mark.parametrize(
    "altered",
    [
        {"expiration": "2020-01-01T00:00:00Z"},
        {"conditions": [["starts-with", "$key", ""]]},
    ],
)
def test_an_altered_policy_is_refused(stack: Stack, altered: dict[str, Any]) -> None:
    issued = ticket(stack)
    policy = json.loads(base64.b64decode(issued["fields"]["policy"])) | altered
    encoded = base64.b64encode(json.dumps(policy).encode()).decode()
    refused(stack, issued, post(issued, changed={"policy": encoded}))


@LAMBDA_ALONE
def test_an_expired_ticket_is_refused(stack: Stack) -> None:
    """Tests a correct signature of the door's own role under an expired policy."""
    # The door signs with SigV4. Without this setting boto3 would sign with SigV2, whose expiry is another check.
    signed_as_the_door = Config(signature_version="s3v4")
    s3 = as_role(stack, "ingest").client("s3", endpoint_url=stack.engine.url, config=signed_as_the_door)
    key = "uploads/late/cat.jpg"
    late = s3.generate_presigned_post(stack.upload_bucket, key, ExpiresIn=-1)
    assert late["fields"]["x-amz-algorithm"] == "AWS4-HMAC-SHA256"
    assert httpx.post(late["url"], data=late["fields"], files={"file": b"x"}).status_code == 403
    in_time = s3.generate_presigned_post(stack.upload_bucket, key, ExpiresIn=60)
    assert httpx.post(in_time["url"], data=in_time["fields"], files={"file": picture()}).status_code == 204


def test_an_anonymous_request_is_refused(stack: Stack) -> None:
    url = ticket(stack)["url"]
    assert httpx.post(url, data={"key": "test.jpg"}, files={"file": picture()}).status_code == 403
    assert httpx.put(f"{url}/test.jpg", content=picture()).status_code == 403
    assert httpx.get(f"{stack.s3.meta.endpoint_url}/{stack.resized_bucket}?list-type=2").status_code == 403
    assert stack.keys("test.jpg", stack.upload_bucket) == []


def as_role(stack: Stack, function: str) -> boto3.Session:
    """Return a session with the role of one function.

    The engine lets the account's root assume any role, so this checks first that Lambda could.
    """
    role = stack.client("lambda").get_function_configuration(FunctionName=f"darkroom-{function}")["Role"]
    trusted = stack.client("iam").get_role(RoleName=role.rsplit("/", 1)[-1])["Role"]["AssumeRolePolicyDocument"]
    assert trusted["Statement"] == [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ]
    credentials = stack.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    return boto3.Session(
        credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"], region_name=REGION
    )


@LAMBDA_ALONE
@pytest.mark.parametrize(
    ("function", "operation", "bucket"),
    [
        ("ingest", "get_object", "UploadBucketName"),
        ("ingest", "delete_object", "UploadBucketName"),
        ("ingest", "put_object", "UploadBucketName"),  # outside of uploads/
        ("ingest", "put_object", "ResizedBucketName"),
        ("list", "put_object", "ResizedBucketName"),
        ("list", "delete_object", "ResizedBucketName"),
        ("list", "get_object", "UploadBucketName"),
        ("resize", "put_object", "UploadBucketName"),
        ("resize", "delete_object", "UploadBucketName"),
        ("resize", "get_object", "ResizedBucketName"),
    ],
)
def test_a_role_permits_only_the_work_of_its_function(stack: Stack, function: str, operation: str, bucket: str) -> None:
    s3 = as_role(stack, function).client("s3", endpoint_url=stack.engine.url)
    with pytest.raises(ClientError) as raised:
        getattr(s3, operation)(Bucket=stack.outputs[bucket], Key="elsewhere.jpg")
    assert raised.value.response["Error"]["Code"] == "AccessDenied"


@LAMBDA_ALONE
@pytest.mark.parametrize(("line", "status"), [(200_000, 204), (2_000_000, 403)])
def test_a_file_arrives_over_a_line_as_slow_as_tickets_allow_for(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, line: int, status: int
) -> None:
    """600 kB at 220 kB/s take three seconds: in time for 200 kB/s, too late for a ticket that expects 2 MB/s."""
    monkeypatch.setattr(door, "TICKET_SECONDS", 1)
    monkeypatch.setattr(door, "SLOWEST_LINE_BYTES_PER_SECOND", line)
    s3 = as_role(stack, "ingest").client("s3", endpoint_url=stack.engine.url, config=Config(signature_version="s3v4"))
    wish = door.Wish("slow.jpg", "image/jpeg", 600_000)
    issued = door.ticket(s3, stack.upload_bucket, wish, 50_000_000, datetime.now(UTC))
    form = httpx.Request("POST", issued.url, data=issued.fields, files={"file": picture().ljust(600_000, b"\0")})
    body = form.read()

    def slowly() -> Iterator[bytes]:
        for start in range(0, len(body), 22_000):
            yield body[start : start + 22_000]
            time.sleep(0.1)

    headers = {name: form.headers[name] for name in ("content-type", "content-length")}
    assert httpx.post(issued.url, content=slowly(), headers=headers, timeout=60).status_code == status
