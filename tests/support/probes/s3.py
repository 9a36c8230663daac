"""Questions to the local engine about S3."""

import base64
import hashlib
from typing import Any

import httpx

from tests.support.probes.base import Place, Probe, allow
from tests.support.probes.sources import Inferred, Model, Recorded


def _notify(place: Place) -> None:
    place.s3.put_bucket_notification_configuration(
        Bucket="probes",
        NotificationConfiguration={
            "TopicConfigurations": [{"TopicArn": place.topic, "Events": ["s3:ObjectCreated:*"]}],
        },
    )


def _status(place: Place, **asked: Any) -> int:
    status: int = place.s3.get_object(Bucket="probes", Key="there", **asked)["ResponseMetadata"]["HTTPStatusCode"]
    return status


def _listed(place: Place, **asked: Any) -> int:
    keys: int = place.s3.list_objects_v2(Bucket="probes", **asked)["MaxKeys"]
    return keys


PROBES = (
    Probe(
        "S3: GET of a missing key, with s3:ListBucket",
        "NoSuchKey",
        Model(
            "s3",
            "GetObject",
            "If you have the s3:ListBucket permission on the bucket, Amazon S3 returns an HTTP status code 404",
        ),
        lambda p: p.s3.get_object(Bucket="probes", Key="missing"),
        "yes: a deleted original is superseded",
    ),
    Probe(
        "S3: GET of a missing key, without s3:ListBucket",
        "AccessDenied",
        Model(
            "s3",
            "GetObject",
            "Amazon S3 returns an HTTP status code 403 Access Denied error.",
        ),
        lambda p: p.as_user("s3", allow("s3:GetObject")).get_object(Bucket="probes", Key="missing"),
        "yes: the roles have s3:ListBucket",
    ),
    Probe(
        "S3: PUT with If-None-Match: * over an object",
        "PreconditionFailed",
        Recorded("s3/test_s3_api.py::TestS3ObjectWritePrecondition::test_put_object_if_none_match"),
        lambda p: p.s3.put_object(Bucket="probes", Key="there", Body=b"x", IfNoneMatch="*"),
        "yes: only a new key announces a picture",
    ),
    Probe(
        "S3: GET with If-Match of an older ETag",
        "PreconditionFailed",
        Recorded("s3/test_s3.py::TestS3::test_s3_get_object_preconditions[get_object]"),
        lambda p: p.s3.get_object(Bucket="probes", Key="there", IfMatch='"0"'),
        "yes: superseded events",
    ),
    Probe(
        "S3: PUT of a key of 1025 bytes",
        "KeyTooLongError",
        Model("s3", "Error", "Code: KeyTooLongError Description: Your key is too long."),
        lambda p: p.s3.put_object(Bucket="probes", Key="k" * 1025, Body=b""),
        "no: keys.py keeps to 1024",
    ),
    Probe(
        "S3: DELETE of a missing key",
        "accepted",
        Recorded("s3/test_s3_api.py::TestS3ObjectCRUD::test_delete_object"),
        lambda p: p.s3.delete_object(Bucket="probes", Key="missing"),
        "yes: clean-up is idempotent",
    ),
    Probe(
        "S3: DELETE of 1001 keys in a request",
        "MalformedXML",
        Recorded("aws/aws-sdk-java#1293"),
        lambda p: p.s3.delete_objects(
            Bucket="probes", Delete={"Objects": [{"Key": str(number)} for number in range(1001)]}
        ),
        "no: 1000 at most are sent",
    ),
    Probe(
        "S3: Range beyond the end",
        "InvalidRange",
        Recorded("s3/test_s3.py::TestS3::test_invalid_range_error"),
        lambda p: p.s3.get_object(Bucket="probes", Key="there", Range="bytes=100-"),
    ),
    Probe(
        "S3: a bucket whose name has capitals",
        "InvalidBucketName",
        Recorded("s3/test_s3.py::TestS3::test_s3_uppercase_bucket_name"),
        lambda p: p.s3.create_bucket(Bucket="Probes"),
        "no: preflight checks the stack's name",
    ),
    Probe(
        "S3: anonymous GET of a private object",
        "403",
        Model("s3", "Error", "Code: AccessDenied Description: Access Denied HTTP Status Code: 403 Forbidden"),
        lambda p: httpx.get(f"{p.engine.url}/probes/there").status_code,
        "yes: originals are private",
    ),
    Probe(
        "S3: PUT with If-Match of an older ETag",
        "PreconditionFailed",
        Recorded("s3/test_s3_api.py::TestS3ObjectWritePrecondition::test_put_object_if_match"),
        lambda p: p.s3.put_object(Bucket="probes", Key="there", Body=b"body", IfMatch='"' + "0" * 32 + '"'),
    ),
    Probe(
        "S3: PUT with If-Match to a missing key",
        "NoSuchKey",
        Recorded("s3/test_s3_api.py::TestS3ObjectWritePrecondition::test_put_object_if_match"),
        lambda p: p.s3.put_object(Bucket="probes", Key="missing", Body=b"body", IfMatch='"' + "0" * 32 + '"'),
    ),
    Probe(
        "S3: PUT with a wrong Content-MD5",
        "BadDigest",
        Model(
            "s3", "Error", "Code: BadDigest Description: The Content-MD5 you specified did not match what we received."
        ),
        lambda p: p.s3.put_object(
            Bucket="probes", Key="x", Body=b"a", ContentMD5=base64.b64encode(hashlib.md5(b"b").digest()).decode()
        ),
    ),
    Probe(
        "S3: GET with If-None-Match of the current ETag",
        "304",
        Recorded("s3/test_s3.py::TestS3::test_s3_get_object_preconditions[get_object]"),
        lambda p: p.s3.get_object(
            Bucket="probes", Key="there", IfNoneMatch=p.s3.head_object(Bucket="probes", Key="there")["ETag"]
        ),
    ),
    Probe(
        "S3: HEAD of a missing key",
        "404",
        Recorded("s3/test_s3.py::TestS3::test_head_object_fields"),
        lambda p: p.s3.head_object(Bucket="probes", Key="missing"),
        "yes: a missing original is superseded",
    ),
    Probe(
        "S3: GET from a missing bucket",
        "NoSuchBucket",
        Recorded("s3/test_s3.py::TestS3::test_get_object_no_such_bucket"),
        lambda p: p.s3.get_object(Bucket="no-such-bucket-here", Key="there"),
        "yes: `storage-refused`",
    ),
    Probe(
        "S3: GET of the first two bytes",
        "206",
        Recorded("s3/test_s3.py::TestS3::test_etag_on_get_object_call"),
        lambda p: _status(p, Range="bytes=0-1"),
    ),
    Probe(
        "S3: copying an object onto itself unchanged",
        "InvalidRequest",
        Recorded("s3/test_s3.py::TestS3::test_s3_copy_object_in_place_versioned"),
        lambda p: p.s3.copy_object(Bucket="probes", Key="there", CopySource="probes/there"),
        "no: removals copy to another key",
    ),
    Probe(
        "S3: copying a missing object",
        "NoSuchKey",
        Inferred("the code of a missing key; the page of CopyObject names no code"),
        lambda p: p.s3.copy_object(Bucket="probes", Key="x", CopySource="probes/missing"),
        "yes: a removal reports a missing picture",
    ),
    Probe(
        "S3: copying with x-amz-copy-source-if-match of an older ETag",
        "PreconditionFailed",
        Recorded("s3/test_s3_preconditions.py::TestS3CopySourcePreconditions::test_s3_copy_object_preconditions"),
        lambda p: p.s3.copy_object(
            Bucket="probes", Key="x", CopySource="probes/there", CopySourceIfMatch='"' + "0" * 32 + '"'
        ),
    ),
    Probe(
        "S3: metadata of more than 2 KB",
        "MetadataTooLarge",
        Model(
            "s3",
            "Error",
            "Code: MetadataTooLarge Description: Your metadata headers exceed the maximum",
        ),
        lambda p: p.s3.put_object(Bucket="probes", Key="x", Body=b"", Metadata={"a": "v" * 2100}),
        "no: shared/limits.py keeps to it",
    ),
    Probe(
        "S3: asking for 5000 keys in a listing",
        "1000",
        Inferred("boto/boto3#1927: a page has 1,000 keys at most; the MaxKeys that AWS repeats is not shown"),
        lambda p: _listed(p, MaxKeys=5000),
        "yes: listings are read in pages",
    ),
    Probe(
        "S3: an invalid continuation token",
        "InvalidArgument",
        Inferred("LocalStack's test_list_objects_v2_continuation_start_after has it for an empty token"),
        lambda p: p.s3.list_objects_v2(Bucket="probes", ContinuationToken="none"),
    ),
    Probe(
        "S3: deleting a bucket with objects",
        "BucketNotEmpty",
        Recorded("s3/test_s3_api.py::TestS3BucketCRUD::test_delete_bucket_with_objects"),
        lambda p: p.s3.delete_bucket(Bucket="probes"),
        "yes: `uninstall` empties it first",
    ),
    Probe(
        "S3: a notification to a topic that does not let S3 publish",
        "InvalidArgument",
        Recorded("serverless/serverless#10247"),
        _notify,
        "yes: the bucket waits for the topic's policy",
    ),
)
