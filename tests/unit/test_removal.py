"""Pictures are removed, restored, erased and withdrawn over HTTP."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_s3 import S3Client
from PIL import Image as Pillow

from functions.ingest import door
from functions.remove import copies, handler
from functions.resize import work
from functions.resize.render import render
from shared import clock, http, removal, storage
from shared.events import Upload
from shared.keys import UPLOADS_PREFIX, receipt_hash, removal_mark_key, removed_key
from shared.limits import WITHDRAW_SECONDS
from shared.removal import NothingThere, Place
from tests.support.context import Context
from tests.support.gallery import NOW, get, image_id, picture, rejection, shown
from tests.support.roles import Open
from tests.support.template import RESOURCES

SETTINGS = work.Settings("uploads", "resized", 5)
BEHAVIOURS = RESOURCES["Distribution"]["Properties"]["DistributionConfig"]["CacheBehaviors"]


@pytest.fixture(autouse=True)
def _wired(s3: S3Client, gallery: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler, "settings", lambda: handler.Settings("uploads", "resized"))
    monkeypatch.setattr(handler, "guard", Open(lambda: None))  # type: ignore[arg-type,return-value]


@pytest.fixture
def place(s3: S3Client) -> Place:
    return Place(s3, "uploads", "resized")


def ask(method: str, path: str, **headers: str) -> http.Response:
    event = {"rawPath": path, "headers": headers, "requestContext": {"http": {"method": method}}}
    return handler.handle(event, Context())


def keys(s3: S3Client, bucket: str = "resized", prefix: str = "") -> list[str]:
    """Returns the keys in a bucket without the empty marks of removed pictures."""
    found = [found["Key"] for found in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]
    return [key for key in found if not key.endswith("/removed")]


def jpeg() -> bytes:
    file = io.BytesIO()
    Pillow.new("RGB", (64, 48), "teal").save(file, "JPEG")
    return file.getvalue()


def uploaded(s3: S3Client, key: str = "", receipt: str = "") -> Upload:
    """Puts an original, resizes it, and returns its event."""
    if not key:
        wish = door.Wish("Katze.jpg", "image/jpeg", None)
        ticket = door.ticket(s3, "uploads", wish, 5_000_000, datetime.now(UTC))
        key = ticket.fields["key"]
    answer = s3.put_object(Bucket="uploads", Key=key, Body=jpeg(), Metadata={"receipt": receipt_hash(receipt)})
    event = Upload("uploads", key, answer["ETag"].strip('"'), len(jpeg()), NOW)
    work.resize_upload(s3, event, SETTINGS, render)
    return event


def test_a_removed_picture_disappears_everywhere_and_comes_back_whole(s3: S3Client) -> None:
    image = uploaded(s3).image.id
    s3.put_object(Bucket="resized", Key=f"lookalikes/{image}.json", Body=b"{}")  # a subscriber's record
    other = uploaded(s3).image.id
    before = keys(s3), keys(s3, "uploads")
    assert ask("DELETE", f"/images/{image}")["statusCode"] == 200
    assert shown() == [other]
    assert get(f"/images/{image}").json == {"id": image, "status": "removed"}
    assert get("/", image=image).status == 404
    assert get(f"/images/{image}/download").status == 404
    assert [key for key in keys(s3) if image in key and not key.startswith(("trash/", "removed/"))] == []
    assert keys(s3, "uploads", f"{UPLOADS_PREFIX}{image}/") == []

    assert ask("POST", f"/images/{image}/restore")["statusCode"] == 200
    assert (keys(s3), keys(s3, "uploads")) == before
    assert set(shown()) == {image, other}
    head = s3.head_object(Bucket="resized", Key=keys(s3, "resized", f"thumb/{image}/")[0])
    assert (head["ContentType"], head["CacheControl"]) == ("image/jpeg", storage.FOREVER)


def test_a_removal_is_announced_by_one_record_and_a_restored_picture_by_its_thumb(s3: S3Client, place: Place) -> None:
    image = uploaded(s3).image.id
    written: list[str] = []
    for name in ("PutObject", "CopyObject"):
        s3.meta.events.register(f"provide-client-params.s3.{name}", lambda params, **_: written.append(params["Key"]))
    removal.remove(place, image, NOW)
    assert [key for key in written if key.startswith(("removed/", "thumb/", "rejected/"))] == [removed_key(image)]
    assert written[0] == removed_key(image)
    record = json.loads(s3.get_object(Bucket="resized", Key=removed_key(image))["Body"].read())
    assert record == {"image": image, "removed_at": NOW.isoformat(), "forever": False}
    written.clear()
    removal.restore(place, image)
    assert written[-1].startswith(f"thumb/{image}/")


def test_a_rejection_can_be_removed(s3: S3Client, place: Place) -> None:
    image = rejection(s3)
    removal.remove(place, image, NOW)
    assert get(f"/images/{image}").json["status"] == "removed"
    assert "Save it as JPEG" not in json.dumps(keys(s3, "resized", "rejected/"))


def test_an_upload_without_a_door_key_keeps_its_id_when_restored(s3: S3Client, place: Place) -> None:
    event = uploaded(s3, "holiday/Größe & so.jpg")
    image = event.image.id
    removal.remove(place, image, NOW)
    assert keys(s3, "uploads") == []
    removal.restore(place, image)
    (key,) = keys(s3, "uploads")
    again = s3.head_object(Bucket="uploads", Key=key)
    restored = Upload("uploads", key, again["ETag"].strip('"'), again["ContentLength"], datetime.now(UTC))
    assert restored.image == event.image
    work.resize_upload(s3, restored, SETTINGS, render)
    assert shown() == [image]


def test_a_picture_that_is_removed_while_it_is_resized_stays_removed(s3: S3Client, place: Place) -> None:
    event = uploaded(s3)

    def slow_render(*arguments: Any) -> Any:
        removal.remove(place, event.image.id, NOW)
        return render(*arguments)

    work.resize_upload(s3, event, SETTINGS, slow_render)
    assert shown() == []
    assert keys(s3, "resized", "view/") == []
    removal.restore(place, event.image.id)
    assert shown() == [event.image.id]


def test_a_removal_moves_renditions_that_were_written_just_before_its_mark(
    s3: S3Client, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = uploaded(s3).image
    (thumb,) = keys(s3, prefix=f"thumb/{image.id}/")
    body = s3.get_object(Bucket="resized", Key=thumb)["Body"].read()
    s3.delete_object(Bucket="resized", Key=thumb)
    mark = storage.put_mark

    def late(*arguments: Any) -> None:
        s3.put_object(Bucket="resized", Key=thumb, Body=body)
        mark(*arguments)

    monkeypatch.setattr(storage, "put_mark", late)
    removal.remove(place, image.id, NOW)
    assert keys(s3, prefix=f"thumb/{image.id}/") == []


def test_the_mark_of_a_removal_stays_until_the_picture_is_restored(s3: S3Client, place: Place) -> None:
    image = uploaded(s3).image.id
    removal.remove(place, image, NOW)
    s3.head_object(Bucket="resized", Key=removal_mark_key(image))
    removal.restore(place, image)
    with pytest.raises(s3.exceptions.ClientError):
        s3.head_object(Bucket="resized", Key=removal_mark_key(image))


def test_an_interrupted_removal_goes_on(s3: S3Client, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    image = uploaded(s3).image.id
    with monkeypatch.context() as broken:
        calls = iter([storage.delete])
        broken.setattr(storage, "delete", lambda *given: next(calls)(*given))
        with pytest.raises(StopIteration):
            removal.remove(place, image, NOW)
    assert shown() == []  # the thumb goes first
    removal.remove(place, image, NOW)
    assert keys(s3, "uploads") == keys(s3, "resized", "view/") == []
    removal.restore(place, image)
    assert shown() == [image]


def test_erasing_leaves_a_record_without_a_name(s3: S3Client, place: Place) -> None:
    first, second = uploaded(s3).image.id, uploaded(s3).image.id
    removal.remove(place, first, NOW)  # removed before, and now erased
    for image in (first, second):
        removal.remove(place, image, NOW, forever=True)
    assert keys(s3, "uploads") == []
    assert sorted(keys(s3)) == sorted([removed_key(first), removed_key(second)])
    for key in keys(s3):
        assert "Katze" not in s3.get_object(Bucket="resized", Key=key)["Body"].read().decode()
    with pytest.raises(NothingThere, match="not-restorable"):
        removal.restore(place, second)


def test_an_unknown_picture_cannot_be_removed_or_restored() -> None:
    for method, path in (("DELETE", ""), ("POST", "/restore")):
        assert ask(method, f"/images/{image_id()}{path}")["statusCode"] == 404
        assert ask(method, f"/images/no-id{path}")["statusCode"] == 404


def test_an_uploader_withdraws_with_the_receipt_only_and_for_a_day(
    s3: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = uploaded(s3, receipt="secret").image.id

    def withdraw(receipt: str) -> tuple[int, str]:
        answer = ask("DELETE", f"/uploads/{image}", **{"x-receipt": receipt})
        return answer["statusCode"], json.loads(answer["body"]).get("code", "")

    assert withdraw("") == withdraw("guess") == (403, "wrong-receipt")
    late = datetime.now(UTC) + timedelta(seconds=WITHDRAW_SECONDS + 60)
    with monkeypatch.context() as later:
        later.setattr(clock, "now", lambda: late)
        assert withdraw("secret") == (403, "too-late")
    assert shown() == [image]
    assert withdraw("secret") == (200, "")
    assert shown() == []
    assert withdraw("secret") == (404, "unknown-image")


def test_a_picture_without_a_receipt_cannot_be_withdrawn(s3: S3Client) -> None:
    image = picture(s3)
    s3.put_object(Bucket="uploads", Key=f"{UPLOADS_PREFIX}{image}/cat.jpg", Body=b"x")
    assert ask("DELETE", f"/uploads/{image}", **{"x-receipt": ""})["statusCode"] == 403


def test_the_ticket_binds_the_receipt_to_the_original(s3: S3Client) -> None:
    issued = door.ticket(s3, "uploads", door.Wish("a.jpg", "image/jpeg", None), 5_000_000, NOW)
    assert issued.fields["x-amz-meta-receipt"] == receipt_hash(issued.receipt)
    assert issued.receipt not in json.dumps(issued.fields)


def test_the_cdn_forgets_its_copies(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    class CloudFront:
        def create_invalidation(self, **given: Any) -> None:
            calls.append(given)

    monkeypatch.setattr(handler, "settings", lambda: handler.Settings("uploads", "resized", "E123"))
    monkeypatch.setattr(copies, "cloudfront", CloudFront)
    image = uploaded(s3).image.id
    assert ask("DELETE", f"/images/{image}")["statusCode"] == 200
    assert calls[0]["DistributionId"] == "E123"
    served = [one["PathPattern"].removesuffix("/*") for one in BEHAVIOURS]
    assert calls[0]["InvalidationBatch"]["Paths"]["Items"] == [f"/{prefix}/{image}/*" for prefix in served]
    ask("POST", f"/images/{image}/restore")
    ask("DELETE", f"/images/{image}")
    assert len({call["InvalidationBatch"]["CallerReference"] for call in calls}) == 2, "CloudFront would ignore it"


def test_copies_that_the_cdn_kept_are_deleted_by_a_second_removal(
    s3: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = [ClientError({"Error": {"Code": "TooManyInvalidationsInProgress"}}, "CreateInvalidation")]
    calls: list[Any] = []

    class CloudFront:
        def create_invalidation(self, **given: Any) -> None:
            if refusals:
                raise refusals.pop()
            calls.append(given)

    monkeypatch.setattr(handler, "settings", lambda: handler.Settings("uploads", "resized", "E123"))
    monkeypatch.setattr(copies, "cloudfront", CloudFront)
    image = uploaded(s3).image.id
    first = ask("DELETE", f"/images/{image}")
    assert (first["statusCode"], json.loads(first["body"])["code"]) == (503, "copies-remain")
    assert shown() == []
    assert ask("DELETE", f"/images/{image}")["statusCode"] == 200
    assert len(calls) == 1
    assert ask("DELETE", f"/images/{image[::-1]}")["statusCode"] == 404
