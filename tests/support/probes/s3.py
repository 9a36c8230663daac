"""Questions to the local engine about S3."""

import base64
import hashlib
import time
from typing import Any

import httpx

from tests.support.probes.base import Place, Probe, allow

API = "Amazon S3 API"


def _presigned(place: Place, *, expires: int = 60, key: str = "there", method: str = "GET") -> int:
    """Ask for `key` with a URL that was presigned for the key `there`; return the status."""
    s3 = place.client("s3", signature_version="s3v4")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "probes", "Key": "there"}, ExpiresIn=expires)
    if expires == 1:
        time.sleep(2)
    return httpx.request(method, url.replace("/there?", f"/{key}?")).status_code


def _posted(place: Place, field: str, value: str) -> int:
    """Post a form with one field that is not as its policy says; return the status."""
    s3 = place.client("s3", signature_version="s3v4")
    ticket = s3.generate_presigned_post("probes", "form", Conditions=[["content-length-range", 1, 10]])
    fields: dict[str, Any] = {name: (None, given) for name, given in (ticket["fields"] | {field: value}).items()}
    return httpx.post(ticket["url"], files=fields | {"file": ("f", b"12345")}).status_code


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
    Probe("S3: GET of a missing key, with s3:ListBucket", "NoSuchKey", f"{API}, GetObject",
          lambda p: p.s3.get_object(Bucket="probes", Key="missing"), "yes: a deleted original is superseded"),
    Probe("S3: GET of a missing key, without s3:ListBucket", "AccessDenied", f"{API}, GetObject",
          lambda p: p.as_user("s3", allow("s3:GetObject")).get_object(Bucket="probes", Key="missing"),
          "yes: the roles have s3:ListBucket"),
    Probe("S3: PUT with If-None-Match: * over an object", "PreconditionFailed", "S3 User Guide, conditional writes",
          lambda p: p.s3.put_object(Bucket="probes", Key="there", Body=b"x", IfNoneMatch="*"),
          "yes: only a new key announces a picture"),
    Probe("S3: GET with If-Match of an older ETag", "PreconditionFailed", f"{API}, GetObject",
          lambda p: p.s3.get_object(Bucket="probes", Key="there", IfMatch='"0"'), "yes: superseded events"),
    Probe("S3: PUT of a key of 1025 bytes", "KeyTooLongError", "S3 User Guide, object keys",
          lambda p: p.s3.put_object(Bucket="probes", Key="k" * 1025, Body=b""), "no: keys.py keeps to 1024"),
    Probe("S3: DELETE of a missing key", "accepted", f"{API}, DeleteObject",
          lambda p: p.s3.delete_object(Bucket="probes", Key="missing"), "yes: clean-up is idempotent"),
    Probe("S3: DELETE of 1001 keys in a request", "MalformedXML", f"{API}, DeleteObjects",
          lambda p: p.s3.delete_objects(
              Bucket="probes", Delete={"Objects": [{"Key": str(number)} for number in range(1001)]}
          ), "no: 1000 at most are sent"),
    Probe("S3: Range beyond the end", "InvalidRange", f"{API}, GetObject",
          lambda p: p.s3.get_object(Bucket="probes", Key="there", Range="bytes=100-")),
    Probe("S3: a bucket whose name has capitals", "InvalidBucketName", "S3 User Guide, bucket naming rules",
          lambda p: p.s3.create_bucket(Bucket="Probes"), "no: preflight checks the stack's name"),
    Probe("S3: anonymous GET of a private object", "403", "S3 User Guide, access control",
          lambda p: httpx.get(f"{p.engine.url}/probes/there").status_code, "yes: originals are private"),
    Probe("S3: a form, signed with SigV4", "204", "S3 API, POST Object", lambda p: p.post(), "yes: the door"),
    Probe("S3: a form with too many bytes", "400", "S3 API, POST policy",
          lambda p: p.post(body=bytes(11)), "yes: the limit of an upload"),
    Probe("S3: a form with too few bytes", "400", "S3 API, POST policy", lambda p: p.post(body=b""),
          "yes: no empty uploads"),
    Probe("S3: a form whose policy has expired", "403", "S3 API, POST policy",
          lambda p: p.post(expires=-1), "yes: tickets end"),
    Probe("S3: a form, signed with SigV2", "400", "S3 User Guide, signature versions",
          lambda p: p.post(version="s3"), "no: the door signs with SigV4"),
    Probe("S3: a form whose file comes first", "403", "S3 API, POST Object: fields after the file are ignored",
          lambda p: p.post(file_first=True), "no: every form of Darkroom has the file last"),
    Probe("S3: PUT with If-Match of an older ETag", "PreconditionFailed", "S3 User Guide, conditional writes",
          lambda p: p.s3.put_object(Bucket="probes", Key="there", Body=b"body", IfMatch='"' + "0" * 32 + '"')),
    Probe("S3: PUT with If-Match to a missing key", "NoSuchKey", "S3 User Guide, conditional writes",
          lambda p: p.s3.put_object(Bucket="probes", Key="missing", Body=b"body", IfMatch='"' + "0" * 32 + '"')),
    Probe("S3: PUT with a wrong Content-MD5", "BadDigest", "S3 API, error responses",
          lambda p: p.s3.put_object(
              Bucket="probes", Key="x", Body=b"a", ContentMD5=base64.b64encode(hashlib.md5(b"b").digest()).decode()
          )),
    Probe("S3: GET with If-None-Match of the current ETag", "304", f"{API}, GetObject",
          lambda p: p.s3.get_object(
              Bucket="probes", Key="there", IfNoneMatch=p.s3.head_object(Bucket="probes", Key="there")["ETag"]
          )),
    Probe("S3: HEAD of a missing key", "404", f"{API}, HeadObject",
          lambda p: p.s3.head_object(Bucket="probes", Key="missing"), "yes: a missing original is superseded"),
    Probe("S3: GET from a missing bucket", "NoSuchBucket", f"{API}, GetObject",
          lambda p: p.s3.get_object(Bucket="no-such-bucket-here", Key="there"), "yes: `storage-refused`"),
    Probe("S3: GET of the first two bytes", "206", f"{API}, GetObject", lambda p: _status(p, Range="bytes=0-1")),
    Probe("S3: copying an object onto itself unchanged", "InvalidRequest", f"{API}, CopyObject",
          lambda p: p.s3.copy_object(Bucket="probes", Key="there", CopySource="probes/there"),
          "no: removals copy to another key"),
    Probe("S3: copying a missing object", "NoSuchKey", f"{API}, CopyObject",
          lambda p: p.s3.copy_object(Bucket="probes", Key="x", CopySource="probes/missing"),
          "yes: a removal of a missing picture is told"),
    Probe("S3: copying with x-amz-copy-source-if-match of an older ETag", "PreconditionFailed", f"{API}, CopyObject",
          lambda p: p.s3.copy_object(
              Bucket="probes", Key="x", CopySource="probes/there", CopySourceIfMatch='"' + "0" * 32 + '"'
          )),
    Probe("S3: metadata of more than 2 KB", "MetadataTooLarge", "S3 User Guide, object metadata",
          lambda p: p.s3.put_object(Bucket="probes", Key="x", Body=b"", Metadata={"a": "v" * 2100}),
          "no: shared/limits.py keeps to it"),
    Probe("S3: asking for 5000 keys in a listing", "1000", f"{API}, ListObjectsV2",
          lambda p: _listed(p, MaxKeys=5000), "yes: listings are read in pages"),
    Probe("S3: a continuation token that is none", "InvalidArgument", f"{API}, ListObjectsV2",
          lambda p: p.s3.list_objects_v2(Bucket="probes", ContinuationToken="none")),
    Probe("S3: deleting a bucket with objects", "BucketNotEmpty", f"{API}, DeleteBucket",
          lambda p: p.s3.delete_bucket(Bucket="probes"), "yes: `uninstall` empties it first"),
    Probe("S3: a notification to a topic that does not let S3 publish", "InvalidArgument",
          "S3 User Guide, notifications", _notify, "yes: the bucket waits for the topic's policy"),
    Probe("S3: a form with another key than its policy's", "403", "S3 API, POST policy",
          lambda p: _posted(p, "key", "other"), "yes: the door chooses the key"),
    Probe("S3: a form with a field that its policy does not name", "403", "S3 API, POST policy",
          lambda p: _posted(p, "acl", "public-read"), "yes: a ticket allows nothing else"),
    Probe("S3: a form with another signature", "403", "S3 API, POST policy",
          lambda p: _posted(p, "x-amz-signature", "0" * 64), "yes: the door"),
    Probe("S3: a presigned GET", "200", "S3 User Guide, presigned URLs", _presigned, "yes: the gallery's pictures"),
    Probe("S3: a presigned GET after its end", "403", "S3 User Guide, presigned URLs",
          lambda p: _presigned(p, expires=1), "yes: addresses of pictures end"),
    Probe("S3: a presigned GET with another key", "403", "S3 User Guide, presigned URLs",
          lambda p: _presigned(p, key="other"), "yes: an address opens one picture"),
    Probe("S3: DELETE with an address that was presigned for GET", "403", "S3 User Guide, presigned URLs",
          lambda p: _presigned(p, method="DELETE"), "yes: an address only reads"),
    Probe("S3: presigned for more than seven days", "400", "S3 API, signature of the query",
          lambda p: _presigned(p, expires=604_801), "no: addresses end after hours"),
)  # fmt: skip
