"""S3 as Darkroom uses it. What S3 answers becomes bytes, a domain error, or Superseded."""

import json
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from shared.errors import Rejected, Unavailable
from shared.events import Created, Upload

if TYPE_CHECKING:  # type stubs are not deployed
    from mypy_boto3_s3 import S3Client

# Rendition keys name one image's one content, so what lies behind them never changes.
FOREVER = "public, max-age=31536000, immutable"

# An answer that breaks off in the middle comes through botocore as urllib3's error.
_FAILURES = (ClientError, BotoCoreError, HTTPError, OSError)


class Superseded(Exception):
    """The object is no longer what the event announced: replaced by a newer upload, or deleted."""


@cache
def s3_client() -> "S3Client":
    """The one S3 client of this execution environment (making one costs as much as several requests).

    Time-outs are far below the function's own, so that a stuck connection is retried and not waited out.
    """
    return boto3.client(
        "s3",
        config=Config(
            signature_version="s3v4",
            connect_timeout=2,
            read_timeout=10,
            retries={"mode": "standard", "total_max_attempts": 4},
            # The bucket's own regional address: the global one answers a fresh bucket elsewhere with a redirect,
            # which a browser's POST does not survive.
            s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
        ),
    )


def get_original(s3: "S3Client", bucket: str, key: str, etag: str, max_bytes: int) -> bytes:
    """The bytes of the object, which must still be the one with `etag`.

    Raises Superseded if it is not, Rejected (`too-many-bytes`) before reading more than `max_bytes`, and Unavailable
    (`storage-unavailable`) if S3 does not answer.
    """
    try:
        answer = s3.get_object(Bucket=bucket, Key=key, IfMatch=f'"{etag}"')
        if answer["ContentLength"] > max_bytes:
            answer["Body"].close()
            raise too_many_bytes(answer["ContentLength"], max_bytes)
        return answer["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in {"PreconditionFailed", "412", "NoSuchKey", "404"}:
            raise Superseded(f"s3://{bucket}/{key} is no longer the object with ETag {etag}") from error
        raise _unavailable("read", bucket, key, error) from error
    except _FAILURES as error:
        raise _unavailable("read", bucket, key, error) from error


def read_announced(s3: "S3Client", event: Created, max_bytes: int) -> bytes:
    """The bytes of the object that `event` announced; raises as `get_original` does."""
    return get_original(s3, event.bucket, event.key, event.etag, max_bytes)


def put_rendition(
    s3: "S3Client", bucket: str, key: str, body: bytes, content_type: str, metadata: dict[str, str]
) -> None:
    """Writes a rendition with its content type, headers that let browsers keep it, and `metadata`.

    Raises Unavailable (`storage-unavailable`) if S3 does not take it.
    """
    try:
        s3.put_object(
            Bucket=bucket, Key=key, Body=body, ContentType=content_type, CacheControl=FOREVER, Metadata=metadata
        )
    except _FAILURES as error:
        raise _unavailable("write", bucket, key, error) from error


def put_record(s3: "S3Client", bucket: str, key: str, record: dict[str, Any]) -> None:
    """Writes `record` as a JSON document. Raises Unavailable (`storage-unavailable`) if S3 does not take it."""
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(record).encode(), ContentType="application/json")
    except _FAILURES as error:
        raise _unavailable("write", bucket, key, error) from error


def delete_original(s3: "S3Client", bucket: str, key: str, etag: str) -> None:
    """Deletes the object if it is still the one with `etag`; a newer one, or none, is left as it is.

    Raises Unavailable (`storage-unavailable`) if S3 does not answer.
    """
    try:
        s3.delete_object(Bucket=bucket, Key=key, IfMatch=f'"{etag}"')
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"PreconditionFailed", "412", "NoSuchKey", "404"}:
            raise _unavailable("delete", bucket, key, error) from error
    except _FAILURES as error:
        raise _unavailable("delete", bucket, key, error) from error


def newest(s3: "S3Client", upload: Upload) -> Upload | None:
    """`upload` with the content that its key has now, or None if there is nothing under its key any more.

    Raises Unavailable (`storage-unavailable`) if S3 does not answer.
    """
    try:
        answer = s3.head_object(Bucket=upload.bucket, Key=upload.key)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
            return None
        raise _unavailable("read", upload.bucket, upload.key, error) from error
    except _FAILURES as error:
        raise _unavailable("read", upload.bucket, upload.key, error) from error
    return replace(upload, etag=answer["ETag"].strip('"'), size_bytes=answer["ContentLength"])


def keys_below(s3: "S3Client", bucket: str, prefix: str) -> list[str]:
    """The keys that begin with `prefix`, at most the thousand that S3 lists at once.

    Raises Unavailable (`storage-unavailable`) if S3 does not answer.
    """
    try:
        answer = s3.list_objects_v2(Bucket=bucket, Prefix=prefix)
    except _FAILURES as error:
        raise _unavailable("list", bucket, prefix, error) from error
    return [found["Key"] for found in answer.get("Contents", [])]


def delete(s3: "S3Client", bucket: str, key: str) -> None:
    """Deletes the object, if there is one. Raises Unavailable (`storage-unavailable`) if S3 does not answer."""
    try:
        s3.delete_object(Bucket=bucket, Key=key)
    except _FAILURES as error:
        raise _unavailable("delete", bucket, key, error) from error


def too_many_bytes(size_bytes: int, max_bytes: int) -> Rejected:
    """What an uploader is told whose file is too big; the door and the resizer say it the same way."""
    return Rejected(
        "too-many-bytes",
        f"The file has {_megabytes(size_bytes)} MB and the limit is {_megabytes(max_bytes)} MB. "
        "Save it smaller or at a lower quality and upload it again.",
    )


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1_000_000:.1f}".removesuffix(".0")


def _unavailable(act: str, bucket: str, key: str, error: Exception) -> Unavailable:
    return Unavailable("storage-unavailable", f"S3 could not {act} s3://{bucket}/{key}: {error}")
