"""`darkroom remove-subscriber` finds the objects that a subscriber could write, and deletes only those."""

import json
from typing import Any, cast

import boto3
import pytest
from mypy_boto3_s3 import S3Client

from ops.develop.remove_subscriber import Left, delete_objects, written
from ops.target import Target

ARN = "arn:aws:s3:::resized"


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Statement": list(statements)}


@pytest.mark.parametrize(
    ("document", "found"),
    [
        (
            policy({"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"{ARN}/albums/*"}),
            [("resized", "albums/")],
        ),
        (policy({"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": [f"{ARN}/a/*"]}), [("resized", "a/")]),
        (policy({"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{ARN}/thumb/*"}), []),
        (policy({"Effect": "Deny", "Action": "s3:PutObject", "Resource": f"{ARN}/a/*"}), []),
    ],
)
@pytest.mark.parametrize("as_text", [False, True])
def test_prefixes_with_write_permission_are_found(
    document: dict[str, Any], found: list[tuple[str, str]], as_text: bool
) -> None:
    assert list(written(json.dumps(document) if as_text else document)) == found


def test_only_the_listed_objects_are_deleted(s3: S3Client) -> None:
    keys = [f"albums/{number:04}.json" for number in range(1001)]
    for key in [*keys[:3], "thumb/a.jpg"]:
        s3.put_object(Bucket="resized", Key=key, Body=b"x")

    class Local:
        def client(self, _service: str) -> S3Client:
            return boto3.client("s3")

    delete_objects(cast(Target, Local()), Left("resized", "albums/", tuple(keys)))
    assert [found["Key"] for found in s3.list_objects_v2(Bucket="resized")["Contents"]] == ["thumb/a.jpg"]
