"""The objects of an upload in the resized bucket: renditions or a rejection, once, of the newest content."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from mypy_boto3_s3 import S3Client
from PIL import Image

from functions.resize.render import render
from functions.resize.rendered import Rendered
from functions.resize.work import Render, Settings, resize_upload
from shared.config import read
from shared.errors import Rejected, Unavailable
from shared.events import Upload, uploads_in
from shared.keys import new_image_id, upload_key
from shared.limits import Limits
from shared.renditions import DEFAULT_RENDITIONS, Rendition
from tests.support.pictures import plain_jpeg

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
SETTINGS = Settings("uploads", "resized", max_upload_megabytes=1)
DOOR_KEY = upload_key(new_image_id(AT), "cat.jpg")


def arrive(s3: S3Client, key: str, body: bytes, at: datetime = AT) -> Upload:
    etag = s3.put_object(Bucket="uploads", Key=key, Body=body)["ETag"].strip('"')
    return Upload("uploads", key, etag, len(body), at)


def left(s3: S3Client) -> dict[str, bytes]:
    """Returns every object of the resized bucket."""
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket="resized").get("Contents", [])]
    return {key: s3.get_object(Bucket="resized", Key=key)["Body"].read() for key in keys}


def shapes(s3: S3Client) -> list[tuple[str, str]]:
    """Returns (rendition, original's size) of every rendition there."""
    found = [key.split("/") for key in left(s3)]
    return sorted((parts[0], parts[2]) for parts in found if len(parts) == 4)


def whole(size: str) -> list[tuple[str, str]]:
    """Returns what `shapes` finds if every rendition of an original of this size is there, and nothing else."""
    return sorted((rendition.name, size) for rendition in DEFAULT_RENDITIONS)


def colour(s3: S3Client) -> tuple[int, ...]:
    (thumb,) = [body for key, body in left(s3).items() if key.startswith("thumb/")]
    pixel = Image.open(BytesIO(thumb)).convert("RGB").getpixel((5, 5))
    assert isinstance(pixel, tuple)
    return tuple(round(value / 64) for value in pixel)


def meanwhile(act: Callable[[], Any]) -> Render:
    """Renders, and then runs a function before the renditions are written."""

    def rendering(data: bytes, renditions: Sequence[Rendition], limits: Limits) -> Rendered:
        rendered = render(data, renditions, limits)
        act()
        return rendered

    return rendering


@pytest.mark.parametrize("key", [DOOR_KEY, "holiday/cat.jpg"], ids=["by the door", "by another way"])
def test_a_redelivered_event_changes_nothing(s3: S3Client, key: str) -> None:
    upload = arrive(s3, key, plain_jpeg(800, 600))
    resize_upload(s3, upload, SETTINGS, render)
    once = left(s3)
    resize_upload(s3, upload, SETTINGS, render)
    assert left(s3) == once
    assert shapes(s3) == whole("800x600")


def test_a_rejection_has_its_reason_and_can_be_replayed(s3: S3Client) -> None:
    upload = arrive(s3, DOOR_KEY, b"a poem")
    resize_upload(s3, upload, SETTINGS, render)
    key = f"rejected/{upload.image.id}.json"
    record = json.loads(left(s3)[key])
    assert sorted(left(s3)) == [key, f"view/{upload.image.id}/rejected"]
    assert record["code"] == "not-an-image"
    assert record["sentence"]
    assert record["name"] == "cat.jpg"
    assert uploads_in(json.dumps(record["event"])) == [upload]


def test_a_successful_replay_deletes_the_rejection(s3: S3Client) -> None:
    def older_decoder(*_: Any) -> Rendered:
        raise Rejected("unsupported-format", "Not yet.")

    upload = arrive(s3, DOOR_KEY, plain_jpeg(800, 600))
    resize_upload(s3, upload, SETTINGS, older_decoder)
    assert shapes(s3) == []
    resize_upload(s3, upload, SETTINGS, render)
    assert shapes(s3) == whole("800x600")
    assert len(left(s3)) == 3


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 1, 0)])
def test_the_newer_of_two_uploads_under_one_ticket_stays(s3: S3Client, order: tuple[int, ...]) -> None:
    events = [arrive(s3, DOOR_KEY, plain_jpeg(800, 600)), arrive(s3, DOOR_KEY, plain_jpeg(300, 900))]
    for index in order:
        resize_upload(s3, events[index], SETTINGS, render)
    assert shapes(s3) == whole("300x900")


def test_an_upload_replaced_by_a_file_that_is_no_picture_is_rejected(s3: S3Client) -> None:
    resize_upload(s3, arrive(s3, DOOR_KEY, plain_jpeg(800, 600)), SETTINGS, render)
    resize_upload(s3, arrive(s3, DOOR_KEY, b"a poem"), SETTINGS, render)
    assert [key.split("/")[0] for key in left(s3)] == ["rejected", "view"]
    assert shapes(s3) == []


@pytest.mark.parametrize(
    "newer", [plain_jpeg(300, 900, "red"), plain_jpeg(800, 600, "red")], ids=["other shape", "same shape"]
)
def test_an_upload_replaced_during_rendering_ends_as_the_newer_one(s3: S3Client, newer: bytes) -> None:
    """Tests that the newer event is processed completely between the older upload's rendering and its writes."""
    older = arrive(s3, DOOR_KEY, plain_jpeg(800, 600, "blue"))
    race = meanwhile(lambda: resize_upload(s3, arrive(s3, DOOR_KEY, newer), SETTINGS, render))
    resize_upload(s3, older, SETTINGS, race)
    width, height = Image.open(BytesIO(newer)).size
    assert shapes(s3) == whole(f"{width}x{height}")
    assert colour(s3) == (4, 0, 0)


def test_each_content_under_a_foreign_key_is_a_separate_upload(s3: S3Client) -> None:
    older = arrive(s3, "cat.jpg", plain_jpeg(800, 600))
    newer = arrive(s3, "cat.jpg", plain_jpeg(300, 900), AT + timedelta(seconds=1))
    resize_upload(s3, newer, SETTINGS, render)
    resize_upload(s3, older, SETTINGS, render)  # late, and superseded: its content is gone
    assert shapes(s3) == whole("300x900")


def test_the_event_of_a_deleted_upload_is_done(s3: S3Client) -> None:
    upload = arrive(s3, DOOR_KEY, plain_jpeg(800, 600))
    s3.delete_object(Bucket="uploads", Key=DOOR_KEY)
    resize_upload(s3, upload, SETTINGS, render)
    assert left(s3) == {}


def test_a_newer_original_is_not_deleted_before_it_is_rendered(s3: S3Client) -> None:
    settings = replace(SETTINGS, delete_originals=True)
    upload = arrive(s3, DOOR_KEY, plain_jpeg(800, 600))
    newer = []
    resize_upload(s3, upload, settings, meanwhile(lambda: newer.append(arrive(s3, DOOR_KEY, plain_jpeg(300, 900)))))
    assert s3.list_objects_v2(Bucket="uploads")["KeyCount"] == 1
    resize_upload(s3, newer[0], settings, render)
    assert s3.list_objects_v2(Bucket="uploads")["KeyCount"] == 0
    resize_upload(s3, upload, settings, render)
    assert shapes(s3) == whole("300x900")


def test_an_upload_over_the_limit_is_rejected_unread(s3: S3Client) -> None:
    resize_upload(s3, arrive(s3, DOOR_KEY, bytes(1_000_001)), SETTINGS, render)
    (body,) = [body for key, body in left(s3).items() if key.startswith("rejected/")]
    assert json.loads(body)["code"] == "too-many-bytes"


def test_an_event_about_another_bucket_is_refused_before_anything_is_read(s3: S3Client) -> None:
    s3.create_bucket(Bucket="victim", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    put = s3.put_object(Bucket="victim", Key="private.jpg", Body=b"x")
    forged = Upload("victim", "private.jpg", put["ETag"].strip('"'), 1, datetime.now(UTC))
    calls: list[str] = []
    s3.meta.events.register("before-call.s3", lambda model, **_: calls.append(model.name))
    with pytest.raises(Rejected, match="foreign-event: The event is about bucket 'victim' and not 'uploads'"):
        resize_upload(s3, forged, SETTINGS, render)
    assert calls == []


@pytest.mark.parametrize(("megapixels", "memory_mb"), [(200, 2048), (200, 3008), (250, 3300), (120, 1024)])
def test_a_pixel_limit_that_the_memory_cannot_hold_is_refused_at_the_start(megapixels: int, memory_mb: int) -> None:
    environ = {
        "UPLOAD_BUCKET": "uploads",
        "RESIZED_BUCKET": "resized",
        "MAX_UPLOAD_MEGABYTES": "50",
        "MAX_IMAGE_MEGAPIXELS": str(megapixels),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb),
    }
    with pytest.raises(Unavailable, match=f"MEGAPIXELS={megapixels} needs [0-9]{{4}} MiB .* has {memory_mb}: raise"):
        read(Settings, environ)


@pytest.mark.parametrize(("megapixels", "memory_mb"), [(120, 2048), (200, 3300), (250, 4100)])
def test_the_pixel_limit_grows_with_the_memory(megapixels: int, memory_mb: int) -> None:
    settings = Settings("a", "b", 50, megapixels, aws_lambda_function_memory_size=memory_mb)
    assert settings.limits.max_pixels == megapixels * 1_000_000
