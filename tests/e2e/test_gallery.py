"""The gallery as people look at it: in Chromium, against the deployed stack."""

import re
import time

import httpx
import pytest
from playwright.sync_api import FilePayload, Page, expect

from shared.keys import Image, new_image_id, rendition_key
from tests.support.browser import ARRIVES_MS, JPEG, alt, complete, empty, fill, shifts, violations
from tests.support.deployed import Stack, until
from tests.support.gallery import NOW
from tests.support.http_server import Handler, serving

FIRST_TAGS = 160
"""The number of tags and texts of the header and of the first pictures."""


@pytest.fixture(autouse=True)
def _no_pictures(stack: Stack) -> None:
    empty(stack)


def test_an_empty_gallery_invites_the_first_upload(page: Page, stack: Stack) -> None:
    page.goto(stack.gallery_url)
    expect(page.get_by_role("heading", name="No pictures yet")).to_be_visible()
    assert violations(page) == []
    with page.expect_file_chooser() as chooser:
        page.get_by_text("Choose photos").click()
    chooser.value.set_files(FilePayload(name="a.jpg", mimeType="image/jpeg", buffer=JPEG[2]))
    expect(page.locator(".card[data-state=ready]")).to_have_count(1, timeout=ARRIVES_MS)
    expect(page.get_by_role("heading", name="No pictures yet")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_grid_keeps_the_shapes_of_pictures_and_does_not_move(page: Page, stack: Stack, scheme: str) -> None:
    fill(stack, 70)
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(stack.gallery_url)
    complete(page)
    assert alt(page)[:3] == ["Holiday 1", "Holiday 2", "Holiday 3"]
    for image in page.locator("#grid img").all()[:12]:
        shown, real = image.evaluate("i => [i.clientWidth / i.clientHeight, i.naturalWidth / i.naturalHeight]")
        assert shown == pytest.approx(real, rel=0.03)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(re.findall(r"\d+", ground)[0]) < 60) == (scheme == "dark")
    assert violations(page) == []
    page.mouse.wheel(0, 20_000)
    expect(page.locator("#grid .picture")).to_have_count(70)
    page.mouse.wheel(0, 20_000)
    expect(page.get_by_role("link", name="Newest")).to_be_visible()
    complete(page)
    assert shifts(page) == []


def test_nothing_moves_while_the_page_arrives_piece_by_piece(phone: Page, stack: Stack) -> None:
    fill(stack, 12)
    head, header, rest = httpx.get(stack.gallery_url).text.partition("<header")
    tags = re.split(r"(?=<)|(?<=>)", header + rest)
    pieces = [head, *tags[:FIRST_TAGS], "".join(tags[FIRST_TAGS:])]

    class Drip(Handler):
        protocol_version = "HTTP/1.0"  # the end of the connection is the end of the page

        def handle_any(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            for piece in pieces if self.path == "/" else []:
                self.wfile.write(piece.encode())
                time.sleep(0.04)  # a slow line: time for two frames

    with serving(Drip) as url:
        phone.goto(url)
    complete(phone)
    assert shifts(phone) == []


def test_everything_fits_on_a_phone(phone: Page, stack: Stack) -> None:
    fill(stack, 12)
    phone.goto(stack.gallery_url)
    complete(phone)
    assert phone.evaluate("document.documentElement.scrollWidth") == 390
    assert violations(phone) == []
    expect(phone.get_by_label("Take photo")).to_have_attribute("capture", "environment")
    assert shifts(phone) == []


def test_a_picture_opens_large_with_its_own_address(page: Page, stack: Stack) -> None:
    ids = fill(stack, 5)
    page.goto(stack.gallery_url)
    page.get_by_role("link", name="Holiday 2", exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page).to_have_url(re.compile(ids[1]))
    expect(page.get_by_role("heading", name="Holiday 2", exact=True)).to_be_visible()
    until(lambda: page.evaluate("view.naturalWidth > 1000"), "the view in the dialog")
    assert violations(page) == []
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile(ids[2]))
    page.keyboard.press("ArrowLeft")
    page.get_by_role("link", name="Previous picture").click()
    expect(page).to_have_url(re.compile(ids[0]))
    expect(page.get_by_role("link", name="Previous picture")).to_be_hidden()
    for _ in range(9):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || viewer.contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page).to_have_url(stack.gallery_url)
    expect(page.get_by_role("link", name="Holiday 1", exact=True)).to_be_focused()
    page.go_forward()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_the_link_of_a_picture_can_be_copied_and_opened(page: Page, stack: Stack) -> None:
    ids = fill(stack, 70)
    page.goto(stack.gallery_url)
    page.get_by_role("link", name="Holiday 30", exact=True).click()
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("dialog").get_by_role("status").filter(has_text="Link copied")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == f"{stack.gallery_url}?image={ids[29]}"
    page.goto(link)
    expect(page.get_by_role("heading", name="Holiday 30", exact=True)).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("heading", name="Holiday 29", exact=True)).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("heading", name="Holiday 28", exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page).to_have_url(re.compile(r"\?from="))
    expect(page.get_by_role("link", name="Holiday 28", exact=True)).to_be_in_viewport()


def test_the_arrows_continue_on_the_next_page(page: Page, stack: Stack) -> None:
    ids = fill(stack, 63)
    page.goto(f"{stack.gallery_url}?image={ids[58]}")
    for number in (60, 61, 62, 63):
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("heading", name=f"Holiday {number}", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Next picture")).to_be_hidden()


def test_a_download_is_the_view_with_the_file_name_of_the_upload(page: Page, stack: Stack) -> None:
    fill(stack, 1)
    page.goto(stack.gallery_url)
    page.get_by_role("link", name="Holiday 1").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "Holiday 1.jpg"
    assert download.value.path().read_bytes().startswith(b"\xff\xd8")


def test_the_gallery_works_with_the_keyboard_alone(page: Page, stack: Stack) -> None:
    fill(stack, 3)
    page.goto(stack.gallery_url)
    names = []
    for _ in range(8):
        page.keyboard.press("Tab")
        names.append(
            page.evaluate(
                "(e => e.alt || e.querySelector?.('img')?.alt || e.id || e.textContent)(document.activeElement)"
            )
        )
    assert names == [
        "Skip to the pictures",
        "Darkroom",
        "date",
        "folder",
        "choose",
        "Holiday 1",
        "Holiday 2",
        "Holiday 3",
    ]
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Holiday 3")).to_be_focused()


def test_a_swipe_shows_the_next_picture(phone: Page, stack: Stack) -> None:
    fill(stack, 3)
    phone.goto(stack.gallery_url)
    phone.get_by_role("link", name="Holiday 1").tap()
    expect(phone.get_by_role("dialog")).to_be_visible()
    touch = phone.context.new_cdp_session(phone)
    for kind, points in (("touchStart", [300]), *[("touchMove", [x]) for x in range(280, 80, -20)], ("touchEnd", [])):
        at = [{"x": x, "y": 420} for x in points]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})
    expect(phone.get_by_role("heading", name="Holiday 2")).to_be_visible()


def test_reduced_motion_is_respected(page: Page, stack: Stack) -> None:
    fill(stack, 1)

    def moves() -> str:
        page.goto(stack.gallery_url)
        page.locator(".picture").first.click()
        expect(page.locator(".viewer")).to_be_visible()
        return str(page.locator(".viewer").evaluate("dialog => getComputedStyle(dialog).animationName"))

    assert moves() != "none"
    page.emulate_media(reduced_motion="reduce")
    assert moves() == "none"


def test_the_gallery_works_without_scripts(scriptless: Page, stack: Stack) -> None:
    ids = fill(stack, 65)
    scriptless.goto(stack.gallery_url)
    scriptless.get_by_role("link", name="Older pictures").click()
    assert alt(scriptless) == [f"Holiday {n}" for n in range(61, 66)]
    scriptless.get_by_role("link", name="Newer pictures").click()
    assert alt(scriptless)[0] == "Holiday 1"
    scriptless.get_by_role("link", name="Holiday 2", exact=True).click()
    expect(scriptless.get_by_role("dialog")).to_be_visible()
    scriptless.get_by_role("link", name="Next picture").click()
    expect(scriptless).to_have_url(re.compile(ids[2]))
    scriptless.get_by_role("link", name="Previous picture").click()
    expect(scriptless).to_have_url(re.compile(ids[1]))
    scriptless.get_by_role("link", name="Close").click()
    expect(scriptless.get_by_role("dialog")).to_be_hidden()


def test_a_missing_picture_has_a_page_that_says_so(page: Page, stack: Stack) -> None:
    for address in ("?image=" + "z" * 26, "?image=holiday.jpeg", "?after=2", "old/bookmark.html"):
        answer = page.goto(stack.gallery_url + address)
        assert answer
        assert answer.status in {400, 404}
        assert violations(page) == []
        page.get_by_role("link", name="Newest pictures").click()
        expect(page).to_have_url(stack.gallery_url)


def test_names_are_shown_as_typed(page: Page, stack: Stack) -> None:
    name = "<img src=x onerror=alert(1)> & 写真 'ß'"
    key = rendition_key("thumb", Image(new_image_id(NOW), f"{name}.jpg"), 400, 300, "jpg")
    stack.s3.put_object(Bucket=stack.resized_bucket, Key=key, Body=JPEG[2], ContentType="image/jpeg")
    page.goto(stack.gallery_url)
    page.get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
