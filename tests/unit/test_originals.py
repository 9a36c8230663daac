"""`reconcile`, `rerender` and `rejections`: which originals are lost, and under which id they are submitted again."""

import json
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from mypy_boto3_s3 import S3Client
from PIL import Image

from functions.resize.render import render
from functions.resize.work import Settings, resize_upload
from ops.monitoring.status import ready_since
from ops.options import Filters
from ops.recovery.originals import as_first_announced, ends, lost, originals
from ops.recovery.rejections import rejections, selected
from shared.events import Upload, uploads_in
from shared.keys import new_image_id, upload_key

SETTINGS = Settings("uploads", "resized", max_upload_megabytes=1)
NOW = datetime.now(UTC)
KEYS = [upload_key(new_image_id(NOW), "cat.jpg"), "holiday/cat.jpg"]


def put(s3: S3Client, key: str, body: bytes | None = None, at: datetime = NOW) -> Upload:
    if body is None:
        out = BytesIO()
        Image.new("RGB", (80, 60)).save(out, "PNG")
        body = out.getvalue()
    etag = s3.put_object(Bucket="uploads", Key=key, Body=body)["ETag"].strip('"')
    return Upload("uploads", key, etag, len(body), at)


def lost_ids(s3: S3Client, dead: tuple[str, ...] = (), later: timedelta = timedelta(minutes=1)) -> list[str]:
    ended = ends(s3, "resized").every() | set(dead)
    return [upload.key for upload in lost(originals(s3, "uploads"), ended, datetime.now(UTC) + later)]


@pytest.mark.parametrize("key", KEYS, ids=["by the door", "by another way"])
def test_only_an_original_without_a_trace_is_lost(s3: S3Client, key: str) -> None:
    upload = put(s3, key)
    assert lost_ids(s3) == [key]
    assert lost_ids(s3, dead=(upload.image.id,)) == []
    resize_upload(s3, upload, SETTINGS, render)
    assert lost_ids(s3) == []


@pytest.mark.parametrize("key", KEYS, ids=["by the door", "by another way"])
def test_a_rejected_upload_is_not_lost(s3: S3Client, key: str) -> None:
    resize_upload(s3, put(s3, key, b"a poem"), SETTINGS, render)
    assert lost_ids(s3) == []


def test_a_young_upload_is_not_lost_yet(s3: S3Client) -> None:
    put(s3, KEYS[0])
    assert lost_ids(s3, later=-timedelta(minutes=15)) == []


@pytest.mark.parametrize("key", KEYS, ids=["by the door", "by another way"])
def test_a_resubmitted_original_keeps_its_id(s3: S3Client, key: str) -> None:
    """S3's listing knows the time of an object only to the second, its event to the millisecond."""
    upload = put(s3, key, at=NOW - timedelta(seconds=3.217))
    resize_upload(s3, upload, SETTINGS, render)
    (again,) = as_first_announced(originals(s3, "uploads"), ends(s3, "resized").every())
    assert again.image.id == upload.image.id
    (event,) = uploads_in(json.dumps(again.as_event()))
    resize_upload(s3, event, SETTINGS, render)
    assert ends(s3, "resized").ready == {upload.image.id}


def test_rejections_are_found_by_reason_key_and_id(s3: S3Client) -> None:
    uploads = [put(s3, KEYS[0], b"a poem"), put(s3, KEYS[1], bytes(1_000_001))]
    for upload in uploads:
        resize_upload(s3, upload, SETTINGS, render)
    found = rejections(s3, "resized")
    assert {one.upload.etag for one in found if one.upload} == {upload.etag for upload in uploads}

    def chosen(code: str | None = None, prefix: str = "", ids: list[str] | None = None, minutes: int = 0) -> list[str]:
        filters = Filters(code, prefix, f"{minutes}m", ids)
        return [one.upload.key for one in found if one.upload and selected(one, filters)]

    assert sorted(chosen()) == sorted(KEYS)
    assert chosen(code="too-many-bytes") == [KEYS[1]]
    assert chosen(prefix="uploads/") == [KEYS[0]]
    assert chosen(ids=[uploads[1].image.id[:20]]) == [KEYS[1]]
    assert chosen(minutes=5) == []


def test_throughput_counts_uploads_since_a_time(s3: S3Client) -> None:
    for hours in (0, 1, 5):
        at = NOW - timedelta(hours=hours, minutes=1)
        resize_upload(s3, put(s3, upload_key(new_image_id(at), "cat.jpg"), at=at), SETTINGS, render)
    assert ready_since(s3, "resized", NOW - timedelta(hours=1)) == 1
    assert ready_since(s3, "resized", NOW - timedelta(hours=2)) == 2
