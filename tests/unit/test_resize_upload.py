"""One upload in the resizer's code with moto's S3: written objects, and untouched ones."""

import dataclasses
import json
from datetime import UTC, datetime
from io import BytesIO

import pytest
from mypy_boto3_s3 import S3Client
from PIL import Image
from urllib3.exceptions import ProtocolError

from functions.resize.render import render
from functions.resize.work import Settings, resize_upload
from shared import keys, names
from shared.errors import Rejected, Unavailable
from shared.events import Upload, uploads_in
from shared.storage import FOREVER, get_original
from tests.support.pictures import plain_jpeg

SETTINGS = Settings("uploads", "resized", 5)


def uploaded(s3: S3Client, body: bytes, key: str = "cat.jpg") -> Upload:
    etag = s3.put_object(Bucket="uploads", Key=key, Body=body)["ETag"].strip('"')
    return Upload("uploads", key, etag, len(body), datetime(2026, 11, 22, tzinfo=UTC))


def written(s3: S3Client) -> dict[str, str]:
    return {found["Key"]: found["ETag"] for found in s3.list_objects_v2(Bucket="resized").get("Contents", [])}


def test_each_rendition_is_written_under_the_key_that_the_gallery_lists(s3: S3Client) -> None:
    upload = uploaded(s3, plain_jpeg(), keys.upload_key(keys.new_image_id(datetime.now(UTC)), "猫.jpg"))
    resize_upload(s3, upload, SETTINGS, render)
    tail = f"{upload.image.id}/640x480/{names.safe_name('猫')}.jpg"
    assert sorted(written(s3)) == [f"medium/{tail}", f"thumb/{tail}", f"view/{tail}"]
    thumb = s3.get_object(Bucket="resized", Key=f"thumb/{tail}")
    assert (thumb["ContentType"], thumb["CacheControl"]) == ("image/jpeg", FOREVER)
    assert thumb["Metadata"] == {"width": "400", "height": "300"}
    assert Image.open(BytesIO(thumb["Body"].read())).size == (400, 300)


def test_resizing_an_upload_again_changes_nothing(s3: S3Client) -> None:
    upload = uploaded(s3, plain_jpeg())
    resize_upload(s3, upload, SETTINGS, render)
    before = written(s3)
    resize_upload(s3, upload, SETTINGS, render)
    assert written(s3) == before


def test_a_replaced_or_deleted_upload_is_left_to_its_successor(s3: S3Client) -> None:
    older = uploaded(s3, plain_jpeg(10, 10))
    uploaded(s3, plain_jpeg(20, 20))
    resize_upload(s3, older, SETTINGS, render)
    assert written(s3) == {}
    s3.delete_object(Bucket="uploads", Key="cat.jpg")
    resize_upload(s3, older, SETTINGS, render)
    assert written(s3) == {}


def test_a_rejection_has_its_reason_and_keeps_the_event(s3: S3Client) -> None:
    upload = uploaded(s3, b"<svg></svg>", "lies+1.jpg")
    resize_upload(s3, upload, SETTINGS, render)
    assert sorted(written(s3)) == [keys.rejection_key(upload.image.id), keys.rejection_mark_key(upload.image.id)]
    record = json.loads(s3.get_object(Bucket="resized", Key=keys.rejection_key(upload.image.id))["Body"].read())
    assert record["code"] in {"not-an-image", "unsupported-format"}
    assert record["sentence"]
    assert record["name"] == "lies+1.jpg"
    assert uploads_in(json.dumps(record["event"])) == [upload]


def test_an_original_with_too_many_bytes_is_not_read(s3: S3Client) -> None:
    upload = uploaded(s3, bytes(5_000_001))
    with pytest.raises(Rejected, match="5 MB"):
        get_original(s3, "uploads", upload.key, upload.etag, 5_000_000)
    resize_upload(s3, upload, SETTINGS, render)
    assert sorted(written(s3)) == [keys.rejection_key(upload.image.id), keys.rejection_mark_key(upload.image.id)]


def test_a_missing_bucket_is_unavailable_not_rejected(s3: S3Client) -> None:
    upload = uploaded(s3, plain_jpeg())
    with pytest.raises(Unavailable) as raised:
        resize_upload(s3, upload, Settings("uploads", "nowhere", 5), render)
    assert raised.value.code == "storage-refused"


@pytest.mark.parametrize("operation", ["GetObject", "PutObject", "ListObjectsV2"])
def test_a_response_that_breaks_off_is_unavailable(s3: S3Client, operation: str) -> None:
    def break_off(**_: object) -> None:
        raise ProtocolError("Connection broken: IncompleteRead")

    upload = uploaded(s3, plain_jpeg())
    s3.meta.events.register_first(f"before-send.s3.{operation}", break_off)
    with pytest.raises(Unavailable) as raised:
        resize_upload(s3, upload, SETTINGS, render)
    assert raised.value.code == "storage-unavailable"


def test_originals_are_kept_by_default(s3: S3Client) -> None:
    upload = uploaded(s3, plain_jpeg())
    resize_upload(s3, upload, SETTINGS, render)
    assert s3.list_objects_v2(Bucket="uploads")["KeyCount"] == 1
    resize_upload(s3, upload, Settings("uploads", "resized", 5, delete_originals=True), render)
    assert s3.list_objects_v2(Bucket="uploads")["KeyCount"] == 0


@pytest.mark.parametrize(
    ("setting", "code"),
    [({"max_image_megapixels": 1}, "too-many-pixels"), ({"max_side_pixels": 1999}, "side-too-long")],
)
def test_the_limits_of_the_parameters_are_enforced(s3: S3Client, setting: dict[str, int], code: str) -> None:
    upload = uploaded(s3, plain_jpeg(2000, 1000))
    resize_upload(s3, upload, dataclasses.replace(SETTINGS, **setting), render)  # type: ignore[arg-type]
    record = json.loads(s3.get_object(Bucket="resized", Key=keys.rejection_key(upload.image.id))["Body"].read())
    assert record["code"] == code
