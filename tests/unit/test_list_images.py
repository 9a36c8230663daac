"""GET /images: order, pages and URLs of pictures."""

from datetime import UTC, datetime

import pytest
from mypy_boto3_s3 import S3Client

from functions.list import handler
from functions.list.settings import Settings, Wiring
from shared import config
from shared.keys import new_image_id
from shared.limits import (
    MAX_PAGE_ITEMS,
    MAX_STATUS_IDS,
)
from shared.renditions import Rendition, parse_renditions
from tests.support.gallery import NOW, Calls, get, picture

pytestmark = pytest.mark.usefixtures("gallery")


def test_pages_show_every_picture_once_newest_first(s3: S3Client, calls: Calls) -> None:
    ids = [picture(s3, minutes) for minutes in range(7)]
    calls.clear()
    shown, after = [], ""
    while after is not None:
        page = get("/images", limit="3", after=after).json
        shown += [image["id"] for image in page["images"]]
        after = page["next"]
    assert shown == ids
    assert calls == ["ListObjectsV2"] * 6


def test_a_page_stays_right_while_pictures_arrive_and_vanish(s3: S3Client) -> None:
    ids = [picture(s3, minutes) for minutes in range(4)]
    cursor = get("/images", limit="2").json["next"]
    picture(s3, -1)
    for key in s3.list_objects_v2(Bucket="resized", Prefix=f"thumb/{cursor}/")["Contents"]:
        s3.delete_object(Bucket="resized", Key=key["Key"])
    assert [image["id"] for image in get("/images", after=cursor).json["images"]] == ids[2:]


def test_a_page_begins_at_a_picture(s3: S3Client, calls: Calls) -> None:
    ids = [picture(s3, minutes) for minutes in range(4)]
    calls.clear()
    page = get("/images", **{"from": ids[1]}, limit="2").json
    assert [image["id"] for image in page["images"]] == ids[1:3]
    assert (page["previous"], page["next"]) == (ids[1], ids[2])
    assert calls == ["ListObjectsV2"] * 2


def test_a_page_begins_at_the_end_of_a_day_or_at_a_moment(s3: S3Client, calls: Calls) -> None:
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    minutes_ago = [(NOW - midnight).total_seconds() / 60 + minutes for minutes in (-1, 1, 60)]
    after, before, earlier = (picture(s3, minutes) for minutes in minutes_ago)
    calls.clear()

    def shown(until: str) -> list[str]:
        return [image["id"] for image in get("/images", until=until).json["images"]]

    assert shown("2026-11-20") == [before, earlier]
    assert shown("2026-11-21") == [after, before, earlier]
    assert shown("2026-11-20T23:30:00Z") == [earlier]
    assert shown("2026-11-21T00:30:00+01:00") == [earlier]
    assert shown("2026-11-19") == []
    assert shown("9999-12-31") == [after, before, earlier]
    assert calls == ["ListObjectsV2"] * 12


def test_the_key_alone_describes_a_picture(s3: S3Client) -> None:
    found = picture(s3, 5, "Ünïcode <b>.jpg", (3000, 4000))
    (image,) = get("/images").json["images"]
    assert image["id"] == found
    assert image["name"] == "Ünïcode <b>"
    assert (image["width"], image["height"]) == (3000, 4000)
    assert (image["thumb"]["width"], image["thumb"]["height"]) == (300, 400)
    assert (image["view"]["width"], image["view"]["height"]) == (1200, 1600)
    assert (image["medium"]["width"], image["medium"]["height"]) == (600, 800)
    assert "/thumb/" in image["thumb"]["url"]
    assert "/medium/" in image["medium"]["url"]
    assert "/view/" in image["view"]["url"]


def test_a_picture_without_the_medium_rendition_has_no_url_of_it(s3: S3Client) -> None:
    ids = [
        picture(s3, minutes, renditions=("view", "thumb") if minutes % 3 else ("view", "medium", "thumb"))
        for minutes in range(8)
    ]
    answers = [get("/images", limit="5"), get("/images", after=ids[1], limit="5"), get("/images", before=ids[6])]
    for images in [answer.json["images"] for answer in answers] + [get("/images", ids=",".join(ids)).json["images"]]:
        assert [bool(image["medium"]) for image in images] == [ids.index(image["id"]) % 3 == 0 for image in images]
        for image in filter(lambda image: image["medium"], images):
            assert f"/medium/{image['id']}/" in image["medium"]["url"]


def test_a_stack_without_the_medium_rendition_is_listed_once(
    s3: S3Client, gallery: Wiring, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    renditions = (Rendition("thumb", 400, 400), Rendition("view", 1600, 1600))
    wired = Wiring(Settings("resized", "uploads", 50, renditions), gallery.s3)
    monkeypatch.setattr("functions.list.handler.wiring", lambda: wired)
    found = picture(s3)
    calls.clear()
    (image,) = get("/images").json["images"]
    assert get("/images", ids=found).json["images"] == [image | {"status": "ready"}]
    assert image["medium"] is None
    assert calls == ["ListObjectsV2"] * 2


def test_an_image_rendered_again_in_another_format_counts_once(s3: S3Client) -> None:
    found = picture(s3)
    for key in s3.list_objects_v2(Bucket="resized")["Contents"]:
        again = key["Key"].removesuffix("jpg") + "webp"
        s3.put_object(Bucket="resized", Key=again, Body=b"again")
    s3.put_object(Bucket="resized", Key="thumb/stray.txt", Body=b"no rendition")
    assert [image["id"] for image in get("/images").json["images"]] == [found]


def test_a_fixed_format_of_the_view_is_in_its_url(
    s3: S3Client, gallery: Wiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    renditions = (Rendition("thumb", 400, 400), Rendition("view", 1600, 1600, format="avif"))
    wired = Wiring(Settings("resized", "uploads", 50, renditions), gallery.s3)
    monkeypatch.setattr("functions.list.handler.wiring", lambda: wired)
    picture(s3)
    (image,) = get("/images").json["images"]
    assert ".avif?" in image["view"]["url"]
    assert ".jpg?" in image["thumb"]["url"]


def test_with_a_cdn_the_urls_use_its_domain(s3: S3Client, gallery: Wiring, monkeypatch: pytest.MonkeyPatch) -> None:
    wired = Wiring(Settings("resized", "uploads", 50, pictures_url="https://d1.cloudfront.net"), gallery.s3)
    monkeypatch.setattr("functions.list.handler.wiring", lambda: wired)
    picture(s3, name="a b.jpg")
    (image,) = get("/images").json["images"]
    assert image["thumb"]["url"].startswith("https://d1.cloudfront.net/thumb/")
    assert "?" not in image["thumb"]["url"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"limit": "0"}, "bad-limit"),
        ({"limit": str(MAX_PAGE_ITEMS + 1)}, "bad-limit"),
        ({"limit": "²"}, "bad-limit"),
        ({"after": "../secret"}, "bad-cursor"),
        ({"from": "../secret"}, "bad-cursor"),
        ({"until": "yesterday"}, "bad-date"),
        ({"until": "2026-11-20T18:00:00"}, "bad-date"),
        ({"until": "2026-02-30"}, "bad-date"),
        ({"ids": "x"}, "bad-ids"),
        ({"ids": ",".join(["0" * 26] * (MAX_STATUS_IDS + 1))}, "too-many-ids"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(query: dict[str, str], code: str) -> None:
    answer = get("/images", **query)
    assert answer.status == 400
    assert answer.json["code"] == code
    assert answer.json["sentence"].endswith(".")


def test_a_download_redirects_to_the_view_with_its_file_name(s3: S3Client) -> None:
    answer = get(f"/images/{picture(s3, name='Katze.jpg')}/download")
    assert answer.status == 302
    assert "/view/" in answer.headers["location"]
    assert "attachment%3B%20filename%2A%3DUTF-8%27%27Katze.jpg" in answer.headers["location"]
    assert get(f"/images/{new_image_id(NOW)}/download").status == 404


def test_an_unavailable_s3_gives_a_503_with_a_sentence(s3: S3Client) -> None:
    s3.delete_bucket(Bucket="resized")
    answer = get("/images")
    assert (answer.status, answer.json["code"]) == (503, "storage-unavailable")
    assert get("/").status == 503
    assert "Try again" in get("/").text


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    renditions = (
        '[{"name": "thumb", "width_px": 300, "height_px": 300}, {"name": "view", "width_px": 900, "height_px": 900}]'
    )
    for name, value in {
        "RESIZED_BUCKET": "a",
        "UPLOAD_BUCKET": "b",
        "MAX_UPLOAD_MEGABYTES": "7",
        "RENDITIONS": renditions,
    }.items():
        monkeypatch.setenv(name, value)
    assert config.read(Settings) == Settings("a", "b", 7, parse_renditions(renditions))


@pytest.mark.parametrize("spacing_minutes", [0.0001, 1, 60 * 24 * 30])
@pytest.mark.parametrize("keys_a_list", [3, 1000])
def test_the_previous_page_is_found_although_s3_lists_forwards(
    s3: S3Client, monkeypatch: pytest.MonkeyPatch, spacing_minutes: float, keys_a_list: int
) -> None:
    monkeypatch.setattr("functions.list.paging.LIST_KEYS", keys_a_list)
    ids = sorted(picture(s3, n * spacing_minutes) for n in range(12))
    for place, image in enumerate(ids):
        page = get("/images", before=image, limit="2").json
        shown = [entry["id"] for entry in page["images"]]
        assert shown == ids[max(0, place - len(shown)) : place]
        assert bool(shown) == (place > 0)
        assert (page["previous"] is None) == (place - len(shown) <= 0)


@pytest.mark.parametrize("path", ["/", "/images"])
@pytest.mark.parametrize("place", ["", "from", "until", "after"])
def test_a_page_costs_two_lists_wherever_it_begins(s3: S3Client, gallery: object, path: str, place: str) -> None:
    ids = [picture(s3, minutes_ago) for minutes_ago in range(80)]
    asked: list[str] = []
    handler.wiring().s3.meta.events.register("before-call.s3", lambda model, **_: asked.append(model.name))
    values = {"from": ids[20], "until": NOW.date().isoformat(), "after": ids[20]}
    assert get(path, **({place: values[place]} if place else {})).status == 200
    assert asked == ["ListObjectsV2"] * 2, "docs/security.md says what a page costs"
