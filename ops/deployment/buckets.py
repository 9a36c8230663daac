"""Counts and deletes the objects of a bucket with all their versions."""

from collections.abc import Callable
from itertools import batched
from typing import TYPE_CHECKING, Any

from ops.problem import Problem

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DELETE_KEYS = 1000  # the most that S3 deletes in one request


def no_progress(count: int) -> None:
    """Ignores the progress."""


def contents(s3: "S3Client", bucket: str, prefix: str = "") -> tuple[int, int]:
    """Counts the objects below `prefix`, earlier versions included, and sums up their bytes."""
    count = size_bytes = 0
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        versions = page.get("Versions", [])
        count += len(versions)
        size_bytes += sum(found["Size"] for found in versions)
    return count, size_bytes


def empty(s3: "S3Client", bucket: str, prefix: str = "", progress: Callable[[int], None] = no_progress) -> int:
    """Deletes all objects below `prefix` with their versions and unfinished parts, and counts them.

    Calls `progress` after each request with the number of deleted objects. Raises Problem (`not-deleted`).
    """
    count = 0
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        found: list[Any] = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        for some in batched(found, DELETE_KEYS, strict=False):
            objects: Any = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in some]
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
            if errors := answer.get("Errors"):
                first = errors[0]
                raise Problem(
                    "not-deleted",
                    f"S3 did not delete {first.get('Key')} in {bucket}: {first.get('Message')}. Try again.",
                )
            count += len(some)
            progress(len(some))
    for uploads in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix):
        for upload in uploads.get("Uploads", []):
            s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    return count
