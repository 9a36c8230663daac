"""The gallery as people use it: in Chromium, against the deployed stack."""

import re

import pytest
from playwright.sync_api import FilePayload, Page, Route, expect

from shared.keys import Image, new_image_id, rendition_key
from tests.e2e import photos
from tests.e2e.browser import empty, fill, hand_over, shifts, violations
from tests.e2e.conftest import Stack, until
from tests.unit.list_gallery import NOW

ARRIVES_MS = 60_000
JPEG = ("Lake.jpg", "image/jpeg", photos.jpeg(1, 1200))
PORTRAIT = ("Trunks in mist.jpg", "image/jpeg", photos.jpeg(5, 1200))
NOT_A_PICTURE = ("Holiday.jpg", "image/jpeg", b"this is a text" * 100)


@pytest.fixture(autouse=True)
def _no_pictures(stack: Stack) -> None:
    empty(stack)


def alt(page: Page) -> list[str | None]:
    """The names of the pictures in the grid, in order."""
    return [image.get_attribute("alt") for image in page.locator("#grid img").all()]


def complete(page: Page) -> None:
    """Waits until every picture in the window is shown. (wait_for_function would need eval, which the page forbids.)"""
    shown = """[...document.querySelectorAll(".picture img")]
      .filter(image => image.checkVisibility() && image.getBoundingClientRect().top < innerHeight)
      .every(image => image.complete && image.naturalWidth)"""
    until(lambda: page.evaluate(shown), "every picture in the window")


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
def test_the_grid_keeps_shapes_and_stands_still(page: Page, stack: Stack, scheme: str) -> None:
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


def test_on_a_phone_everything_fits(phone: Page, stack: Stack) -> None:
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


def test_its_link_can_be_copied_and_opened_by_others(page: Page, stack: Stack) -> None:
    ids = fill(stack, 70)
    page.goto(stack.gallery_url)
    page.get_by_role("link", name="Holiday 30", exact=True).click()
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("dialog").get_by_role("status")).to_have_text("Link copied")
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
    expect(page).to_have_url(stack.gallery_url)


def test_the_arrows_go_across_pages(page: Page, stack: Stack) -> None:
    ids = fill(stack, 63)
    page.goto(f"{stack.gallery_url}?image={ids[58]}")
    for number in (60, 61, 62, 63):
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("heading", name=f"Holiday {number}", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Next picture")).to_be_hidden()


def test_a_download_is_the_view_under_the_picture_s_name(page: Page, stack: Stack) -> None:
    fill(stack, 1)
    page.goto(stack.gallery_url)
    page.get_by_role("link", name="Holiday 1").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "Holiday 1.jpg"
    assert download.value.path().read_bytes().startswith(b"\xff\xd8")


def test_the_keyboard_is_enough(page: Page, stack: Stack) -> None:
    fill(stack, 3)
    page.goto(stack.gallery_url)
    names = []
    for _ in range(6):
        page.keyboard.press("Tab")
        names.append(
            page.evaluate(
                "(e => e.alt || e.querySelector?.('img')?.alt || e.id || e.textContent)(document.activeElement)"
            )
        )
    assert names == ["Skip to the pictures", "Darkroom", "choose", "Holiday 1", "Holiday 2", "Holiday 3"]
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Holiday 3")).to_be_focused()


def test_a_swipe_turns_the_page(phone: Page, stack: Stack) -> None:
    fill(stack, 3)
    phone.goto(stack.gallery_url)
    phone.get_by_role("link", name="Holiday 1").tap()
    expect(phone.get_by_role("dialog")).to_be_visible()
    touch = phone.context.new_cdp_session(phone)
    for kind, points in (("touchStart", [300]), *[("touchMove", [x]) for x in range(280, 80, -20)], ("touchEnd", [])):
        at = [{"x": x, "y": 420} for x in points]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})
    expect(phone.get_by_role("heading", name="Holiday 2")).to_be_visible()


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


def test_nothing_moves_while_files_are_added(page: Page, stack: Stack) -> None:
    fill(stack, 30)
    page.goto(stack.gallery_url)
    complete(page)
    hand_over(page, "drop", [JPEG, PORTRAIT])
    expect(page.locator(".card[data-state=ready]")).to_have_count(2, timeout=ARRIVES_MS)
    assert shifts(page) == []


def test_what_takes_long_is_said_honestly(page: Page, stack: Stack) -> None:
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
    expect(state).to_have_text("Resizing", timeout=ARRIVES_MS)
    page.clock.fast_forward(25_000)
    expect(state).to_have_text("Safe, but taking long")


def test_while_it_uploads_a_card_says_so_and_can_be_cancelled(page: Page, stack: Stack) -> None:
    held: list[Route] = []
    page.route(re.compile(stack.upload_bucket), lambda route: held.append(route))
    page.goto(stack.gallery_url)

    def on_the_way(count: int) -> None:
        def held_back() -> bool:
            page.wait_for_timeout(50)  # lets the browser's events in
            return len(held) == count

        until(held_back, f"{count} uploads under way")

    # One after the other: of two at once, either may get its ticket first.
    hand_over(page, "drop", [JPEG])
    on_the_way(1)
    hand_over(page, "drop", [PORTRAIT])
    on_the_way(2)
    expect(page.locator(".card[data-state=uploading]")).to_have_count(2)
    expect(page.locator(".card canvas")).to_have_count(2)
    assert violations(page) == []
    page.get_by_role("button", name="Cancel Lake.jpg").click()
    expect(page.locator(".card")).to_have_count(1)
    held[1].continue_()
    expect(page.locator(".card[data-state=ready]")).to_have_count(1, timeout=ARRIVES_MS)
    expect(page.locator(".card img")).to_have_attribute("alt", "Trunks in mist")


def test_what_is_refused_says_why_and_what_to_do(page: Page, stack: Stack) -> None:
    page.goto(stack.gallery_url)
    hand_over(page, "drop", [NOT_A_PICTURE, ("notes.txt", "text/plain", b"x")])
    expect(page.locator(".card[data-state=rejected]")).to_have_count(2, timeout=ARRIVES_MS)
    for sentence in page.locator(".card .why").all_text_contents():
        assert "pload" in sentence
        assert sentence.endswith(".")
    expect(page.get_by_role("heading", name="2 not accepted")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Dismiss notes.txt").click()
    expect(page.locator(".card")).to_have_count(1)


def test_a_cut_network_is_survived_with_a_fresh_ticket(page: Page, stack: Stack) -> None:
    cut: list[str] = []

    def cable(route: Route) -> None:
        if len(cut) < 2:
            cut.append((route.request.post_data_buffer and route.request.url) or "")
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route(re.compile(stack.upload_bucket), cable)
    page.goto(stack.gallery_url)
    tickets: list[str] = []
    page.on("request", lambda request: tickets.append(request.url) if request.url.endswith("/uploads") else None)
    hand_over(page, "drop", [JPEG])
    expect(page.locator(".card[data-state=ready]")).to_have_count(1, timeout=ARRIVES_MS)
    assert len(cut) == 2
    assert len(tickets) == 3


def test_offline_it_waits_and_goes_on(page: Page, stack: Stack) -> None:
    page.goto(stack.gallery_url)
    page.context.set_offline(True)
    hand_over(page, "drop", [JPEG])
    expect(page.get_by_text("Waiting for the network")).to_be_visible()
    page.context.set_offline(False)
    expect(page.locator(".card[data-state=ready]")).to_have_count(1, timeout=ARRIVES_MS)


def test_a_lost_answer_makes_no_second_picture(page: Page, stack: Stack) -> None:
    def lose_the_answer(route: Route) -> None:
        route.fetch()
        route.abort("connectionreset")

    page.route(re.compile(stack.upload_bucket), lose_the_answer)
    page.goto(stack.gallery_url)
    hand_over(page, "drop", [JPEG])
    expect(page.locator(".card[data-state=ready]")).to_have_count(1, timeout=ARRIVES_MS)
    assert len(stack.keys("thumb/")) == 1


def test_what_was_given_up_can_be_retried(page: Page, stack: Stack) -> None:
    page.route(re.compile(stack.upload_bucket), lambda route: route.abort("connectionreset"))
    page.goto(stack.gallery_url)
    hand_over(page, "drop", [JPEG])
    expect(page.locator(".card[data-state=failed]")).to_have_count(1, timeout=ARRIVES_MS)
    assert violations(page) == []
    page.unroute_all()
    page.get_by_role("button", name="Retry Lake.jpg").click()
    expect(page.locator(".card[data-state=ready]")).to_have_count(1, timeout=ARRIVES_MS)


def test_two_hundred_at_once_all_arrive_or_are_explained(page: Page, stack: Stack) -> None:
    small = [photos.jpeg(seed, 640) for seed in range(8)]
    files = [(f"Party {n}.jpg", "image/jpeg", small[n % 8]) for n in range(198)]
    files[10:10] = [NOT_A_PICTURE, ("notes.txt", "text/plain", b"x")]
    polls: list[str] = []
    page.on("request", lambda request: polls.append(request.url) if "images?ids=" in request.url else None)
    page.goto(stack.gallery_url)
    hand_over(page, "drop", files)
    expect(page.locator(".card")).to_have_count(200)
    expect(page.get_by_role("heading", name="198 pictures added · 2 not accepted")).to_be_visible(
        timeout=4 * ARRIVES_MS
    )
    assert page.locator(".card canvas").count() == 0
    assert len(polls) < 200
    assert len({key.split("/")[1] for key in stack.keys("thumb/")}) == 198


def test_without_scripts_one_can_look_around(scriptless: Page, stack: Stack) -> None:
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


def test_without_scripts_one_can_upload(scriptless: Page, stack: Stack) -> None:
    scriptless.goto(stack.gallery_url)
    scriptless.get_by_role("link", name="Upload", exact=True).click()
    file = FilePayload(name="Größe.jpg", mimeType="image/jpeg", buffer=JPEG[2])
    scriptless.get_by_label("Picture").set_input_files(file)
    scriptless.get_by_role("button", name="Upload").click()
    expect(scriptless.get_by_role("dialog")).to_be_visible(timeout=ARRIVES_MS)
    assert scriptless.url.startswith(f"{stack.gallery_url}?image=")


def test_what_is_gone_gets_a_clear_page(page: Page, stack: Stack) -> None:
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
