"""The upload form for browsers without scripts."""

import base64
import json
import re
from datetime import UTC, datetime
from html import unescape

import pytest
from mypy_boto3_s3 import S3Client

from functions.ingest import form, handler
from functions.ingest.settings import Settings
from shared.keys import image_of
from shared.limits import SLOWEST_LINE_BYTES_PER_SECOND
from shared.names import NAMELESS
from tests.support.context import Context
from tests.support.gallery import NOW, OPEN


@pytest.mark.parametrize(
    ("referer", "url"),
    [
        ("http://gallery.test:4566/_aws/execute-api/da4c4007/", "http://gallery.test:4566/_aws/execute-api/da4c4007/"),
        ("http://gallery.test:4566/?after=0", "http://gallery.test:4566/"),
        ("https://gallery.test:4566/uploads/new", "https://gallery.test:4566/"),
        ("https://evil.test/", "https://gallery.test:4566/"),
        ("javascript://gallery.test:4566/", "https://gallery.test:4566/"),
        ("", "https://gallery.test:4566/"),
    ],
)
def test_s3_redirects_only_to_the_gallery(referer: str, url: str) -> None:
    assert form.gallery_url({"host": "gallery.test:4566", "referer": referer}) == url


def test_behind_a_cdn_s3_redirects_to_the_cdn() -> None:
    """CloudFront replaces the Host header, so neither Host nor Referer tells the address."""
    headers = {"host": "abc.execute-api.eu-west-1.amazonaws.com", "referer": "https://photos.example.com/"}
    assert form.gallery_url(headers, "https://photos.example.com/") == "https://photos.example.com/"


def test_the_forms_policy_allows_the_redirect_to_the_gallery(s3: S3Client) -> None:
    """Without the gallery's origin in form-action, Chromium refuses the redirect after the upload."""
    _, headers = form.page(s3, "uploads", 7_000_000, "https://photos.example.com/", "7ybqx4m8hz6wwqcr6076spxfyx")
    (allowed,) = re.findall(r"form-action ([^;]+)", headers["content-security-policy"])
    assert allowed.split() == ["https://uploads.s3.amazonaws.com", "https://photos.example.com"]


def test_the_form_contains_a_ticket_for_one_picture_without_a_name(
    s3: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler, "settings", lambda: Settings("uploads", 7))
    monkeypatch.setattr(handler, "guard", OPEN)
    event = {
        "version": "2.0",
        "routeKey": "GET /uploads/new",
        "rawPath": "/uploads/new",
        "headers": {"host": "gallery.test"},
        "requestContext": {"http": {"method": "GET", "path": "/uploads/new"}, "stage": "$default"},
    }
    answer = handler.handle(event, Context())
    assert answer["statusCode"] == 200
    fields = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]+)"', answer["body"]))
    image = image_of(fields["key"], "etag", NOW)
    assert image.name == NAMELESS
    assert unescape(fields["success_action_redirect"]) == f"https://gallery.test/?image={image.id}"
    assert answer["body"].index('type="hidden"') < answer["body"].index('type="file"') < answer["body"].index("</form>")
    assert "up to 7 MB" in answer["body"]
    # S3's answer to a refused file would be XML. The resizer rejects these files, and the gallery's page says why.
    policy = json.loads(base64.b64decode(fields["policy"]))
    assert ["content-length-range", 0, 5 * 1024**3] in policy["conditions"]
    assert ".hif" in answer["body"]


def test_the_form_can_be_sent_while_its_ticket_outlives_the_slowest_upload(s3: S3Client) -> None:
    """S3 answers XML to an upload that ends after its ticket."""
    body, _ = form.page(s3, "uploads", 50_000_000, "https://photos.example.com/", "7ybqx4m8hz6wwqcr6076spxfyx")
    policy = json.loads(base64.b64decode(re.findall(r'name="policy" value="([^"]+)"', body)[0]))
    life = (datetime.fromisoformat(policy["expiration"]) - datetime.now(UTC)).total_seconds()
    (shown,) = set(re.findall(r"animation: \w+ 1ms (\d+)s forwards", body))
    assert int(shown) + 50_000_000 / SLOWEST_LINE_BYTES_PER_SECOND <= life + 1
    assert f"within {int(shown) // 60} minutes" in body
    assert '<a href="new">' in body
