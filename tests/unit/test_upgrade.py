"""Objects and messages of release 0.1.0 work with today's code.

The state in tests/support/release_0_1_0.json was made by the code of that release: pictures from the door and from
another program, a rejection, a dead letter, and an original whose event was lost.
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from functions.list import handler as gallery
from functions.list.settings import Settings as GallerySettings
from ops.cli import app
from tests.support.context import Context
from tests.support.gallery import OPEN
from tests.support.operated import Darkroom, operated
from tests.support.roles import DEAD

STATE = json.loads((Path(__file__).parents[1] / "support" / "release_0_1_0.json").read_text())
READY = ["beach.jpg", "Größe & Höhe.jpg"]


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Darkroom]:
    with operated(monkeypatch, tmp_path) as room:
        for one in STATE["objects"]:
            room.account.s3.put_object(
                Bucket=one["bucket"],
                Key=one["key"],
                Body=base64.b64decode(one["body"]),
                ContentType=one["type"],
                Metadata=one["metadata"],
            )
        for letter in STATE["letters"]:
            room.account.sqs.send_message(
                QueueUrl=DEAD, MessageBody=letter["body"], MessageAttributes=letter["attributes"]
            )
        monkeypatch.setattr(gallery, "settings", lambda: GallerySettings("resized", "uploads", 50))
        monkeypatch.setattr(gallery, "guard", OPEN)
        yield room


def asked(handler: Any, method: str, path: str) -> Any:
    event = {"rawPath": path, "headers": {"host": "g"}, "requestContext": {"http": {"method": method}}}
    answer = handler.handle(event, Context())
    assert answer["statusCode"] == 200, answer
    return answer["body"]


def shown() -> list[str]:
    """Return the names of the pictures in the gallery."""
    return sorted(image["name"] for image in json.loads(asked(gallery, "GET", "/images"))["images"])


def darkroom(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == code, done.output
    return done.stdout


def test_the_gallery_shows_the_pictures(room: Darkroom) -> None:
    images = json.loads(asked(gallery, "GET", "/images"))["images"]
    assert len(images) == len(READY)
    for image in images:
        assert image["name"] in asked(gallery, "GET", f"/images/{image['id']}")
    assert "http" in asked(gallery, "GET", "/")


def test_a_dead_letter_without_a_record_is_listed_and_replayed(room: Darkroom) -> None:
    listed = json.loads(darkroom("dead-letters", "list", "--json"))
    assert [group["code"] for group in listed["groups"]] == ["unexpected"]
    darkroom("dead-letters", "replay", "--code", "unexpected", "--yes")
    before = len(shown())
    room.drain()
    assert len(shown()) == before + 1
    assert room.letters() == 0


def test_a_rejection_is_listed(room: Darkroom) -> None:
    (rejected,) = json.loads(darkroom("rejections", "list", "--json"))
    assert rejected["name"] == "poem.jpg"


def test_reconcile_submits_exactly_the_lost_upload(room: Darkroom) -> None:
    (lost,) = json.loads(darkroom("reconcile", "--grace", "0s", "--json", code=3))["uploads"]
    assert lost["key"].endswith("/lost.jpg")
    darkroom("reconcile", "--grace", "0s", "--yes")
    before = len(shown())
    room.drain()
    assert len(shown()) == before + 1


def test_rendering_again_keeps_each_picture_once(room: Darkroom) -> None:
    before = {image["id"] for image in json.loads(asked(gallery, "GET", "/images"))["images"]}
    darkroom("rerender", "--prefix", "holiday/", "--yes")
    room.drain()
    assert {image["id"] for image in json.loads(asked(gallery, "GET", "/images"))["images"]} == before


def test_a_picture_can_be_removed_and_restored(room: Darkroom) -> None:
    image_id = json.loads(asked(gallery, "GET", "/images"))["images"][0]["id"]
    before = shown()
    darkroom("remove", image_id, "--yes")
    assert len(shown()) == len(before) - 1
    darkroom("restore", image_id)
    assert shown() == before
