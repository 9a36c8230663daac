"""The page without scripts: policy, relative links, paging, errors, hostile names."""

import base64
import gzip
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from mypy_boto3_s3 import S3Client

from functions.list import handler
from functions.list.gallery import Listing
from functions.list.page import EAGER_ITEMS
from functions.list.settings import Wiring
from shared.access import Caller, Guard, Role
from shared.folders import LITTER_FOLDERS
from shared.limits import GZIP_LEVEL, PAGE_ITEMS
from shared.media import type_of
from shared.names import clean_name
from tests.support.gallery import OPEN, Answer, get, image_id, picture, rejection, upload

HOSTILE = ['"><script>alert(1)</script>', "{{ 7*7 }}.jpg", "' onerror='x", "مرحبا.jpg", "👩‍👩‍👧.png", "</title>"]


@pytest.fixture(autouse=True)
def _gallery(gallery: Wiring) -> None:
    """Return the page of a gallery in moto's S3."""


class Owner(Guard):
    """Admits everybody as the owner."""

    def admit(self, headers: object, role: Role) -> Caller:
        return Caller("Olga", Role.OWNER.included())


class Page(HTMLParser):
    """Collects a page's elements: tags with attributes, and the texts of style and script elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.code: dict[str, list[str]] = {"style": [], "script": []}
        self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.inside = tag

    def handle_data(self, data: str) -> None:
        if self.inside in self.code:
            self.code[self.inside].append(data)

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def pictures(self) -> list[dict[str, str | None]]:
        """The grid's pictures, without the viewer's and without the template's."""
        return [img for img in self.all("img") if {"srcset", "data-srcset"} & set(img)]


def policy(answer: Answer) -> dict[str, list[str]]:
    directives = [part.split() for part in answer.headers["content-security-policy"].split("; ")]
    return {name: values for name, *values in directives}


def test_the_policy_allows_only_the_hashes_of_the_styles_and_scripts(s3: S3Client) -> None:
    picture(s3)
    for answer in (get("/"), get("/nowhere")):
        found, allowed = Page(answer.text), policy(answer)
        for kind in ("style", "script"):
            hashes = {
                f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
                for text in found.code[kind]
            }
            assert hashes <= set(allowed[f"{kind}-src"])
            # A script file has its own route. Nothing else of the gallery's is JavaScript for a browser.
            assert {source for source in allowed[f"{kind}-src"] if not source.startswith("'sha256-")} <= (
                {"'self'"} if kind == "script" else set()
            )
        assert not [a for _, attributes in found.elements for a in attributes if a == "style" or a.startswith("on")]
        assert allowed["default-src"] == ["'none'"]


def test_the_policy_allows_loading_pictures_and_posting_uploads(s3: S3Client) -> None:
    picture(s3)
    allowed = policy(get("/"))
    assert allowed["img-src"] == ["data:", "https://resized.s3.eu-west-1.amazonaws.com"] or (
        "https://s3.eu-west-1.amazonaws.com" in allowed["img-src"]
    )
    assert len(allowed["connect-src"]) == 2
    assert allowed["form-action"] == allowed["connect-src"]


def test_links_are_relative(s3: S3Client) -> None:
    for minutes in range(PAGE_ITEMS + 1):
        picture(s3, minutes)
    for path in ("/", "/nowhere", "/deep/down/here", "/images/x/download"):
        links = [a["href"] for a in Page(get(path).text).all("a") if a.get("href")]
        assert links
        assert not [href for href in links if href and (href.startswith("/") or "://" in href)]
    assert 'href="../../"' in get("/deep/down/here").text


def test_paging_works_with_links_alone(s3: S3Client) -> None:
    ids = [picture(s3, minutes) for minutes in range(PAGE_ITEMS + 5)]
    first = Page(get("/").text)
    assert [img["alt"] for img in first.pictures] == ["cat"] * PAGE_ITEMS
    (older,) = [a["href"] for a in first.all("a") if a.get("rel") == "next"]
    assert older == f"?after={ids[PAGE_ITEMS - 1]}"
    second = get("/", after=ids[PAGE_ITEMS - 1])
    assert len(Page(second.text).pictures) == 5
    (newer,) = [a["href"] for a in Page(second.text).all("a") if a.get("rel") == "prev"]
    assert newer == f"?before={ids[PAGE_ITEMS]}"
    assert "Newest" in second.text
    assert get("/", before=ids[PAGE_ITEMS]).headers["location"] == "./"
    back = Page(get("/", before=ids[PAGE_ITEMS + 2]).text)
    assert [li["data-id"] for li in back.all("li") if "data-id" in li] == ids[2 : PAGE_ITEMS + 2]


def test_one_picture_has_its_own_page(s3: S3Client) -> None:
    newer, wanted, older = (picture(s3, minutes, name) for minutes, name in enumerate(("a.jpg", "b.jpg", "c.jpg")))
    answer = get("/", image=wanted)
    found = Page(answer.text)
    (viewer,) = found.all("dialog")
    assert "open" in viewer
    (view,) = [img for img in found.all("img") if img.get("id") == "view"]
    assert view["alt"] == "b"
    assert view["src"]
    assert "/view/" in view["src"]
    hrefs = {a.get("id"): a.get("href") for a in found.all("a")}
    assert hrefs["next"] == f"?image={older}"
    assert hrefs["previous"] == f"?previous={wanted}"
    assert get("/", previous=wanted).headers["location"] == f"./?image={newer}"
    assert get("/", previous=newer).headers["location"] == "./"
    assert hrefs["download"] == f"images/{wanted}/download"
    assert "<title>b · Darkroom</title>" in answer.text


def test_a_picture_that_is_not_there_has_a_page_that_says_why(s3: S3Client) -> None:
    waiting_id = upload(s3)
    waiting = get("/", image=waiting_id)
    assert waiting.status == 200
    assert "being resized" in waiting.text
    assert "uploads/new" in waiting.text, "the next form for browsers without scripts"
    assert "It has arrived and is safe." in waiting.text
    refused = get("/", image=rejection(s3))
    assert "Save it as JPEG." in refused.text
    underway = get("/", image=image_id())
    assert "It has not arrived yet." in underway.text
    for answer in (waiting, underway, refused):
        # The page must not change by itself for people without scripts: WCAG 2.2.1.
        assert "refresh" not in answer.headers
        assert "refresh" not in answer.text
    assert [a["href"] for a in Page(waiting.text).all("a")].count("?image=" + waiting_id) == 1
    for gone in (image_id(1_000_000), "2016-style-bookmark.jpeg"):
        answer = get("/", image=gone)
        assert answer.status == 404
        assert "This picture is gone" in answer.text


def test_a_picture_that_becomes_ready_during_a_request_is_shown_at_the_next(
    s3: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = picture(s3)
    with monkeypatch.context() as before:
        before.setattr("functions.list.gallery.listing", lambda *_, **__: Listing([], None, None))
        between = get("/", image=wanted)
    assert between.headers["location"] == f"./?image={wanted}"
    assert "/view/" in get("/", image=wanted).text


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(
    name=st.text(st.characters(codec="utf-8"), min_size=1, max_size=60).filter(clean_name)
    | st.sampled_from(
        ['"><script>alert(1)</script>', "{{ 7*7 }}.jpg", "' onerror='x", "مرحبا.jpg", "👩‍👩‍👧.png", "</title>"]
    )
)
def test_names_are_shown_as_typed_and_never_as_markup(s3: S3Client, name: str) -> None:
    name = clean_name(name)
    found = picture(s3, name=name)
    scripts = len(Page(get("/").text).all("script"))
    page = Page(get("/", image=found).text)
    (view,) = [img for img in page.all("img") if img.get("id") == "view"]
    assert view["alt"]
    assert name.startswith(view["alt"])
    assert len(page.all("script")) == scripts == 4
    for key in s3.list_objects_v2(Bucket="resized")["Contents"]:
        s3.delete_object(Bucket="resized", Key=key["Key"])


def test_each_place_in_the_grid_has_its_shape_before_the_picture_loads(s3: S3Client) -> None:
    for size in ((4000, 3000), (3000, 4000), (9000, 1000), (64, 64)):
        picture(s3, size=size)
    answer = get("/")
    for img in Page(answer.text).pictures:
        assert img["width"]
        assert img["height"]
    classes = set(re.findall(r'class="picture (r\d+)"', answer.text))
    assert len(classes) == 4
    for name in classes:
        assert f".{name}{{--r:" in answer.text


def test_pictures_say_that_they_are_lazy_before_they_name_their_files(s3: S3Client) -> None:
    """Firefox and WebKit read attributes in order, and would load some pictures before the script chose a rendition."""
    for minutes in range(EAGER_ITEMS + 1):
        picture(s3, minutes)
    order = list(Page(get("/").text).pictures[-1])
    assert max(order.index("loading"), order.index("sizes")) < min(order.index("srcset"), order.index("src"))


def test_the_first_pictures_load_their_smallest_file_before_the_layout_is_known(s3: S3Client) -> None:
    ids = [picture(s3, minutes) for minutes in range(EAGER_ITEMS + 1)]
    *first, last = Page(get("/").text).pictures
    assert last["loading"] == "lazy"
    for img in first:
        assert "loading" not in img
        assert "srcset" not in img
        assert "/thumb/" in str(img["src"])
    # The picture in an open viewer comes before all of the grid.
    behind = Page(get("/", image=ids[0]).text).pictures
    assert {img["loading"] for img in behind} == {"lazy"}


def test_an_empty_gallery_invites_to_upload_and_is_small() -> None:
    answer = get("/")
    assert "No pictures yet" in answer.text
    # The first packets of a connection carry 14 kB: the page then shows after one round trip.
    assert len(gzip.compress(answer.text.encode(), GZIP_LEVEL)) <= 14_000


def test_the_page_loads_its_other_scripts_from_files_that_browsers_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    place, uploads = [script["src"] or "" for script in Page(get("/").text).all("script") if "src" in script]
    assert place.startswith("assets/place.js?v=")
    path, _, version = uploads.partition("?v=")
    kept = get("/" + path, v=version)
    assert (kept.status, kept.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
    assert kept.headers["content-type"].startswith("text/javascript")
    assert "function upload(" in kept.text
    assert get("/" + path, v="older").headers["cache-control"] == "no-store"
    assert get("/assets/page.css").status == 404
    monkeypatch.setattr(handler, "guard", Owner(lambda: OPEN.settings()))
    assert "assets/owner.js" in get("/").text


def test_the_page_tells_its_script_the_stacks_limit_and_what_folders_may_have() -> None:
    inputs = {found["id"]: found for found in Page(get("/").text).all("input") if "id" in found}
    choose = inputs["choose"]
    assert choose["data-max"] == "50000000"
    assert choose["data-pixels"] == "120"
    assert choose["data-litter"] == " ".join(LITTER_FOLDERS)
    accepted = str(choose["accept"]).split(",")
    assert [extension for extension in (".jpe", ".hif", ".dib", ".heic", ".mpo") if extension not in accepted] == []
    assert all(type_of(f"cat{extension}") for extension in accepted if extension.startswith("."))
    assert "webkitdirectory" in inputs["folder"]


@pytest.mark.parametrize(
    ("days", "deletes", "sentence"),
    [
        (30, False, "Originals are deleted 30 days after the upload."),
        (0, False, "Originals are kept."),
        (30, True, "Originals are not kept."),
    ],
)
def test_the_page_says_what_a_download_is(
    s3: S3Client, gallery: Wiring, monkeypatch: pytest.MonkeyPatch, days: int, deletes: bool, sentence: str
) -> None:
    told = replace(gallery.settings, originals_retention_days=days, delete_originals=deletes)
    monkeypatch.setattr(handler, "wiring", lambda: Wiring(told, gallery.s3))
    assert f"Download: a copy of 1600 \u00d7 1200. {sentence}" in get("/", image=picture(s3)).text


def test_text_is_compressed_only_for_clients_that_accept_it() -> None:
    assert get("/").headers["content-encoding"] == "gzip"
    assert "content-encoding" not in get("/", accept_encoding="br, gzip;q=0").headers
    assert "content-encoding" not in get("/", accept_encoding="").headers
