"""The requests to S3 that each path of an upload makes. They are most of its cost and of its latency."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from mypy_boto3_s3 import S3Client

from functions.resize.render import render
from functions.resize.work import Settings, resize_upload
from shared.events import Upload
from shared.keys import new_image_id, upload_key
from tests.support.pictures import plain_jpeg as photo

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
SETTINGS = Settings("uploads", "resized", 5)
DOOR_KEY = upload_key(new_image_id(AT), "cat.jpg")
FIRST = {"GetObject": 1, "PutObject": 3, "ListObjectsV2": 1}
REJECTED = FIRST | {"PutObject": 2}


@contextmanager
def counted(s3: S3Client) -> Iterator[Counter[str]]:
    """Counts the operations that the block calls."""
    requests: Counter[str] = Counter()

    def count(model: Any, **_: Any) -> None:
        requests[model.name] += 1

    s3.meta.events.register("before-call.s3", count)
    yield requests
    s3.meta.events.unregister("before-call.s3", count)


def arrive(s3: S3Client, body: bytes, key: str = DOOR_KEY) -> Upload:
    etag = s3.put_object(Bucket="uploads", Key=key, Body=body)["ETag"].strip('"')
    return Upload("uploads", key, etag, len(body), AT)


def requests_of(s3: S3Client, upload: Upload, settings: Settings = SETTINGS) -> dict[str, int]:
    with counted(s3) as requests:
        resize_upload(s3, upload, settings, render)
    return dict(requests)


@pytest.mark.parametrize("key", [DOOR_KEY, "holiday/cat.jpg"], ids=["by the door", "by another tool"])
def test_a_first_upload_takes_five_requests(s3: S3Client, key: str) -> None:
    assert requests_of(s3, arrive(s3, photo(800, 600), key)) == FIRST


def test_a_rejection_takes_four_requests(s3: S3Client) -> None:
    assert requests_of(s3, arrive(s3, b"a poem")) == REJECTED


def test_deleting_the_original_takes_one_more(s3: S3Client) -> None:
    settings = replace(SETTINGS, delete_originals=True)
    assert requests_of(s3, arrive(s3, photo(800, 600)), settings) == FIRST | {"DeleteObject": 1}


@pytest.mark.parametrize(
    ("before", "requests"),
    [
        # The first write finds that the key exists. Then everything is written again and checked.
        (
            photo(800, 600),
            {"GetObject": 1, "PutObject": 4, "HeadObject": 3, "ListObjectsV2": 3, "DeleteObject": 1},
        ),
        # The LIST finds another view: its three renditions are deleted, and a rejection that might exist.
        (photo(30, 20), {"GetObject": 1, "PutObject": 6, "HeadObject": 3, "ListObjectsV2": 4, "DeleteObject": 4}),
        # The LIST finds the mark of a rejection.
        (b"a poem", {"GetObject": 1, "PutObject": 6, "HeadObject": 3, "ListObjectsV2": 4, "DeleteObject": 2}),
    ],
    ids=["the same size", "another size", "a rejection"],
)
def test_the_requests_of_an_upload_that_replaces_another(s3: S3Client, before: bytes, requests: dict[str, int]) -> None:
    resize_upload(s3, arrive(s3, before), SETTINGS, render)
    assert requests_of(s3, arrive(s3, photo(800, 600, "red"))) == requests


def test_a_deleted_upload_takes_three_requests(s3: S3Client) -> None:
    upload = arrive(s3, photo(800, 600))
    s3.delete_object(Bucket="uploads", Key=DOOR_KEY)
    assert requests_of(s3, upload) == {"GetObject": 1, "HeadObject": 2}


def denied(s3: S3Client, operation: str) -> Callable[..., None]:
    def deny(**_: Any) -> None:
        raise s3.exceptions.ClientError(
            {"Error": {"Code": "AccessDenied", "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 403}},  # type: ignore[typeddict-item]
            operation,
        )

    s3.meta.events.register_first(f"before-call.s3.{operation}", deny)
    return deny


def test_a_refused_clean_up_does_not_fail_the_upload(s3: S3Client) -> None:
    older = arrive(s3, photo(30, 20))
    resize_upload(s3, older, SETTINGS, render)
    denied(s3, "DeleteObject")
    newer = arrive(s3, photo(800, 600))
    resize_upload(s3, newer, replace(SETTINGS, delete_originals=True), render)
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket="resized")["Contents"]]
    assert any("/800x600/" in key for key in keys)
