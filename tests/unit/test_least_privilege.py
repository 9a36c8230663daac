"""Each role allows exactly the calls that its function makes to AWS. Every path of each handler runs on moto."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from functions.ingest import handler as ingest
from functions.ingest.settings import Settings as DoorSettings
from functions.list import handler as gallery
from functions.list.settings import Settings as GallerySettings
from functions.remove import handler as remove
from functions.resize import handler as resize
from functions.resize.render import render
from functions.resize.work import Settings, resize_upload
from shared import access, storage
from shared.access import Guard, Role
from shared.keys import Image, invitation_key, new_image_id, rejection_key, rendition_key, upload_key
from shared.letters import Reason, attributes
from tests.support.context import Context
from tests.support.permissions import Call, Grant, denied, grants, unused
from tests.support.pictures import plain_jpeg
from tests.support.roles import NOW, Account, announced, check, opened
from tests.support.template import FUNCTIONS, RESOURCES, TEMPLATE

NAMES = {
    "UploadBucket": "uploads",
    "ResizedBucket": "resized",
    "ResizeQueue": "work",
    "ResizeDeadLetterQueue": "dead",
    "AccessSecret": "access",
}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    with opened(monkeypatch) as account:
        yield account


def allowed(role: str, *, deletes_originals: bool = False, cdn: bool = False) -> set[Grant]:
    conditions = {"OnAws": True, "WithCdn": cdn, "DeletesOriginals": deletes_originals}
    return grants(TEMPLATE, role, conditions, NAMES)


def resize_in_every_way(account: Account, monkeypatch: pytest.MonkeyPatch, *, deletes_originals: bool) -> None:
    """Take the resizer through every path on which it asks AWS for something."""
    settings = Settings("uploads", "resized", 5, delete_originals=deletes_originals)
    # Renders in this process: the renderer's own has no credentials.
    monkeypatch.setattr(resize, "resize", lambda one: resize_upload(storage.s3_client(), one, settings, render))

    def batch(body: str, sent: Mapping[str, Any] | None = None) -> None:
        resize.handle({"Records": [account.message(body, sent)]}, Context())

    key = upload_key(new_image_id(NOW), "cat.jpg")
    batch(announced(account.put(key, plain_jpeg())))
    replaced = account.put(key, plain_jpeg(20, 10))
    batch(announced(replaced))  # deletes the renditions of the first content
    batch(announced(account.put(upload_key(new_image_id(NOW), "text.jpg"), b"no picture")))  # is rejected
    gone = account.put("gone.jpg", plain_jpeg())
    account.s3.delete_object(Bucket="uploads", Key="gone.jpg")
    batch(announced(gone))  # is superseded
    batch("no event")  # becomes a dead letter
    moved = Reason("unexpected", "It failed.", message_id="m", last_failed_at=NOW.isoformat())
    batch(announced(replaced), attributes(moved))  # its record is deleted: another tool moved the letter back

    def unreachable(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://uploads.s3.eu-west-1.amazonaws.com")

    storage.s3_client().meta.events.register("before-send.s3.GetObject", unreachable)
    batch(announced(replaced))  # is requeued


@pytest.mark.parametrize("deletes_originals", [False, True])
def test_the_resizers_role_allows_its_calls_and_no_others(
    account: Account, monkeypatch: pytest.MonkeyPatch, deletes_originals: bool
) -> None:
    resize_in_every_way(account, monkeypatch, deletes_originals=deletes_originals)
    check(account.recorder.calls, allowed("ResizeRole", deletes_originals=deletes_originals))


def invited(account: Account, monkeypatch: pytest.MonkeyPatch, handler: Any) -> dict[str, str]:
    """Close a function's routes, and return the header of a valid invitation for the owner."""
    secrets = boto3.Session().client("secretsmanager")
    secrets.create_secret(Name="access", SecretString="k" * 64)
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:access"
    monkeypatch.setattr(handler, "guard", Guard(lambda: access.Settings("resized", arn)))
    invitation = access.new_invitation("Olga", Role.OWNER, NOW + timedelta(days=1))
    account.put(invitation_key(invitation.name, invitation.id), b"{}", "resized")
    revoked = access.new_invitation("Olga", Role.OWNER, NOW + timedelta(days=1))
    headers = {"authorization": f"Bearer {access.sign(invitation, 'k' * 64)}"}
    for route in handler.ROUTES:  # one of the requests looks up the revoked invitation
        path = route.path.replace("{}", "0" * 26)
        request(handler, route.method, path, headers={"authorization": f"Bearer {access.sign(revoked, 'k' * 64)}"})
    return headers


def request(
    handler: Any, method: str, path: str, body: str = "", headers: dict[str, str] | None = None, **query: str
) -> Any:
    event = {
        "rawPath": path,
        "headers": {"host": "gallery.test"} | (headers or {}),
        "requestContext": {"http": {"method": method}},
        "body": body,
        "isBase64Encoded": False,
    }
    if query:
        event["queryStringParameters"] = query
    return handler.handle(event, Context())


def ticketed(form: str) -> Call:
    """Return the call that a ticket lets its holder make with the door's permission."""
    (key,) = re.findall(r'uploads/[a-z0-9]{26}/[^"&<\s]+', form)[:1]
    return Call("s3:PutObject", f"arn:aws:s3:::uploads/{key}")


def test_the_doors_role_allows_its_calls_and_no_others(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "settings", lambda: DoorSettings("uploads", 50))
    headers = invited(account, monkeypatch, ingest)
    wish = json.dumps({"name": "cat.jpg", "type": "image/jpeg", "size": 1000})
    calls = {
        ticketed(request(ingest, "POST", "/uploads", wish, headers)["body"]),
        ticketed(request(ingest, "GET", "/uploads/new", "", headers)["body"]),
    }
    check(account.recorder.calls | calls, allowed("IngestRole"))


@pytest.mark.parametrize("cdn", [False, True], ids=["without a CDN", "with a CDN"])
def test_the_removers_role_allows_its_calls_and_no_others(
    account: Account, monkeypatch: pytest.MonkeyPatch, cdn: bool
) -> None:
    distribution = account.distribution() if cdn else ""
    monkeypatch.setattr(remove, "settings", lambda: remove.Settings("uploads", "resized", distribution))
    headers = invited(account, monkeypatch, remove)
    image = new_image_id(NOW)
    for rendition in ("view", "medium", "thumb"):
        account.put(rendition_key(rendition, Image(image, "cat.jpg"), 40, 30, "jpg"), b"jpeg", "resized")
    account.put(upload_key(image, "cat.jpg"), b"jpeg")
    for method, path in (("DELETE", f"/images/{image}"), ("POST", f"/images/{image}/restore")):
        assert request(remove, method, path, "", headers)["statusCode"] == 200
    refused = request(remove, "DELETE", f"/uploads/{image}", "", headers | {"x-receipt": "wrong"})
    assert refused["statusCode"] == 403
    monkeypatch.setitem(NAMES, "Distribution", distribution)
    check(account.recorder.calls, allowed("RemoveRole", cdn=cdn))


def test_the_gallerys_role_allows_its_calls_and_no_others(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "settings", lambda: GallerySettings("resized", "uploads", 50))
    ready, rejected, pending = (new_image_id(NOW - timedelta(minutes=minutes)) for minutes in (3, 2, 1))
    for rendition in ("view", "medium", "thumb"):
        account.put(rendition_key(rendition, Image(ready, "cat.jpg"), 40, 30, "jpg"), b"jpeg", "resized")
    account.put(rejection_key(rejected), b'{"code": "x", "sentence": "y"}', "resized")
    account.put(upload_key(pending, "cat.jpg"), b"jpeg")
    headers = invited(account, monkeypatch, gallery)
    answers = [request(gallery, "GET", f"/images/{ready}/download", "", headers)]
    answers += [request(gallery, "GET", "/images", "", headers, ids=f"{ready},{rejected},{pending}")]
    for path in ("/", "/images", f"/images/{ready}", f"/images/{rejected}", f"/images/{pending}"):
        answers.append(request(gallery, "GET", path, "", headers))
    assert [answer["statusCode"] for answer in answers] == [302] + [200] * 6
    # A presigned URL works as long as its signer may read the picture.
    signed = re.findall(r"https://resized\.s3[^/]*/((?:thumb|medium|view)/[^?\"]+)\?", json.dumps(answers))
    assert {key.split("/")[0] for key in signed} == {"thumb", "medium", "view"}
    presigned = {Call("s3:GetObject", f"arn:aws:s3:::resized/{key}") for key in signed}
    check(account.recorder.calls | presigned, allowed("ListRole"))


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_only_lambda_can_assume_a_functions_role(name: str) -> None:
    """The local engine lets the account's root assume every role, so no end-to-end test shows it."""
    role = RESOURCES[FUNCTIONS[name]["Role"]["Fn::GetAtt"].removesuffix(".Arn")]["Properties"]
    assert role["AssumeRolePolicyDocument"]["Statement"] == [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ]


def test_a_missing_and_an_unused_permission_are_found() -> None:
    calls = {Call("s3:GetObject", "arn:aws:s3:::uploads/a.jpg")}
    assert denied(calls, {Grant("s3:GetObject", "arn:aws:s3:::resized/*")}) == sorted(calls)
    used, too_much = Grant("s3:GetObject", "arn:aws:s3:::uploads/*"), Grant("s3:PutObject", "arn:aws:s3:::uploads/*")
    assert unused(calls, {used, too_much}) == [too_much]
