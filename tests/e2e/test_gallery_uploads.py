"""Uploading in the gallery's page: in Chromium, against the deployed stack."""

import io
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Page, Route, expect

from tests.support import photos
from tests.support.browser import (
    ARRIVES_MS,
    JPEG,
    alt,
    complete,
    drop_path,
    empty,
    fill,
    hand_over,
    look_until,
    shifts,
    violations,
)
from tests.support.deployed import Stack, until

PORTRAIT = ("Trunks in mist.jpg", "image/jpeg", photos.jpeg(5, 1200))
NOT_A_PICTURE = ("Holiday.jpg", "image/jpeg", b"this is a text" * 100)

# Collects the texts that a screen reader reads.
HEAR = """
globalThis.heard = [];
new MutationObserver(([{target}]) => heard.push(target.textContent))
  .observe(document.getElementById("status"), {childList: true});
"""


def kinds(size_px: tuple[int, int]) -> list[tuple[str, str, bytes]]:
    """Return a picture of this size in each kind of file whose header the page reads."""
    ways: dict[str, dict[str, object]] = {
        "plain.jpeg": {},
        "commented.jpeg": {"comment": b"x" * 60_000},
        "progressive.jpeg": {"progressive": True},
        "plain.png": {},
        "lossy.webp": {},
        "lossless.webp": {"lossless": True},
        "extended.webp": {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"},
    }
    files = []
    for name, options in ways.items():
        out, kind = io.BytesIO(), name.rpartition(".")[2]
        Image.new("RGB", size_px, "teal").save(out, kind, **options)
        files.append((name, f"image/{kind}", out.getvalue()))
    return files


@pytest.fixture(autouse=True)
def _no_pictures(stack: Stack) -> None:
    empty(stack)


@pytest.mark.parametrize("how", ["drop", "paste"])
def test_files_become_pictures(page: Page, stack: Stack, how: str) -> None:
    fill(stack, 3)
    page.goto(stack.gallery_url)
    hand_over(page, how, [JPEG, PORTRAIT])
    expect(page.locator(".card")).to_have_count(2)
    expect(page.locator(".card[data-state=ready]")).to_have_count(2, timeout=ARRIVES_MS)
    expect(page.get_by_role("heading", name="2 pictures added")).to_be_visible()
    expect(page.locator("#status")).to_have_text("2 pictures added")
    assert violations(page) == []
    page.locator("#cards").get_by_role("link", name="Lake").click()
    expect(page.get_by_role("heading", name="Lake")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Done").click()
    expect(page.locator("#tray")).to_be_hidden()
    assert set(alt(page)[:2]) == {"Lake", "Trunks in mist"}
    page.reload()
    assert set(alt(page)[:2]) == {"Lake", "Trunks in mist"}


def test_a_folder_can_be_dropped(page: Page, stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "Holiday" / "Day 2").mkdir(parents=True)
    for place, (name, _, body) in (("Holiday", JPEG), ("Holiday/Day 2", PORTRAIT)):
        (tmp_path / place / name).write_bytes(body)
    page.goto(stack.gallery_url)
    drop_path(page, tmp_path / "Holiday")
    expect(page.locator(".card[data-state=ready]")).to_have_count(2, timeout=ARRIVES_MS)
    page.reload()
    assert set(alt(page)) == {"Lake", "Trunks in mist"}


def test_a_phone_takes_the_photo_itself(phone: Page, stack: Stack) -> None:
    phone.goto(stack.gallery_url)
    with phone.expect_file_chooser() as chooser:
        phone.locator("label.camera").tap()
    assert chooser.value.element.get_attribute("capture") == "environment"
    chooser.value.set_files(FilePayload(name="image.jpg", mimeType="image/jpeg", buffer=JPEG[2]))
    expect(phone.locator(".card[data-state=ready]")).to_have_count(1, timeout=ARRIVES_MS)


def test_nothing_moves_while_files_are_added(page: Page, stack: Stack) -> None:
    fill(stack, 30)
    page.goto(stack.gallery_url)
    complete(page)
    hand_over(page, "drop", [JPEG, PORTRAIT])
    expect(page.locator(".card[data-state=ready]")).to_have_count(2, timeout=ARRIVES_MS)
    assert shifts(page) == []


def test_a_picture_with_too_many_pixels_is_refused_before_it_is_sent(page: Page, stack: Stack) -> None:
    tickets: list[str] = []
    page.on("request", lambda request: tickets.append(request.url) if request.method == "POST" else None)
    page.goto(stack.gallery_url)
    assert page.locator("#choose").get_attribute("data-pixels") == "120"
    page.evaluate("choose.dataset.pixels = 1")
    hand_over(page, "drop", kinds((1001, 1000)))
    refused = page.locator(".card[data-state=rejected]")
    expect(refused).to_have_count(7, timeout=ARRIVES_MS)
    expect(refused.first).to_contain_text("The picture has 2 megapixels and the limit is 1.")
    assert tickets == []
    hand_over(page, "drop", kinds((1000, 1000)))
    expect(page.locator(".card[data-state=ready]")).to_have_count(7, timeout=ARRIVES_MS)


def test_a_slow_upload_shows_that_it_is_slow(page: Page, stack: Stack) -> None:
    page.route(
        "**/images?ids=*",
        lambda route: route.fulfill(
            json={"images": [{"id": route.request.url.split("=")[-1], "status": "pending"}]},
        ),
    )
    page.clock.install()
    page.goto(stack.gallery_url)
    hand_over(page, "drop", [JPEG])
    state = page.locator(".card .state")
    expect(state).to_have_text("Processing", timeout=ARRIVES_MS)
    expect(page.get_by_role("heading", name="Processing 1 picture")).to_be_visible()
    page.clock.fast_forward(25_000)
    expect(state).to_have_text("Safe, but taking long")


def test_a_running_upload_shows_progress_and_can_be_cancelled(page: Page, stack: Stack) -> None:
    held: list[Route] = []
    page.route(re.compile(stack.upload_bucket), lambda route: held.append(route))
    page.goto(stack.gallery_url)

    def on_the_way(count: int) -> None:
        def held_back() -> bool:
            page.wait_for_timeout(50)  # lets the browser handle events
            return len(held) == count

        until(held_back, f"{count} uploads under way")

    # One after the other, because two simultaneous uploads may get their tickets in either order.
    hand_over(page, "drop", [JPEG])
    on_the_way(1)
    hand_over(page, "drop", [PORTRAIT])
    on_the_way(2)
    expect(page.locator(".card[data-state=uploading]")).to_have_count(2)
    expect(page.locator(".card canvas")).to_have_count(2)
    expect(page.get_by_role("heading", name="0 of 2 uploaded")).to_be_visible()
    expect(page).to_have_title(re.compile(r"^\d+ % · Darkroom$"))
    assert violations(page) == []
    page.get_by_role("button", name="Cancel Lake.jpg").click()
    expect(page.locator(".card")).to_have_count(1)
    held[1].continue_()
    expect(page.locator(".card[data-state=ready]")).to_have_count(1, timeout=ARRIVES_MS)
    expect(page.locator(".card img")).to_have_attribute("alt", "Trunks in mist")
    expect(page).to_have_title("1 picture added · Darkroom")
    page.get_by_role("button", name="Done").click()
    expect(page).to_have_title("Darkroom")


def test_a_rejected_upload_shows_the_reason_and_a_remedy(page: Page, stack: Stack) -> None:
    page.goto(stack.gallery_url)
    page.evaluate(HEAR)
    hand_over(page, "drop", [NOT_A_PICTURE, ("notes.txt", "text/plain", b"x")])
    expect(page.locator(".card[data-state=rejected]")).to_have_count(2, timeout=ARRIVES_MS)
    for sentence in page.locator(".card .why").all_text_contents():
        assert "pload" in sentence
        assert sentence.endswith(".")
    expect(page.get_by_role("heading", name="2 not accepted")).to_be_visible()
    assert violations(page) == []
    until(lambda: "2 not accepted" in page.evaluate("heard.join()"), "announced summary")
    heard = page.evaluate("heard.join()")
    assert [heard.count(f"{name}: ") for name in ("Holiday.jpg", "notes.txt")] == [1, 1]
    page.get_by_role("button", name="Dismiss notes.txt").click()
    expect(page.locator(".card")).to_have_count(1)


def test_two_hundred_at_once_all_arrive_or_are_explained(page: Page, stack: Stack) -> None:
    small = [photos.jpeg(seed, 640) for seed in range(8)]
    files = [(f"Party {n}.jpg", "image/jpeg", small[n % 8]) for n in range(198)]
    files[10:10] = [NOT_A_PICTURE, ("notes.txt", "text/plain", b"x")]
    polls: list[str] = []
    page.on("request", lambda request: polls.append(request.url) if "images?ids=" in request.url else None)
    page.goto(stack.gallery_url)
    hand_over(page, "drop", files)
    expect(page.locator("#tray-more")).to_have_text("and 100 more")
    expect(page.locator(".card")).to_have_count(100)
    expect(page.get_by_role("heading", name="198 pictures added · 2 not accepted")).to_be_visible(
        timeout=4 * ARRIVES_MS
    )
    assert page.locator(".card canvas").count() == 0
    assert len(polls) < 200
    assert len({key.split("/")[1] for key in stack.keys("thumb/")}) == 198


def test_uploading_works_without_scripts(scriptless: Page, stack: Stack) -> None:
    scriptless.goto(stack.gallery_url)
    scriptless.get_by_role("link", name="Upload", exact=True).click()
    file = FilePayload(name="Größe.jpg", mimeType="image/jpeg", buffer=JPEG[2])
    scriptless.get_by_label("Picture").set_input_files(file)
    scriptless.get_by_role("button", name="Upload").click()
    look_until(scriptless, scriptless.get_by_role("dialog"))
    assert scriptless.url.startswith(f"{stack.gallery_url}?image=")


def test_a_form_that_is_too_old_offers_a_new_one_instead_of_its_button(scriptless: Page, stack: Stack) -> None:
    """S3 would answer XML to a form whose ticket has ended."""
    scriptless.goto(f"{stack.gallery_url}uploads/new")
    expect(scriptless.get_by_text("too old")).to_be_hidden()
    old = scriptless.locator("input[name=key]").get_attribute("value")
    scriptless.evaluate("document.getAnimations().forEach(one => one.finish())")
    expect(scriptless.get_by_role("button", name="Upload")).to_be_hidden()
    expect(scriptless.get_by_text("too old")).to_be_visible()
    scriptless.get_by_role("link", name="Get a new form").click()
    expect(scriptless.get_by_role("button", name="Upload")).to_be_visible()
    assert scriptless.locator("input[name=key]").get_attribute("value") != old


@pytest.mark.parametrize(("size_bytes", "reason"), [(0, "empty"), (50_000_001, "limit")])
def test_a_file_that_is_refused_without_scripts_ends_on_our_page(
    scriptless: Page, stack: Stack, tmp_path: Path, size_bytes: int, reason: str
) -> None:
    file = tmp_path / "holiday.jpg"
    file.write_bytes(bytes(size_bytes))
    scriptless.goto(stack.gallery_url)
    scriptless.get_by_role("link", name="Upload", exact=True).click()
    scriptless.get_by_label("Picture").set_input_files(file)
    scriptless.get_by_role("button", name="Upload").click()
    look_until(scriptless, scriptless.get_by_role("heading", name="This picture was not accepted"))
    expect(scriptless.get_by_text(reason)).to_be_visible()


def test_the_page_of_a_picture_on_its_way_shows_the_verdict_by_itself(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.gallery_url}?image={stack.upload(NOT_A_PICTURE[0], NOT_A_PICTURE[2])}")
    expect(page.get_by_role("heading", name="This picture was not accepted")).to_be_visible(timeout=ARRIVES_MS)
    assert violations(page) == []
