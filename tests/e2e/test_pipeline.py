"""From the upload to the gallery, with curl and a browser, with IAM enforced."""

import json
import subprocess
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from PIL import Image, ImageOps

from shared import keys
from tests.support.deployed import DARKROOM, Stack, until
from tests.support.uploads import picture, shown


def fetched(url: str) -> Image.Image:
    answer = httpx.get(url)
    assert answer.status_code == 200, answer.text
    return Image.open(BytesIO(answer.content))


def test_a_file_uploaded_by_the_curl_line_appears(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "cat.jpg").write_bytes(picture(1200, 800))
    line = f'curl -sX POST "{stack.gallery_url}uploads?name=Mieze%20%E7%8C%AB.jpg&as=curl" | curl -K - -F file=@cat.jpg'
    done = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("HTTP 204 image ")
    image = shown(stack, done.stdout.split()[-1])
    assert image["name"] == "Mieze 猫"
    assert (image["width"], image["height"]) == (1200, 800)
    thumb = fetched(image["thumb"]["url"])
    assert thumb.size == (400, 267)
    assert min(thumb.convert("RGB").getpixel((50, 50))) > 240  # type: ignore[arg-type]


def test_curl_prints_the_reason_of_a_refused_ticket(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "song.mp3").write_bytes(b"ID3")
    line = f'curl -sX POST "{stack.gallery_url}uploads?name=song.mp3&as=curl" | curl -K - -F file=@song.mp3'
    done = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert done.stderr.startswith("unsupported-type: song.mp3 is not a picture we can read.")


def test_a_small_picture_fills_the_thumb_and_its_orientation_is_applied(stack: Stack) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the stored picture must be shown a quarter turn clockwise
    image = shown(stack, stack.upload("turned.jpg", picture(200, 100, exif=exif)))
    assert (image["width"], image["height"]) == (100, 200)
    thumb = fetched(image["thumb"]["url"]).convert("RGB")
    assert thumb.size == (200, 400)
    upright = ImageOps.exif_transpose(Image.open(BytesIO(picture(200, 100, exif=exif)))).resize((200, 400))
    for spot in ((40, 40), (160, 40), (40, 360), (160, 360)):
        seen, wanted = thumb.getpixel(spot), upright.getpixel(spot)
        assert max(abs(a - b) for a, b in zip(seen, wanted, strict=True)) < 12  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_rendition_has_its_media_type_and_metadata(stack: Stack, kind: str) -> None:
    image_id = stack.upload(f"cat.{kind.lower()}", picture(kind=kind))
    found = stack.s3.head_object(Bucket=stack.resized_bucket, Key=stack.thumb_of(image_id))
    assert found["ContentType"] == "image/jpeg"
    assert found["CacheControl"] == "public, max-age=31536000, immutable"
    assert found["Metadata"] == {"width": "400", "height": "300"}


def test_the_gallery_is_newest_first_and_pages_do_not_shift(stack: Stack) -> None:
    older, newer = (stack.upload(f"{name}.png", picture(20, 20, kind="PNG")) for name in ("older", "newer"))
    for image_id in (older, newer):
        stack.thumb_of(image_id)
    first = httpx.get(f"{stack.gallery_url}images?limit=1").json()
    assert [image["id"] for image in first["images"]] == [newer]
    latest = stack.upload("latest.png", picture(20, 20, kind="PNG"))
    stack.thumb_of(latest)
    second = httpx.get(f"{stack.gallery_url}images?limit=1&after={first['next']}").json()
    assert [image["id"] for image in second["images"]] == [older]


def test_uploading_the_same_photo_twice_gives_two_entries(stack: Stack) -> None:
    photo = picture(300, 300, (1, 2, 3))
    first, second = stack.upload("twin.jpg", photo), stack.upload("twin.jpg", photo)
    assert first != second
    assert {shown(stack, first)["name"], shown(stack, second)["name"]} == {"twin"}


def snapshot(stack: Stack) -> dict[str, str]:
    """Return every object of the resized bucket with the hash of its content."""
    pages = stack.s3.get_paginator("list_objects_v2").paginate(Bucket=stack.resized_bucket)
    return {found["Key"]: found["ETag"] for page in pages for found in page.get("Contents", [])}


def test_the_same_event_again_changes_nothing(stack: Stack) -> None:
    photo = picture(321, 123)
    stack.s3.put_object(Bucket=stack.upload_bucket, Key="by hand/Ümlaut + 1.jpg", Body=photo)

    def by_hand() -> list[str]:
        return [key for key in stack.keys("thumb/") if "/321x123/" in key]

    key = until(by_hand, "a thumb of what was put by hand")[0]
    read = keys.read_rendition_key(key)
    assert read is not None
    assert read.stem == "Ümlaut + 1"
    before = snapshot(stack)
    found = stack.s3.head_object(Bucket=stack.upload_bucket, Key="by hand/Ümlaut + 1.jpg")
    event = {
        "Records": [
            {
                "eventName": "ObjectCreated:Put",
                # The event's time, which the id contains to the millisecond.
                "eventTime": keys.taken_at(read.image_id).isoformat(timespec="milliseconds"),
                "s3": {
                    "bucket": {"name": stack.upload_bucket},
                    "object": {
                        "key": "by+hand/%C3%9Cmlaut+%2B+1.jpg",
                        "size": len(photo),
                        "eTag": found["ETag"].strip('"'),
                    },
                },
            }
        ]
    }
    raw, enveloped = json.dumps(event), json.dumps({"Type": "Notification", "Message": json.dumps(event)})
    for body in (raw, enveloped, raw):
        stack.sqs.send_message(QueueUrl=stack.outputs["ResizeQueueUrl"], MessageBody=body)
    until(lambda: stack.waiting() == 0, "an empty queue")
    assert snapshot(stack) == before
    assert stack.waiting("ResizeDeadLetterQueueUrl") == 0


def test_a_superseded_event_and_a_test_event_are_acknowledged(stack: Stack) -> None:
    before = snapshot(stack)
    gone = {
        "Records": [
            {
                "eventName": "ObjectCreated:Put",
                "eventTime": "2026-11-22T10:11:12.345Z",
                "s3": {
                    "bucket": {"name": stack.upload_bucket},
                    "object": {"key": "gone.jpg", "size": 5, "eTag": "0" * 32},
                },
            }
        ]
    }
    stack.s3.put_object(Bucket=stack.upload_bucket, Key="replaced.jpg", Body=picture(77, 33))
    until(lambda: [key for key in stack.keys("thumb/") if "/77x33/" in key], "the thumb of what replaced it")
    before = snapshot(stack)
    replaced = json.loads(json.dumps(gone).replace("gone.jpg", "replaced.jpg"))
    for body in (gone, replaced, {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": stack.upload_bucket}):
        stack.sqs.send_message(QueueUrl=stack.outputs["ResizeQueueUrl"], MessageBody=json.dumps(body))
    until(lambda: stack.waiting() == 0, "an empty queue")
    assert snapshot(stack) == before
    assert stack.waiting("ResizeDeadLetterQueueUrl") == 0


def test_a_file_that_is_no_picture_is_rejected_with_a_reason(stack: Stack) -> None:
    image_id = stack.upload("lies.jpg", b"<html>I am not a picture</html>")
    key = until(lambda: stack.keys(f"rejected/{image_id}"), "the record of the rejection")[0]
    record = json.loads(stack.s3.get_object(Bucket=stack.resized_bucket, Key=key)["Body"].read())
    assert record["name"] == "lies.jpg"
    assert record["code"] in {"not-an-image", "unsupported-format"}
    assert record["event"]["Records"][0]["s3"]["object"]["key"] == f"uploads/{image_id}/lies.jpg"
    assert stack.keys(f"thumb/{image_id}/") == []


def test_darkroom_upload_accepts_a_folder(stack: Stack, tmp_path: Path) -> None:
    for name in ("one.jpg", "sub/two.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(picture(111, 222))
    (tmp_path / "notes.txt").write_text("no picture")
    command = [DARKROOM, "upload", str(tmp_path), *stack.place]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "2 of 2 uploaded" in done.stdout
    until(lambda: len([key for key in stack.keys("thumb/") if "/111x222/" in key]) == 2, "both pictures")
