"""A subscriber's role allows exactly the calls that its function makes to AWS: in the examples and as generated."""

import importlib.util
import itertools
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from examples.lookalikes import handler as lookalikes
from examples.lookalikes.index import Settings as LookalikesSettings
from examples.webhook import handler as webhook
from examples.webhook import post as webhook_post
from ops.develop.new_subscriber import write
from ops.develop.subscriber_choices import KINDS, On, Wanted, Where
from shared import start, storage
from shared.events import Upload
from shared.keys import Image, new_image_id, rejection_key, removed_key, rendition_key, upload_key
from tests.support.context import Context
from tests.support.permissions import Call, Grant, grants
from tests.support.pictures import plain_jpeg
from tests.support.roles import NOW, Account, announced, check, opened
from tests.support.subscribers import rejection_record
from tests.support.template import ROOT, load_template


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    with opened(monkeypatch) as account:
        yield account


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


def test_the_role_of_the_webhook_example_allows_its_calls_and_no_others(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LETTERS_BUCKET")  # as in the example's template
    settings = webhook_post.Settings(webhook_events=frozenset({"renditions", "rejections", "removals"}))
    monkeypatch.setattr(webhook, "settings", lambda: settings)
    picture, rejection = thumb(account), account.put(rejection_key(new_image_id(NOW)), rejection_record(), "resized")
    image_id = new_image_id(NOW)
    removal = json.dumps({"image": image_id, "removed_at": NOW.isoformat(), "forever": False}).encode()
    removed = account.put(removed_key(image_id), removal, "resized")
    subscribe_in_every_way(account, webhook, picture, rejection, removed)
    start.warn_of_old_copy(CONTRACT_PARAMETER)  # as its entry point does
    linked = Call("s3:GetObject", f"arn:aws:s3:::resized/{picture.key}")  # by the presigned link in the post
    check(account.recorder.calls | {linked}, example_grants("webhook"))


def test_the_role_of_the_lookalikes_example_allows_its_calls_and_no_others(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def generated_grants(template: dict[str, Any]) -> set[Grant]:
    names = {
        "UploadBucketName": "uploads",
        "ResizedBucketName": "resized",
        "UploadBucket": "uploads",
        "ResizedBucket": "resized",
        "TallyQueue": "work",
        "TallyDeadLetterQueue": "dead",
        "TallyLogGroup": "/aws/lambda/tally",
        "ContractVersion": CONTRACT_PARAMETER,
    }
    return grants(template, "TallyRole", {"OnAws": True}, names)


def object_of(account: Account, on: On) -> Upload:
    """Put an object that a subscriber of this kind hears about, and the original that it belongs to."""
    image = Image(new_image_id(NOW), "cat.jpg")
    original = account.put(upload_key(image.id, image.name), plain_jpeg())
    match on:
        case On.uploads:
            return original
        case On.renditions:
            return account.put(rendition_key("thumb", image, 64, 48, "jpg"), plain_jpeg(64, 48), "resized")
        case On.rejections:
            return account.put(rejection_key(image.id), rejection_record(), "resized")
        case On.removals:
            return account.put(removed_key(image.id), b"{}", "resized")


@pytest.mark.parametrize(
    ("on", "where", "reads_and_writes"),
    [
        *itertools.product(On, Where, [False]),
        *((on, Where.own, True) for on in On if on is not On.uploads),  # which reads originals anyway
    ],
)
def test_the_role_of_a_generated_subscriber_allows_its_calls_and_no_others(
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    on: On,
    where: Where,
    reads_and_writes: bool,
) -> None:
    shutil.copy(ROOT / "template.yaml", tmp_path)
    (tmp_path / "ops/monitoring").mkdir(parents=True)
    more: dict[str, Any] = {"writes": "tallies", "reads_originals": True} if reads_and_writes else {}
    write(tmp_path, Wanted("tally", on, where=where, **more))
    own = where is Where.own
    template = load_template(tmp_path / ("services/tally/template.yaml" if own else "template.yaml"))
    monkeypatch.delenv("LETTERS_BUCKET")
    buckets = {"UploadBucket": "uploads", "ResizedBucket": "resized"}
    for name, value in template["Resources"]["TallyFunction"]["Properties"]["Environment"]["Variables"].items():
        if isinstance(value, dict) and (bucket := buckets.get(value["Ref"].removesuffix("Name"))):
            monkeypatch.setenv(name, bucket)
    spec = importlib.util.spec_from_file_location(
        "tally_handler", tmp_path / ("services/tally" if own else "functions/tally") / "handler.py"
    )
    assert spec
    assert spec.loader
    handler = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "tally_handler", handler)
    spec.loader.exec_module(handler)
    subscribe_in_every_way(account, handler, object_of(account, on))
    if own:
        start.warn_of_old_copy(CONTRACT_PARAMETER)  # as its entry point does
    prefix = f"arn:aws:s3:::{buckets[KINDS[on].bucket]}/{KINDS[on].prefix}"
    found = generated_grants(template)
    assert Grant("s3:GetObject", f"{prefix}*") in found
    check(account.recorder.calls, found)
