"""S3 as Darkroom uses it. Each answer of S3 becomes bytes, a domain error, Exists or Superseded."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)
from urllib3.exceptions import HTTPError

from shared.errors import Outage, Rejected, Unavailable
from shared.events import Created, Upload
from shared.keys import UPLOADS_PREFIX
from shared.once import Once

if TYPE_CHECKING:  # type stubs are not deployed
    from mypy_boto3_s3 import S3Client

# A rendition's key names one content of one image, so the object under it does not change.
FOREVER = "public, max-age=31536000, immutable"

# botocore passes urllib3's error on when an answer breaks off in the middle.
_FAILURES = (ClientError, BotoCoreError, HTTPError, OSError)


# The error codes of S3 and SQS for overload and for "try again", beside every 5xx. Source:
# docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and botocore/retries/standard.py
_OUTAGE_CODES = {
    "SlowDown", "ServiceUnavailable", "InternalError", "OperationAborted", "RequestTimeout", "RequestTimeoutException",
    "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException",
    "RequestLimitExceeded", "TooManyRequestsException", "BandwidthLimitExceeded", "PriorRequestNotComplete",
}  # fmt: skip
_GONE = {"PreconditionFailed", "412", "NoSuchKey", "404"}
_EXISTS = {"PreconditionFailed", "412", "ConditionalRequestConflict", "409"}


class Exists(Exception):
    """The key had to be new, but it has an object, or another writer is creating one."""


class Superseded(Exception):
    """The event's object was replaced by a newer upload, or deleted."""


@Once
def s3_client() -> "S3Client":
    """Returns the S3 client of this execution environment; making one costs as much as several requests.

    Its timeouts are far below the function's own, so that a stuck connection is retried in time.
    """
    return boto3.client(
        "s3",
        config=Config(
            signature_version="s3v4",
            connect_timeout=2,
            read_timeout=5,
            retries={"mode": "standard", "total_max_attempts": 3},
            # The bucket's own regional address: the global one answers a fresh bucket elsewhere with a redirect,
            # which a browser's POST does not survive.
            s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
        ),
    )


def get_original(s3: "S3Client", bucket: str, key: str, etag: str, max_bytes: int) -> bytes:
    """Returns the bytes of the object, which must still have `etag`.

    Raises Superseded if it has another ETag, Rejected (`too-many-bytes`) before reading more than `max_bytes`, Outage
    (`storage-unavailable`) if S3 does not answer, and Unavailable (`storage-refused`) if it refuses.
    """
    try:
        answer = s3.get_object(Bucket=bucket, Key=key, IfMatch=f'"{etag}"')
        if answer["ContentLength"] > max_bytes:
            answer["Body"].close()
            raise too_many_bytes(answer["ContentLength"], max_bytes)
        return answer["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            raise Superseded(f"s3://{bucket}/{key} is no longer the object with ETag {etag}") from error
        raise _fault("read", bucket, key, error) from error
    except _FAILURES as error:
        raise _fault("read", bucket, key, error) from error


def read_announced(s3: "S3Client", event: Created, max_bytes: int) -> bytes:
    """Returns the bytes of the object that `event` announced; raises as `get_original` does."""
    return get_original(s3, event.bucket, event.key, event.etag, max_bytes)


def read_original(s3: "S3Client", bucket: str, image_id: str, max_bytes: int) -> bytes | None:
    """Returns the bytes of the original that was uploaded under `image_id`, or None if it was deleted.

    Only originals from the upload door have the image id in their key. Raises as `get_original` does.
    """
    for key in keys_below(s3, bucket, f"{UPLOADS_PREFIX}{image_id}/"):
        try:
            etag = s3.head_object(Bucket=bucket, Key=key)["ETag"].strip('"')
        except _FAILURES as error:
            raise _fault("read", bucket, key, error) from error
        return get_original(s3, bucket, key, etag, max_bytes)
    return None


def put_rendition(
    s3: "S3Client", bucket: str, key: str, body: bytes, content_type: str, metadata: dict[str, str], *, new: bool
) -> None:
    """Writes a rendition with its content type, headers that let browsers keep it, and `metadata`.

    Raises Exists if it must be `new` and there is an object under `key`, else as `get_original` does.
    """
    headers: dict[str, Any] = {"ContentType": content_type, "CacheControl": FOREVER, "Metadata": metadata}
    _put(s3, bucket, key, body, headers, new)


def put_record(s3: "S3Client", bucket: str, key: str, record: dict[str, Any], *, new: bool = False) -> None:
    """Writes `record` as a JSON document; raises as `put_rendition` does."""
    _put(s3, bucket, key, json.dumps(record).encode(), {"ContentType": "application/json"}, new)


def put_mark(s3: "S3Client", bucket: str, key: str) -> None:
    """Writes an empty object; raises as `get_original` does."""
    _put(s3, bucket, key, b"", {}, new=False)


def _put(s3: "S3Client", bucket: str, key: str, body: bytes, headers: dict[str, Any], new: bool) -> None:
    condition: dict[str, Any] = {"IfNoneMatch": "*"} if new else {}
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=body, **headers, **condition)
    except ClientError as error:
        if new and error.response["Error"]["Code"] in _EXISTS:
            raise Exists(key) from error
        raise _fault("write", bucket, key, error) from error
    except _FAILURES as error:
        raise _fault("write", bucket, key, error) from error


def delete_original(s3: "S3Client", bucket: str, key: str, etag: str) -> None:
    """Deletes the object if it still has `etag`; does nothing if it is newer or gone.

    Raises Outage or Unavailable as `get_original` does.
    """
    try:
        s3.delete_object(Bucket=bucket, Key=key, IfMatch=f'"{etag}"')
    except ClientError as error:
        if error.response["Error"]["Code"] not in _GONE:
            raise _fault("delete", bucket, key, error) from error
    except _FAILURES as error:
        raise _fault("delete", bucket, key, error) from error


def newest(s3: "S3Client", upload: Upload) -> Upload | None:
    """Returns `upload` with the content that its key has now, or None if the object is gone.

    Raises Outage or Unavailable as `get_original` does.
    """
    try:
        answer = s3.head_object(Bucket=upload.bucket, Key=upload.key)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
            return None
        raise _fault("read", upload.bucket, upload.key, error) from error
    except _FAILURES as error:
        raise _fault("read", upload.bucket, upload.key, error) from error
    return replace(upload, etag=answer["ETag"].strip('"'), size_bytes=answer["ContentLength"])


def keys_below(s3: "S3Client", bucket: str, prefix: str) -> list[str]:
    """Returns the keys that begin with `prefix`, at most the thousand that S3 lists at once.

    Raises Outage or Unavailable as `get_original` does.
    """
    try:
        answer = s3.list_objects_v2(Bucket=bucket, Prefix=prefix)
    except _FAILURES as error:
        raise _fault("list", bucket, prefix, error) from error
    return [found["Key"] for found in answer.get("Contents", [])]


def exists(s3: "S3Client", bucket: str, key: str) -> bool:
    """Returns whether there is such an object. Raises Outage or Unavailable as `get_original` does."""
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
            return False
        raise _fault("read", bucket, key, error) from error
    except _FAILURES as error:
        raise _fault("read", bucket, key, error) from error
    return True


def delete(s3: "S3Client", bucket: str, key: str) -> None:
    """Deletes the object, if there is one. Raises Outage or Unavailable as `get_original` does."""
    try:
        s3.delete_object(Bucket=bucket, Key=key)
    except _FAILURES as error:
        raise _fault("delete", bucket, key, error) from error


def too_many_bytes(size_bytes: int, max_bytes: int) -> Rejected:
    """Returns the rejection of a file that is too big; the door and the resizer use the same words."""
    return Rejected(
        "too-many-bytes",
        f"The file has {_megabytes(size_bytes)} MB and the limit is {_megabytes(max_bytes)} MB. "
        "Save it smaller or at a lower quality and upload it again.",
    )


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1_000_000:.1f}".removesuffix(".0")


def is_outage(error: Exception) -> bool:
    """Whether S3 or SQS itself is at fault: no answer, a 5xx, or throttling. A refusal (4xx) is not an outage."""
    if not isinstance(error, ClientError):
        # Without credentials, no request was sent: that is Darkroom's fault. Every other error is the network's.
        return not isinstance(error, NoCredentialsError | PartialCredentialsError | ParamValidationError)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= 500 or error.response["Error"]["Code"] in _OUTAGE_CODES


def _fault(act: str, bucket: str, key: str, error: Exception) -> Unavailable:
    if is_outage(error):
        return Outage("storage-unavailable", f"S3 could not {act} s3://{bucket}/{key}: {error}")
    return Unavailable("storage-refused", f"S3 refused to {act} s3://{bucket}/{key}: {error}")
