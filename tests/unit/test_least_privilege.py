"""Each role allows what its function asks of AWS, and nothing else. Every path of each handler runs on moto."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws

from examples.lookalikes import handler as lookalikes
from examples.lookalikes.index import Settings as LookalikesSettings
from examples.webhook import handler as webhook
from examples.webhook import post as webhook_post
from functions.ingest import handler as ingest
from functions.ingest.settings import Settings as DoorSettings
from functions.list import handler as gallery
from functions.list.settings import Settings as GallerySettings
from functions.remove import handler as remove
from functions.resize import handler as resize
from functions.resize.render import render
from functions.resize.work import Settings, resize_upload
from shared import access, queues, start, storage, subscriber
from shared.access import Guard, Role
from shared.events import Upload
from shared.keys import Image, invitation_key, new_image_id, rejection_key, removed_key, rendition_key, upload_key
from shared.letters import Reason, attributes
from tests.support.context import Context
from tests.support.permissions import Call, Grant, Recorder, denied, grants, recording, unused
from tests.support.pictures import plain_jpeg
from tests.support.subscribers import rejection_record
from tests.support.template import FUNCTIONS, RESOURCES, ROOT, TEMPLATE, load_template

NOW = datetime.now(UTC)
NAMES = {
    "UploadBucket": "uploads",
    "ResizedBucket": "resized",
    "ResizeQueue": "work",
    "ResizeDeadLetterQueue": "dead",
    "AccessSecret": "access",
}
# Lambda itself uses these with the function's role: to poll the queue, to write logs and to send traces.
# docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html, monitoring-cloudwatchlogs.html, services-xray.html
LAMBDAS_OWN = {
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
}


def allowed(role: str, *, deletes_originals: bool = False) -> set[Grant]:
    conditions = {"OnAws": True, "WithCdn": False, "DeletesOriginals": deletes_originals}
    return grants(TEMPLATE, role, conditions, NAMES)


def check(calls: set[Call], granted: set[Grant]) -> None:
    assert calls
    assert denied(calls, granted) == []
    assert unused(calls, {one for one in granted if one.action not in LAMBDAS_OWN}) == []


QUEUE, DEAD = (f"https://sqs.eu-west-1.amazonaws.com/123456789012/{name}" for name in ("work", "dead"))


class Account:
    """An AWS with the template's buckets and queues, and the calls that functions make to it.

    Its own clients are not recorded.
    """

    def __init__(self, recorder: Recorder) -> None:
        session = boto3.Session()
        self.recorder, self.s3, self.sqs = recorder, session.client("s3"), session.client("sqs")
        for bucket in ("uploads", "resized"):
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        for queue in ("work", "dead"):
            self.sqs.create_queue(QueueName=queue)

    def put(self, key: str, body: bytes, bucket: str = "uploads") -> Upload:
        etag = self.s3.put_object(Bucket=bucket, Key=key, Body=body)["ETag"].strip('"')
        return Upload(bucket, key, etag, len(body), NOW)

    def message(self, body: str, sent: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Receive a message as Lambda does, and return it as Lambda hands it to a function."""
        self.sqs.send_message(QueueUrl=QUEUE, MessageBody=body)
        (received,) = self.sqs.receive_message(QueueUrl=QUEUE)["Messages"]
        now_ms = str(int(NOW.timestamp() * 1000))
        return {
            "messageId": received["MessageId"],
            "receiptHandle": received["ReceiptHandle"],
            "body": body,
            "attributes": {
                "ApproximateReceiveCount": "1",
                "SentTimestamp": now_ms,
                "ApproximateFirstReceiveTimestamp": now_ms,
            },
            "messageAttributes": {
                name: {"stringValue": value["StringValue"], "dataType": value["DataType"]}
                for name, value in (sent or {}).items()
            },
            "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:work",
        }


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name, value in {"QUEUE_URL": QUEUE, "DEAD_LETTER_QUEUE_URL": DEAD, "LETTERS_BUCKET": "resized"}.items():
        monkeypatch.setenv(name, value)
    cached: list[Any] = [
        access._secrets_client,
        storage.s3_client,
        queues.sqs_client,
        subscriber._queues,
        gallery.wiring,
    ]
    for one in cached:
        one.cache_clear()
    with mock_aws(), recording() as recorder:
        yield Account(recorder)
    for one in cached:
        one.cache_clear()


def announced(upload: Upload) -> str:
    return json.dumps(upload.as_event())


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
    batch(announced(replaced), attributes(moved))  # deletes the record of a letter that another tool moved back

    def unreachable(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://uploads.s3.eu-west-1.amazonaws.com")

    storage.s3_client().meta.events.register("before-send.s3.GetObject", unreachable)
    batch(announced(replaced))  # is requeued


@pytest.mark.parametrize("deletes_originals", [False, True])
def test_the_resizers_role(account: Account, monkeypatch: pytest.MonkeyPatch, deletes_originals: bool) -> None:
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
    for route in handler.ROUTES:  # one of them looks the revoked invitation up
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


def test_the_doors_role(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "settings", lambda: DoorSettings("uploads", 50))
    headers = invited(account, monkeypatch, ingest)
    wish = json.dumps({"name": "cat.jpg", "type": "image/jpeg", "size": 1000})
    calls = {
        ticketed(request(ingest, "POST", "/uploads", wish, headers)["body"]),
        ticketed(request(ingest, "GET", "/uploads/new", "", headers)["body"]),
    }
    check(account.recorder.calls | calls, allowed("IngestRole"))


def test_the_removers_role(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remove, "settings", lambda: remove.Settings("uploads", "resized"))
    headers = invited(account, monkeypatch, remove)
    image = new_image_id(NOW)
    for rendition in ("view", "medium", "thumb"):
        account.put(rendition_key(rendition, Image(image, "cat.jpg"), 40, 30, "jpg"), b"jpeg", "resized")
    account.put(upload_key(image, "cat.jpg"), b"jpeg")
    for method, path in (("DELETE", f"/images/{image}"), ("POST", f"/images/{image}/restore")):
        assert request(remove, method, path, "", headers)["statusCode"] == 200
    refused = request(remove, "DELETE", f"/uploads/{image}", "", headers | {"x-receipt": "wrong"})
    assert refused["statusCode"] == 403
    check(account.recorder.calls, allowed("RemoveRole"))


def test_the_gallerys_role(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
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


def subscribe_in_every_way(account: Account, handler: Any, *announced_objects: Upload) -> None:
    """Take a subscriber to the resized bucket through every path on which it asks AWS for something."""

    def batch(body: str) -> None:
        handler.handle({"Records": [account.message(body)]}, Context())

    for one in announced_objects:
        batch(announced(one))
    batch("no event")  # becomes a dead letter
    for one in announced_objects:
        account.s3.delete_object(Bucket=one.bucket, Key=one.key)
        batch(announced(one))

    def unreachable(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://resized.s3.eu-west-1.amazonaws.com")

    storage.s3_client().meta.events.register("before-send.s3.GetObject", unreachable)
    for one in announced_objects:
        batch(announced(one))  # is requeued if the subscriber reads the object


CONTRACT_PARAMETER = "/darkroom/ContractVersion"


def example_grants(name: str) -> set[Grant]:
    template = load_template(ROOT / "examples" / name / "template.yaml")
    name = name.capitalize()
    names = {
        "ResizedBucketName": "resized",
        f"{name}Queue": "work",
        f"{name}DeadLetterQueue": "dead",
        f"{name}LogGroup": "/aws/lambda/example",
        f"{name}Index": "index",
        "ContractVersion": CONTRACT_PARAMETER,
    }
    return grants(template, f"{name}Role", {}, names)


def thumb(account: Account, body: bytes = b"") -> Upload:
    key = rendition_key("thumb", Image(new_image_id(NOW), "cat.jpg"), 64, 48, "jpg")
    return account.put(key, body or plain_jpeg(64, 48), "resized")


def test_the_role_of_the_webhook_example(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LETTERS_BUCKET")  # as in the example's template
    settings = webhook_post.Settings(webhook_events=frozenset({"renditions", "rejections", "removals"}))
    monkeypatch.setattr(webhook, "settings", lambda: settings)
    picture, rejection = thumb(account), account.put(rejection_key(new_image_id(NOW)), rejection_record(), "resized")
    record = json.dumps({"image": "", "removed_at": "", "forever": False}).encode()
    removal = account.put(removed_key(new_image_id(NOW)), record, "resized")
    subscribe_in_every_way(account, webhook, picture, rejection, removal)
    start.warn_of_old_copy(CONTRACT_PARAMETER)  # as its entry point does
    linked = Call("s3:GetObject", f"arn:aws:s3:::resized/{picture.key}")  # by the presigned link in the post
    check(account.recorder.calls | {linked}, example_grants("webhook"))


def test_the_role_of_the_lookalikes_example(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LETTERS_BUCKET")  # as in the example's template
    monkeypatch.setattr(lookalikes, "settings", lambda: LookalikesSettings("index"))
    boto3.Session().client("dynamodb").create_table(
        TableName="index",
        KeySchema=[{"AttributeName": "band", "KeyType": "HASH"}, {"AttributeName": "image", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "band", "AttributeType": "S"},
            {"AttributeName": "image", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    lookalikes.index.cache_clear()
    picture = thumb(account)
    image_id = picture.key.split("/")[1]
    subscribe_in_every_way(account, lookalikes, picture, account.put(removed_key(image_id), b"{}", "resized"))
    start.warn_of_old_copy(CONTRACT_PARAMETER)  # as its entry point does
    lookalikes.index.cache_clear()
    check(account.recorder.calls, example_grants("lookalikes"))


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
