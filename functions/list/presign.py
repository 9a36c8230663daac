"""Presigns GET URLs for many objects at low cost. A URL stays the same for an hour, so that browsers can cache it.

The algorithm is Signature Version 4 with query parameters:
docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html. botocore takes 0.2 ms a URL, mostly for objects
that are the same for every URL of a page. This module makes those objects once a page, and the signing key once a day.
A URL that botocore presigned shows how to address a bucket (virtual host, path, another endpoint).
"""

import hashlib
import hmac
import math
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, quote, urlsplit

import boto3

from shared.errors import Unavailable
from shared.limits import URL_WINDOW_SECONDS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Place(NamedTuple):
    """A bucket's address: `origin` as in https://host, the `path` in front of keys, and the region."""

    origin: str
    path: str
    region: str


class Credentials(NamedTuple):
    """AWS credentials. A role's credentials have a `token`."""

    access_key: str
    secret_key: str
    token: str | None


def current_credentials() -> Credentials:
    """Returns the credentials of the default session, which renews a role's credentials before they expire."""
    found = (boto3.DEFAULT_SESSION or boto3.Session()).get_credentials()
    frozen = found and found.get_frozen_credentials()
    if not (frozen and frozen.access_key and frozen.secret_key):
        raise Unavailable("misconfigured", "The function has no credentials to sign with.")
    return Credentials(frozen.access_key, frozen.secret_key, frozen.token)


@lru_cache(maxsize=4)
def place_of(s3: "S3Client", bucket: str) -> Place:
    """Returns the address by which `s3` reaches `bucket`."""
    url = urlsplit(s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "key"}))
    scope = parse_qs(url.query)["X-Amz-Credential"][0].split("/")
    return Place(f"{url.scheme}://{url.netloc}", url.path.removesuffix("key"), scope[2])


def window_start(now: float) -> datetime:
    """Returns the start of the current window, the time to sign with."""
    return datetime.fromtimestamp(math.floor(now / URL_WINDOW_SECONDS) * URL_WINDOW_SECONDS, UTC)


def presigner(place: Place, credentials: Credentials, signed_at: datetime) -> Callable[..., str]:
    """Returns a function from a key to its URL, valid from `signed_at` for two windows.

    Its keyword argument `disposition` becomes the Content-Disposition of S3's answer.
    """
    stamp = signed_at.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/{place.region}/s3/aws4_request"
    query = (
        f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={quote(f'{credentials.access_key}/{scope}', safe='')}"
        f"&X-Amz-Date={stamp}&X-Amz-Expires={2 * URL_WINDOW_SECONDS}"
    )
    if credentials.token:
        query += f"&X-Amz-Security-Token={quote(credentials.token, safe='')}"
    query += "&X-Amz-SignedHeaders=host"
    host = urlsplit(place.origin).netloc
    key_of_day = _signing_key(credentials.secret_key, stamp[:8], place.region)
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n"

    def url(key: str, *, disposition: str | None = None) -> str:
        path = place.path + quote(key, safe="/-_.~")
        asked = query if disposition is None else f"{query}&response-content-disposition={quote(disposition, safe='')}"
        request = f"GET\n{path}\n{asked}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
        text = to_sign + hashlib.sha256(request.encode()).hexdigest()
        signature = hmac.digest(key_of_day, text.encode(), "sha256").hex()
        return f"{place.origin}{path}?{asked}&X-Amz-Signature={signature}"

    return url


@lru_cache(maxsize=4)
def _signing_key(secret_key: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
