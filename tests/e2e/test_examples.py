"""The examples, each deployed by itself beside Darkroom, and the events that the engine delivers."""

import base64
import json
import os
import random
import shutil
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image
from standardwebhooks.webhooks import Webhook

from shared.removal import Place, remove, restore
from tests.support.contract import violations
from tests.support.deployed import Stack, deployed, until
from tests.support.missing import missing
from tests.support.photos import forest, lights
from tests.support.workshop import ROOT

SECRET = f"whsec_{base64.b64encode(b'correct horse battery staple').decode()}"
IMPORTER = """
Parameters:
  Topic: { Type: "AWS::SSM::Parameter::Value<String>", Default: /darkroom/UploadTopicArn }
Resources:
  Queue: { Type: AWS::SQS::Queue }
Outputs:
  Exported: { Value: !ImportValue darkroom-UploadTopicArn }
  Renditions: { Value: !ImportValue darkroom-RenditionTopicArn }
  Originals: { Value: !ImportValue darkroom-UploadBucketName }
  Resized: { Value: !ImportValue darkroom-ResizedBucketName }
  FromParameter: { Value: !Ref Topic }
"""


class Receiver(HTTPServer):
    """A webhook on this machine. It records each post, and answers 503 to the first that contains `refuses_once`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Posted)
        self.posted: list[tuple[dict[str, str], bytes]] = []
        self.refuses_once = b""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/services/T0/B0"

    def about(self, image_id: str) -> list[dict[str, Any]]:
        """Return the contents posted for an image; each must have a signature that the public verifier accepts."""
        return [
            Webhook(SECRET).verify(body, headers) for headers, body in self.posted if image_id in headers["webhook-id"]
        ]


class _Posted(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posted.append(({name.lower(): value for name, value in self.headers.items()}, body))
        refused = bool(self.server.refuses_once) and self.server.refuses_once in body
        if refused:
            self.server.refuses_once = b""
        self.send_response(503 if refused else 200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Write nothing to stderr."""


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Stack]:
    # As a separate repository, `outside` finds the wheel in a package index; here, in a folder.
    wheels = tmp_path_factory.mktemp("wheels")
    subprocess.run(["make", "wheel"], cwd=ROOT, check=True, capture_output=True)
    shutil.copytree(ROOT / "dist", wheels, dirs_exist_ok=True)
    os.environ["PIP_FIND_LINKS"] = str(wheels)
    parameters = {
        "WebhookUrl": receiver.url,
        "WebhookSecret": SECRET,
        "WebhookEvents": "renditions,rejections,removals",
    }
    with deployed(
        tmp_path_factory.mktemp("examples"), parameters, ["webhook", "lookalikes", "journal", "outside"]
    ) as running:
        yield running
    del os.environ["PIP_FIND_LINKS"]


def encoded(picture: Image.Image, quality: int = 90) -> bytes:
    body = BytesIO()
    picture.save(body, "JPEG", quality=quality)
    return body.getvalue()


def lookalikes(stack: Stack, image_id: str) -> list[str]:
    """Wait for the ids of a picture's duplicates and return them."""
    (key,) = until(lambda: stack.keys(f"lookalikes/{image_id}.json"), f"lookalikes of {image_id}")
    record = json.loads(stack.s3.get_object(Bucket=stack.resized_bucket, Key=key)["Body"].read())
    return [match["image"] for match in record["lookalikes"]]


@pytest.mark.parametrize("scene", [lights, forest])
def test_copies_are_found_and_other_views_are_not(stack: Stack, scene: Any) -> None:
    photo: Image.Image = scene(random.Random(11), 2000, 1500)
    first = stack.upload("photo.jpg", encoded(photo.crop((0, 0, 1760, 1440))))
    assert lookalikes(stack, first) == []
    other_view = stack.upload("other view.jpg", encoded(photo.crop((240, 60, 2000, 1500))))
    assert lookalikes(stack, other_view) == []
    same = photo.crop((0, 0, 1760, 1440))
    copies = {
        "again.jpg": encoded(same, 40),
        "small.jpg": encoded(same.resize((880, 720))),
        "trimmed.jpg": encoded(same.crop((35, 28, 1725, 1412))),
    }
    for name, body in copies.items():
        assert first in lookalikes(stack, stack.upload(name, body)), name


def test_a_finished_picture_is_posted_with_a_valid_signature_and_a_working_link(
    stack: Stack, receiver: Receiver
) -> None:
    image_id = stack.upload("cat & dog.jpg", encoded(Image.new("RGB", (640, 480), "teal")))
    (content,) = until(lambda: receiver.about(image_id), "a post")
    assert content["text"].startswith("cat &amp; dog is ready, 640 x 480: http")
    assert Image.open(BytesIO(httpx.get(content["data"]["thumb_url"]).content)).size == (400, 300)


def test_a_rejection_is_posted_with_its_code(stack: Stack, receiver: Receiver) -> None:
    image_id = stack.upload("poem.jpg", b"no picture")
    (content,) = until(lambda: receiver.about(image_id), "a post")
    assert content["type"] == "picture.rejected"
    assert content["data"]["code"] == "not-an-image"


def test_a_removal_and_the_restored_picture_are_posted(stack: Stack, receiver: Receiver) -> None:
    image_id = stack.upload("cat.jpg", encoded(Image.new("RGB", (640, 480), "maroon")))
    until(lambda: receiver.about(image_id), "a post")
    place = Place(stack.s3, stack.upload_bucket, stack.resized_bucket)
    remove(place, image_id, datetime.now(UTC))
    until(lambda: len(receiver.about(image_id)) == 2, "a post about the removal")
    restore(place, image_id)
    # If the resizer is fast, it writes the restored original's thumb before `restore` does: two facts, each told once.
    until(lambda: len(receiver.about(image_id)) > 2, "a post about the restored picture")
    first, removed, *restored = [content["type"] for content in receiver.about(image_id)]
    assert [first, removed, *set(restored)] == ["picture.finished", "picture.removed", "picture.finished"]
    ids = [headers["webhook-id"] for headers, _ in receiver.posted if image_id in headers["webhook-id"]]
    assert len(set(ids)) == len(ids) <= 4
    until(lambda: len(stack.log_lines("darkroom-journal", image_id)) > 2, "a line about the restored picture")
    told = [json.loads(line)["kind"] for line in stack.log_lines("darkroom-journal", image_id)]
    assert [*told[:2], *set(told[2:])] == ["RenditionCreated", "PictureRemoved", "RenditionCreated"]


def test_a_failed_post_is_repeated_with_the_same_id(stack: Stack, receiver: Receiver) -> None:
    receiver.refuses_once = b"patience"  # no late post about another picture
    image_id = stack.upload("patience.jpg", encoded(Image.new("RGB", (64, 48), "red")))
    until(lambda: len(receiver.about(image_id)) == 2, "a second post")
    assert len({headers["webhook-id"] for headers, _ in receiver.posted if image_id in headers["webhook-id"]}) == 1


@pytest.mark.parametrize("name", ["tea & <cake> ünï.jpg", "猫.jpg"])
def test_a_subscriber_in_node_reads_the_name(stack: Stack, name: str) -> None:
    if not shutil.which("node"):  # which the engine also looks for
        missing("The local engine finds no Node.js. As root: `apt install nodejs`.")
    image_id = stack.upload(name, encoded(Image.new("RGB", (64, 48), "green")))
    (line,) = until(lambda: stack.log_lines("darkroom-journal", image_id), f"a line about {image_id}")
    told = json.loads(line)
    assert (told["kind"], told["name"]) == ("RenditionCreated", name.removesuffix(".jpg"))


def test_a_subscriber_with_the_wheel_receives_events(stack: Stack) -> None:
    image_id = stack.upload("cat.jpg", encoded(Image.new("RGB", (64, 48), "white")))
    until(
        lambda: [line for line in stack.log_lines("darkroom-outside", image_id) if "counter done" in line], "its work"
    )
    assert stack.log_lines("darkroom-outside", "copy outdated") == []


@pytest.mark.parametrize("name", ["webhook", "lookalikes"])
def test_an_example_sends_its_metrics(stack: Stack, name: str) -> None:
    stack.upload("cat.jpg", encoded(Image.new("RGB", (64, 48), "blue")))
    sent = until(lambda: stack.log_lines(f"darkroom-{name}", "CloudWatchMetrics"), f"metrics of {name}")
    (directive,) = json.loads(sent[0])["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == f"darkroom-{name}"


@pytest.fixture(scope="module")
def ears(stack: Stack) -> dict[str, str]:
    """Subscribe a raw queue to each topic, and one with SNS's envelope to renditions; return their URLs by name."""
    urls = {}
    for name, topic, raw in (
        ("uploads", "UploadTopicArn", "true"),
        ("renditions", "RenditionTopicArn", "true"),
        ("enveloped", "RenditionTopicArn", "false"),
    ):
        urls[name] = stack.sqs.create_queue(QueueName=f"ear-{name}")["QueueUrl"]
        arn = stack.sqs.get_queue_attributes(QueueUrl=urls[name], AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        stack.sqs.set_queue_attributes(QueueUrl=urls[name], Attributes={"Policy": policy})
        stack.sns.subscribe(
            TopicArn=stack.outputs[topic], Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": raw}
        )
    return urls


def heard(stack: Stack, url: str, text: str) -> dict[str, Any]:
    """Wait for the first message with this text and return it."""

    def listen() -> list[dict[str, Any]]:
        found = stack.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=1).get("Messages", [])
        return [json.loads(message["Body"]) for message in found if text in message["Body"]]

    return until(listen, f"{text} on {url}")[0]


def test_events_of_the_local_engine_conform_to_the_contract(stack: Stack, ears: dict[str, str]) -> None:
    good = stack.upload("a b & ü.jpg", encoded(Image.new("RGB", (320, 240), "olive")))
    bad = stack.upload("poem.jpg", b"no picture")
    for image_id in (good, bad):
        assert violations("UploadArrived", heard(stack, ears["uploads"], image_id)) == []
    assert violations("RenditionCreated", heard(stack, ears["renditions"], good)) == []
    assert violations("UploadRejected", heard(stack, ears["renditions"], bad)) == []
    envelope = heard(stack, ears["enveloped"], good)
    assert violations("Envelope", envelope) == []
    assert violations("RenditionCreated", json.loads(envelope["Message"])) == []
    remove(Place(stack.s3, stack.upload_bucket, stack.resized_bucket), good, datetime.now(UTC))
    assert violations("PictureRemoved", heard(stack, ears["renditions"], f"removed/{good}")) == []
    for schema, key in (("RejectionRecord", f"rejected/{bad}.json"), ("RemovalRecord", f"removed/{good}.json")):
        record = stack.s3.get_object(Bucket=stack.resized_bucket, Key=key)["Body"].read()
        assert violations(schema, json.loads(record)) == []


def test_a_finished_picture_is_announced_once_after_its_last_rendition(stack: Stack, ears: dict[str, str]) -> None:
    image_id = stack.upload("big.jpg", encoded(Image.new("RGB", (1800, 1200), "navy")))
    heard(stack, ears["renditions"], image_id)
    assert len(stack.keys(f"view/{image_id}/")) == 1
    with pytest.raises(AssertionError, match="no "):
        until(lambda: heard_view(stack, ears["renditions"], image_id), "announcement of the view", 3)


def heard_view(stack: Stack, url: str, image_id: str) -> bool:
    found = stack.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=1).get("Messages", [])
    return any(f"view/{image_id}" in message["Body"] for message in found)


def test_another_stack_finds_the_topics(stack: Stack) -> None:
    cloudformation = stack.client("cloudformation")
    cloudformation.create_stack(StackName="elsewhere", TemplateBody=IMPORTER)

    def read() -> dict[str, str]:
        (found,) = cloudformation.describe_stacks(StackName="elsewhere")["Stacks"]
        return {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}

    assert until(read, "its outputs") == {
        "Exported": stack.outputs["UploadTopicArn"],
        "FromParameter": stack.outputs["UploadTopicArn"],
        "Renditions": stack.outputs["RenditionTopicArn"],
        "Originals": stack.upload_bucket,
        "Resized": stack.resized_bucket,
    }
