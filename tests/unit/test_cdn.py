"""The gallery behind CloudFront, whose requests do not tell the functions the address that a browser knows."""

import re
from html import unescape
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_s3 import S3Client

from functions.ingest import handler as ingest
from functions.ingest.settings import Settings as DoorSettings
from functions.list import handler as gallery
from functions.list.settings import Settings, Wiring
from shared import storage
from tests.support.context import Context
from tests.support.gallery import OPEN, picture
from tests.support.template import of_type, resolved_route

CDN = "https://photos.example.com"
API_HOST = "abc123.execute-api.eu-west-1.amazonaws.com"
(DISTRIBUTION,) = of_type("AWS::CloudFront::Distribution").values()
BEHAVIOURS = DISTRIBUTION["DistributionConfig"]["CacheBehaviors"]


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    text: str


class CloudFront:
    """Behaves as the template's distribution: two origins, and the API's name in place of the Host header."""

    def __init__(self, s3: S3Client) -> None:
        self._s3 = s3

    def get(self, url: str, **headers: str) -> Answer:
        parts = urlsplit(url)
        assert f"{parts.scheme}://{parts.netloc}" == CDN, f"{url} leaves the CDN"
        if any(parts.path.startswith("/" + one["PathPattern"].removesuffix("*")) for one in BEHAVIOURS):
            return self._picture(unquote(parts.path.removeprefix("/")))
        event = {
            "rawPath": parts.path,
            "headers": {**headers, "host": API_HOST, "via": "2.0 d111111abcdef8.cloudfront.net (CloudFront)"},
            "requestContext": {"http": {"method": "GET"}},
        }
        handler = ingest if resolved_route("GET", parts.path) == "IngestIntegration" else gallery
        answer = handler.handle(event, Context())
        return Answer(answer["statusCode"], answer["headers"], answer["body"])

    def _picture(self, key: str) -> Answer:
        try:
            found = self._s3.get_object(Bucket="resized", Key=key)  # signed by the origin access control
        except ClientError as error:
            return Answer(error.response["ResponseMetadata"]["HTTPStatusCode"], {}, "")
        return Answer(200, {"content-type": found["ContentType"]}, found["Body"].read().decode())


@pytest.fixture
def cdn(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> CloudFront:
    storage.s3_client.cache_clear()
    wired = Wiring(Settings("resized", "uploads", 50, pictures_url=CDN), storage.s3_client())
    monkeypatch.setattr(gallery, "wiring", lambda: wired)
    monkeypatch.setattr(gallery, "guard", OPEN)
    monkeypatch.setattr(ingest, "guard", OPEN)
    monkeypatch.setattr(ingest, "settings", lambda: DoorSettings("uploads", 50, gallery_url=f"{CDN}/"))
    return CloudFront(s3)


def policy(answer: Answer, directive: str) -> list[str]:
    (sources,) = re.findall(rf"{directive} ([^;]+)", answer.headers["content-security-policy"])
    return str(sources).split()


def test_pictures_of_the_page_come_from_the_cdn(s3: S3Client, cdn: CloudFront) -> None:
    picture(s3, name="Katze & 猫.jpg")
    page = cdn.get(f"{CDN}/")
    shown = {unescape(url) for url in re.findall(rf'"({CDN}/(?:thumb|view)/[^"\s]+)', page.text)}
    assert shown
    assert {cdn.get(url).status for url in shown} == {200}
    assert CDN in policy(page, "img-src")
    assert API_HOST not in page.text


def test_s3_leads_from_the_form_back_to_the_cdn(cdn: CloudFront) -> None:
    form = cdn.get(f"{CDN}/uploads/new", referer=f"{CDN}/")
    (redirect,) = re.findall(r'name="success_action_redirect" value="([^"]+)"', form.text)
    assert cdn.get(unescape(redirect)).status == 200
    assert CDN in policy(form, "form-action"), "the browser would refuse the redirect"
    assert API_HOST not in form.text


@pytest.mark.parametrize("path", ["/rejected/x.json", "/letters/x.json", "/thumb/nothing"])
def test_the_cdn_serves_no_other_object(s3: S3Client, cdn: CloudFront, path: str) -> None:
    s3.put_object(Bucket="resized", Key="rejected/x.json", Body=b"{}")
    s3.put_object(Bucket="resized", Key="letters/x.json", Body=b"{}")
    assert cdn.get(CDN + path).status == 404


def test_programs_get_picture_addresses_of_the_cdn(s3: S3Client, cdn: CloudFront) -> None:
    picture(s3)
    listed: Any = cdn.get(f"{CDN}/images").text
    assert re.findall(rf'"url":"({CDN}/[^"]+)"', listed)
