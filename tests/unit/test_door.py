"""The upload door: tickets, refusals, and the curl line."""

import base64
import json
import math
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mypy_boto3_s3 import S3Client

from functions.ingest import door, handler
from functions.ingest.settings import Settings
from shared import keys, names, storage
from shared.errors import Rejected
from shared.http import Response
from shared.limits import (
    FORM_SECONDS,
    MAX_IMAGE_BYTES,
    MAX_NAME_BYTES,
    MAX_TICKET_REQUEST_BYTES,
    RECENT_SECONDS,
    TICKET_SECONDS,
)
from tests.support.context import Context
from tests.support.gallery import OPEN


@pytest.fixture(autouse=True)
def _settings(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(handler, "settings", lambda: Settings("uploads", 5))
    monkeypatch.setattr(handler, "guard", OPEN)
    storage.s3_client.cache_clear()
    yield
    storage.s3_client.cache_clear()


def post(body: str | bytes | None = None, **query: Any) -> Response:
    event = {
        "version": "2.0",
        "routeKey": "POST /uploads",
        "rawPath": "/uploads",
        "rawQueryString": "",
        "headers": {},
        "queryStringParameters": query,
        "requestContext": {"http": {"method": "POST", "path": "/uploads"}, "stage": "$default"},
        "body": base64.b64encode(body).decode() if isinstance(body, bytes) else body,
        "isBase64Encoded": isinstance(body, bytes),
    }
    return handler.handle(event, Context())


def wanted(**fields: Any) -> str:
    return json.dumps({"name": "cat.jpg", "type": "image/jpeg", "size": 1000} | fields)


def test_a_ticket_is_for_exactly_one_upload() -> None:
    answer = post(wanted(name="Katze & 猫.jpg"))
    assert answer["statusCode"] == 201
    ticket = json.loads(answer["body"])
    assert keys.is_image_id(ticket["id"])
    assert ticket["fields"]["key"] == keys.upload_key(ticket["id"], "Katze & 猫.jpg")
    assert ticket["expires_in_seconds"] == door.ticket_seconds(1000, TICKET_SECONDS) == 301
    policy = json.loads(base64.b64decode(ticket["fields"]["policy"]))
    assert ["content-length-range", 1, 5_000_000] in policy["conditions"]
    assert {"Content-Type": "image/jpeg"} in policy["conditions"]
    assert {"key": ticket["fields"]["key"]} in policy["conditions"]
    assert ticket["url"] == "https://uploads.s3.eu-west-1.amazonaws.com/"


def test_a_ticket_lives_until_its_file_has_arrived_over_a_slow_line() -> None:
    """50 MB at 30 kB/s take 28 minutes."""
    for size, minutes in ((1_000, 5), (5_000_000, 7), (50_000_000, 32)):
        assert size / 30_000 < door.ticket_seconds(size, TICKET_SECONDS)
        assert door.ticket_seconds(size, TICKET_SECONDS) // 60 == minutes
    wish = json.loads(post(wanted(size=None))["body"])
    assert wish["expires_in_seconds"] == door.ticket_seconds(5_000_000, TICKET_SECONDS)  # the stack's largest upload
    assert door.ticket_seconds(MAX_IMAGE_BYTES, FORM_SECONDS) < RECENT_SECONDS


def test_the_security_document_has_the_lives_of_tickets() -> None:
    text = " ".join((Path(__file__).parents[2] / "docs" / "security.md").read_text().split())
    minutes = {
        size: math.ceil(door.ticket_seconds(size, TICKET_SECONDS) / 60) for size in (1_000_000, 50_000_000, 64_000_000)
    }
    assert (
        f"It lives {minutes[1_000_000]} minutes for a photo of 1 MB and {minutes[50_000_000]} minutes for 50 MB" in text
    )
    assert f"within {minutes[50_000_000]} minutes, or {minutes[64_000_000]} with `MaxUploadMegabytes=64`" in text
    assert f"{math.ceil(door.ticket_seconds(50_000_000, FORM_SECONDS) / 60)} minutes for the form" in text


def test_two_tickets_are_never_for_one_key() -> None:
    assert json.loads(post(wanted())["body"])["id"] != json.loads(post(wanted())["body"])["id"]


@pytest.mark.parametrize("declared", ["", None])
def test_the_extension_replaces_a_missing_type(declared: str | None) -> None:
    ticket = json.loads(post(wanted(name="IMG_1.HEIC", type=declared))["body"])
    assert ticket["fields"]["Content-Type"] == "image/heic"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("", 400, "bad-request"),
        ("{", 400, "bad-request"),
        ("[]", 400, "bad-request"),
        (wanted(name=5), 400, "bad-request"),
        (wanted(type=5), 400, "bad-request"),
        (wanted(size="big"), 400, "bad-request"),
        (wanted(size=True), 400, "bad-request"),
        (wanted(padding="x" * MAX_TICKET_REQUEST_BYTES), 400, "file-at-the-door"),
        ("[" * 4000, 400, "bad-request"),
        (wanted(name=""), 400, "empty-name"),
        (wanted(name=" / "), 400, "empty-name"),
        (wanted(size=0), 400, "empty-file"),
        (wanted(size=-1), 400, "empty-file"),
        (wanted(name="page.html", type="text/html"), 415, "unsupported-type"),
        (wanted(name="cat.exe", type=""), 415, "unsupported-type"),
        (wanted(size=5_000_001), 413, "too-many-bytes"),
    ],
)
def test_a_refusal_has_a_code_and_a_sentence(body: str, status: int, code: str) -> None:
    answer = post(body)
    assert answer["statusCode"] == status
    told = json.loads(answer["body"])
    assert told["code"] == code
    assert told["sentence"].endswith(".")


def test_a_name_that_is_too_long_for_linux_is_shortened() -> None:
    # macOS and Windows allow 255 characters, whatever they are.
    ticket = json.loads(post(wanted(name="Ж" * 250 + ".jpg"))["body"])
    name = names.display_name(ticket["fields"]["key"].rpartition("/")[2])
    assert len(name.encode()) == MAX_NAME_BYTES - 1
    assert name.endswith("Ж.jpg")


def test_a_file_of_exactly_the_size_limit_gets_a_ticket() -> None:
    assert post(wanted(size=5_000_000))["statusCode"] == 201


def curl_config(text: str) -> dict[str, list[str]]:
    """The options of a curl config, by name."""
    options: dict[str, list[str]] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, _, value = line.partition(" = ")
            options.setdefault(name, []).extend(shlex.split(value))
    return options


def test_curl_gets_a_config_with_every_field() -> None:
    answer = post(name="cat.jpg", **{"as": "curl"})
    assert answer["statusCode"] == 201
    options = curl_config(answer["body"])
    fields = dict(field.split("=", 1) for field in options["form-string"])
    assert fields["key"].endswith("/cat.jpg")
    assert fields["Content-Type"] == "image/jpeg"
    assert {"policy", "x-amz-signature"} <= set(fields)
    assert options["url"] == ["https://uploads.s3.eu-west-1.amazonaws.com/"]


def test_a_refused_curl_prints_the_reason_and_sends_nothing() -> None:
    answer = post(name="cat.exe", **{"as": "curl"})
    assert answer["statusCode"] == 415
    options = curl_config(answer["body"])
    assert options["url"] == ["refused://door"]
    assert "unsupported-type: cat.exe is not a picture" in options["write-out"][0]


@given(st.text(max_size=300))
def test_no_name_breaks_out_of_the_curl_config(name: str) -> None:
    try:
        door.wish(name, "image/jpeg", None)
        refused = Rejected("unsupported-type", name)
    except Rejected as error:
        refused = error
    lines = door.refusal_as_curl(refused).split("\n")
    assert [line.split(" ")[0] for line in lines] == ["url", "silent", "write-out", ""]


FORM = b'--x\r\nContent-Disposition: form-data; name="file"; filename="cat.jpg"\r\n\r\n\xff\xd8\xff\xe0\r\n--x--\r\n'


@pytest.mark.parametrize(
    "body", [FORM, FORM.replace(b"\xff\xd8\xff\xe0", b"text"), b"\xff\xd8\xff\xe0\0\0", b"\x89PNG" * 5000]
)
def test_a_file_posted_to_the_door_is_answered_with_the_curl_line(body: bytes) -> None:
    answer = post(body)
    assert answer["statusCode"] == 400
    told = json.loads(answer["body"])
    assert told["code"] == "file-at-the-door"
    assert "as=curl" in told["sentence"]
