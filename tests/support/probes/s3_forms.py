"""Questions to the local engine about forms and presigned addresses of S3."""

import time
from typing import Any

import httpx

from tests.support.probes.base import Place, Probe
from tests.support.probes.sources import Inferred, Recorded


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


PROBES = (
    Probe(
        "S3: a form, signed with SigV4",
        "204",
        Inferred("the next row records that it is stored; 204 is the status without success_action_status"),
        lambda p: p.post(),
        "yes: the door",
    ),
    Probe(
        "S3: a form with too many bytes",
        "400",
        Recorded("s3/test_s3.py::TestS3PresignedPost::test_post_object_policy_validation_size"),
        lambda p: p.post(body=bytes(11)),
        "yes: the limit of an upload",
    ),
    Probe(
        "S3: a form with too few bytes",
        "400",
        Recorded("s3/test_s3.py::TestS3PresignedPost::test_post_object_policy_validation_size"),
        lambda p: p.post(body=b""),
        "yes: no empty uploads",
    ),
    Probe(
        "S3: a form whose policy has expired",
        "403",
        Recorded("s3/test_s3.py::TestS3PresignedPost::test_post_request_expires"),
        lambda p: p.post(expires=-1),
        "yes: tickets end",
    ),
    Probe(
        "S3: a form, signed with SigV2",
        "204 or 400, by region",
        Inferred("us-east-1 took a PUT with SigV2 (test_put_url_metadata_with_sig_s3); younger regions refuse it"),
        lambda p: p.post(version="s3"),
        "no: the door signs with SigV4",
    ),
    Probe(
        "S3: a form whose file comes first",
        "400",
        Recorded("asmcos/requests#36"),
        lambda p: p.post(file_first=True),
        "no: every form of Darkroom has the file last",
    ),
    Probe(
        "S3: a form with another key than its policy's",
        "403",
        Recorded("s3/test_s3.py::TestS3PresignedPost::test_post_object_policy_conditions_validation_eq"),
        lambda p: _posted(p, "key", "other"),
        "yes: the door chooses the key",
    ),
    Probe(
        "S3: a form with a field that its policy does not name",
        "403",
        Recorded("aws/aws-sdk-php#3292"),
        lambda p: _posted(p, "acl", "public-read"),
        "yes: a ticket allows nothing else",
    ),
    Probe(
        "S3: a form with another signature",
        "403",
        Recorded("s3/test_s3.py::TestS3PresignedPost::test_post_request_malformed_policy[s3v4]"),
        lambda p: _posted(p, "x-amz-signature", "0" * 64),
        "yes: the door",
    ),
    Probe(
        "S3: a presigned GET",
        "200",
        Recorded("s3/test_s3.py::TestS3PresignedUrl::test_presigned_url_signature_authentication[s3v4-False]"),
        _presigned,
        "yes: the gallery's pictures",
    ),
    Probe(
        "S3: a presigned GET after its end",
        "403",
        Recorded("s3/test_s3.py::TestS3PresignedUrl::test_presigned_url_signature_authentication_expired[s3v4-False]"),
        lambda p: _presigned(p, expires=1),
        "yes: addresses of pictures end",
    ),
    Probe(
        "S3: a presigned GET with another key",
        "403",
        Inferred("the signature covers the path; a changed header is SignatureDoesNotMatch"),
        lambda p: _presigned(p, key="other"),
        "yes: an address opens one picture",
    ),
    Probe(
        "S3: DELETE with an address that was presigned for GET",
        "403",
        Inferred("the signature covers the method; a changed header is SignatureDoesNotMatch"),
        lambda p: _presigned(p, method="DELETE"),
        "yes: an address only reads",
    ),
    Probe(
        "S3: presigned for more than seven days",
        "400",
        Inferred("AuthorizationQueryParametersError is a 400 (test_s3_put_presigned_url_missing_sig_param)"),
        lambda p: _presigned(p, expires=604_801),
        "no: addresses end after hours",
    ),
)
