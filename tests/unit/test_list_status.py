"""GET /images?ids= and /images/ID: the status of uploads, and the number of lists that it takes."""

import pytest
from mypy_boto3_s3 import S3Client

from functions.list.settings import Wiring
from shared.limits import (
    MAX_STATUS_LISTS,
    MAX_STATUS_SPREAD_SECONDS,
    RECENT_SECONDS,
)
from tests.support.gallery import Calls, get, image_id, picture, rejection, upload

pytestmark = pytest.mark.usefixtures("gallery")


def test_each_upload_has_its_status(s3: S3Client) -> None:
    ready, refused, waiting, under_way = picture(s3, 1), rejection(s3, 2), upload(s3, 3), image_id(0)
    gone = image_id(RECENT_SECONDS / 60 + 1)
    found = get("/images", ids=",".join([waiting, gone, ready, under_way, refused])).json["images"]
    assert [image["id"] for image in found] == [waiting, gone, ready, under_way, refused]
    assert found[0] == {"id": waiting, "status": "pending", "received": True}
    assert found[1] == {"id": gone, "status": "unknown"}
    assert found[2] == {"status": "ready"} | get("/images").json["images"][0]
    assert found[3] == {"id": under_way, "status": "pending", "received": False}
    assert found[4] == {
        "id": refused,
        "status": "rejected",
        "code": "not-a-picture",
        "sentence": "Save it as JPEG.",
        "name": "x.jpg",
    }
    for image in found:
        alone = get(f"/images/{image['id']}")
        assert (alone.status, alone.json) == (200, image) if image["id"] != gone else alone.status == 404


def test_an_old_id_without_a_trace_is_unknown() -> None:
    answer = get("/images/" + image_id(60 * 24 * 365))
    assert (answer.status, answer.json["code"]) == (404, "unknown-image")
    assert get("/images/no-id").status == 404


def test_the_status_of_hundreds_takes_a_handful_of_lists(s3: S3Client, calls: Calls) -> None:
    ids = [upload(s3, n / 100) for n in range(150)] + [picture(s3, n / 100) for n in range(50)]
    calls.clear()
    found = get("/images", ids=",".join(ids)).json["images"]
    assert [image["status"] for image in found] == ["pending"] * 150 + ["ready"] * 50
    assert calls == ["ListObjectsV2"] * 4


def test_other_pictures_between_two_ids_do_not_hide_them(s3: S3Client, calls: Calls) -> None:
    newer = picture(s3, 1)
    for minutes in range(2, 42):
        picture(s3, minutes)
    older = picture(s3, 50)
    calls.clear()
    found = get("/images", ids=f"{older},{newer}").json["images"]
    assert [image["status"] for image in found] == ["ready", "ready"]
    assert len(calls) == 4


def test_two_pending_ids_ask_for_few_keys(s3: S3Client, gallery: Wiring) -> None:
    asked: list[int] = []
    gallery.s3.meta.events.register(
        "provide-client-params.s3.ListObjectsV2", lambda params, **_: asked.append(params["MaxKeys"])
    )
    get("/images", ids=f"{upload(s3, 1)},{upload(s3, 2)}")
    assert asked
    assert max(asked) <= 12


def test_ids_with_too_many_other_pictures_between_them_are_refused(
    s3: S3Client, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.list.status.LIST_KEYS", 2)
    ids = [picture(s3, minutes) for minutes in range(40)][::4]
    calls.clear()
    answer = get("/images", ids=",".join(ids))
    assert (answer.status, answer.json["code"]) == (400, "ids-too-far-apart")
    assert len(calls) == MAX_STATUS_LISTS
    for start in range(0, len(ids), MAX_STATUS_LISTS):  # so few always have an answer
        part = get("/images", ids=",".join(ids[start : start + MAX_STATUS_LISTS])).json["images"]
        assert {image["status"] for image in part} == {"ready"}


def test_ids_of_different_days_are_refused_without_a_list(calls: Calls) -> None:
    answer = get("/images", ids=f"{image_id(0)},{image_id(MAX_STATUS_SPREAD_SECONDS / 60 + 1)}")
    assert (answer.status, answer.json["code"]) == (400, "ids-too-far-apart")
    assert calls == []
