"""The gallery's presigner gives the same URLs as botocore's."""

from datetime import UTC, datetime, timedelta
from unittest.mock import patch
from urllib.parse import parse_qsl, quote, urlsplit

import boto3
import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given
from hypothesis import strategies as st

from functions.list import presign
from functions.list.presign import Credentials, Place
from shared.keys import Image, rendition_key
from shared.limits import URL_WINDOW_SECONDS

AT = datetime(2026, 11, 22, 21, 0, tzinfo=UTC)
ROLE = Credentials("ASIAEXAMPLE", "secret/with+signs", "token/with+signs==")
USER = Credentials("AKIAEXAMPLE", "secret", None)
VIRTUAL = Place("https://pictures.s3.eu-west-1.amazonaws.com", "/", "eu-west-1")
LOCAL = Place("http://127.0.0.1:4566", "/pictures/", "us-east-1")


def botocore_url(place: Place, credentials: Credentials, key: str, disposition: str | None = None) -> str:
    """Return the URL that botocore signs for the object at the time AT."""
    request = AWSRequest(
        "GET",
        place.origin + place.path + quote(key, safe="/-_.~"),
        params={} if disposition is None else {"response-content-disposition": disposition},
    )
    request.context["timestamp"] = AT.strftime("%Y%m%dT%H%M%SZ")
    with patch("botocore.auth.get_current_datetime", return_value=AT.replace(tzinfo=None)):
        S3SigV4QueryAuth(BotoCredentials(*credentials), "s3", place.region, expires=2 * URL_WINDOW_SECONDS).add_auth(
            request
        )
    assert request.url
    return request.url


def same(one: str, other: str) -> bool:
    """Compare two URLs without regard to the order of their parameters."""
    a, b = urlsplit(one), urlsplit(other)
    return (a[:3], sorted(parse_qsl(a.query))) == (b[:3], sorted(parse_qsl(b.query)))


@pytest.mark.parametrize("place", [VIRTUAL, LOCAL])
@pytest.mark.parametrize("credentials", [ROLE, USER])
@pytest.mark.parametrize("name", ["cat.jpg", "Ä Ö&ü=?.jpg", "写真.jpg", "a+b c.jpg"])
def test_urls_equal_those_of_botocore(place: Place, credentials: Credentials, name: str) -> None:
    key = rendition_key("thumb", Image("0" * 26, name), 4032, 3024, "jpg")
    assert same(presign.presigner(place, credentials, AT)(key), botocore_url(place, credentials, key))


@given(name=st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=40))
def test_downloads_with_any_file_name_equal_those_of_botocore(name: str) -> None:
    key, disposition = "view/x/1x1/a.jpg", f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    ours = presign.presigner(VIRTUAL, ROLE, AT)(key, disposition=disposition)
    assert same(ours, botocore_url(VIRTUAL, ROLE, key, disposition))


@pytest.mark.parametrize(
    ("endpoint", "place"),
    [
        (None, Place("https://pictures.s3.us-east-1.amazonaws.com", "/", "us-east-1")),
        ("http://127.0.0.1:4566", LOCAL),
    ],
)
def test_the_address_of_the_bucket_comes_from_the_client(endpoint: str | None, place: Place) -> None:
    settings = Config(
        signature_version="s3v4", s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"}
    )
    s3 = boto3.client("s3", region_name="us-east-1", endpoint_url=endpoint, config=settings)
    assert presign.place_of(s3, "pictures") == place


def test_urls_stay_the_same_for_an_hour_and_are_valid_for_another() -> None:
    turn = AT.timestamp()
    urls = [
        presign.presigner(VIRTUAL, ROLE, presign.window_start(turn + seconds))("thumb/k")
        for seconds in (0, URL_WINDOW_SECONDS - 0.001, URL_WINDOW_SECONDS)
    ]
    assert urls[0] == urls[1] != urls[2]
    query = dict(parse_qsl(urlsplit(urls[1]).query))
    expires = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) + timedelta(
        seconds=int(query["X-Amz-Expires"])
    )
    assert expires - datetime.fromtimestamp(turn + URL_WINDOW_SECONDS, UTC) == timedelta(seconds=URL_WINDOW_SECONDS)
