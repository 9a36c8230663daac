"""The viewer zooms and pans. The gallery runs without a deployment (tests/support/served.py)."""

import io
import re
from collections.abc import Iterator

import pytest
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import BrowserContext, Page, expect

from shared.renditions import DEFAULT_RENDITIONS, fit
from tests.support.browser import ARRIVES_MS, rendered, violations
from tests.support.deployed import until
from tests.support.served import Headers, Served, served
from tests.support.touch import touch


@pytest.fixture
def gallery() -> Iterator[Served]:
    with served() as running:
        running.fill(3)
        yield running


@pytest.fixture
def viewer(context: BrowserContext, gallery: Served) -> Page:
    """Opens the first picture in the viewer."""
    page = context.new_page()
    opened(page, gallery)
    return page


def opened(page: Page, gallery: Served) -> None:
    page.goto(gallery.url)
    page.get_by_role("link", name="Holiday 1").click()
    expect(page.get_by_role("button", name="Zoom in")).to_be_visible(timeout=ARRIVES_MS)


def box(page: Page) -> tuple[int, int, int]:
    """Returns left, top and width of the shown picture in CSS pixels."""
    left, top, width = page.evaluate("(b => [b.left, b.top, b.width])(view.getBoundingClientRect())")
    return round(left), round(top), round(width)


def test_keys_zoom_to_the_pictures_pixels_and_pan(viewer: Page) -> None:
    whole = box(viewer)
    viewer.keyboard.press("+")
    assert box(viewer)[2] == pytest.approx(whole[2] * 1.5, abs=2)
    for _ in range(9):
        viewer.keyboard.press("+")
    # Two pixels of the screen for each of the view's.
    assert box(viewer)[2] == pytest.approx(2 * 1600, abs=2)
    left, top, _ = box(viewer)
    viewer.keyboard.press("ArrowRight")
    viewer.keyboard.press("ArrowDown")
    assert (box(viewer)[0], box(viewer)[1]) == (left - round(0.15 * 1440), top - round(0.15 * 900))
    for _ in range(20):
        viewer.keyboard.press("ArrowLeft")
    assert box(viewer)[0] == 0, "the picture's edge stays at the window's"
    expect(viewer.get_by_role("heading", name="Holiday 1")).to_be_visible()
    viewer.keyboard.press("-")
    viewer.keyboard.press("0")
    assert box(viewer) == whole
    viewer.keyboard.press("ArrowRight")
    expect(viewer.get_by_role("heading", name="Holiday 2")).to_be_visible()


def test_the_wheel_zooms_at_the_pointer_and_a_drag_pans(viewer: Page) -> None:
    whole = box(viewer)
    viewer.mouse.move(900, 500)
    part = (900 - whole[0]) / whole[2]
    viewer.mouse.wheel(0, -400)
    left, top, width = box(viewer)
    assert width > 1.5 * whole[2]
    assert (900 - left) / width == pytest.approx(part, abs=0.01)
    viewer.mouse.down()
    viewer.mouse.move(860, 470, steps=4)
    viewer.mouse.up()
    assert box(viewer) == (left - 40, top - 30, width)
    expect(viewer.get_by_role("dialog")).to_be_visible()
    viewer.mouse.wheel(0, 4000)
    assert box(viewer) == whole


def test_the_button_zooms_in_and_out_and_has_a_name(viewer: Page) -> None:
    whole = box(viewer)
    viewer.get_by_role("button", name="Zoom in").click()
    assert box(viewer)[2] > whole[2]
    assert violations(viewer) == []
    viewer.get_by_role("button", name="Zoom out").click()
    assert box(viewer) == whole


def test_the_next_picture_is_shown_whole(viewer: Page) -> None:
    viewer.keyboard.press("+")
    viewer.get_by_role("link", name="Next picture").click()
    expect(viewer.get_by_role("heading", name="Holiday 2")).to_be_visible()
    left, top, width = box(viewer)
    assert left >= 0
    assert top >= 0
    assert width <= 1440


def test_the_thumbnail_fills_the_place_of_the_picture_until_that_has_loaded(
    context: BrowserContext, gallery: Served
) -> None:
    page = context.new_page()
    page.route("**/view/**", lambda _: None)  # no answer
    opened(page, gallery)
    width, height = page.evaluate("[view.width, view.height]")
    assert (width, height) == (900, 900), "the square picture fills the window's height"
    assert "/thumb/" in page.evaluate("view.style.backgroundImage") or "/medium/" in page.evaluate(
        "view.style.backgroundImage"
    )


def test_a_panorama_is_looked_at_in_the_height_of_the_window(context: BrowserContext, gallery: Served) -> None:
    def panorama(path: str, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
        if "/12000x1200/" not in path:
            return headers, body
        (rendition,) = [one for one in DEFAULT_RENDITIONS if path.startswith(f"/{one.name}/")]
        out = io.BytesIO()
        Image.new("RGB", fit(12000, 1200, rendition), "teal").save(out, "JPEG")
        return headers, out.getvalue()

    gallery.store.keys = [key.replace(key.split("/")[2], "12000x1200") for key in gallery.store.keys]
    gallery.change = panorama
    page = context.new_page()
    opened(page, gallery)
    assert box(page)[2] == 1440
    page.mouse.dblclick(700, 450)
    assert page.evaluate("view.getBoundingClientRect().height") == pytest.approx(900, abs=2)
    for _ in range(30):
        page.keyboard.press("ArrowRight")
    left, _, width = box(page)
    assert left + width == 1440, "the right end is at the window's edge"


def test_fingers_pinch_pan_and_double_tap(phone: Page, gallery: Served) -> None:
    opened(phone, gallery)
    whole = box(phone)
    hand = phone.context.new_cdp_session(phone)
    touch(hand, "touchStart", (175, 420))
    touch(hand, "touchStart", (175, 420), (215, 420))
    for apart in range(20, 61, 10):
        touch(hand, "touchMove", (195 - apart, 420), (195 + apart, 420))
    touch(hand, "touchEnd")
    assert box(phone)[2] == pytest.approx(3 * whole[2], rel=0.1)
    left = box(phone)[0]
    touch(hand, "touchStart", (300, 420))
    for x in range(290, 190, -20):
        touch(hand, "touchMove", (x, 420))
    touch(hand, "touchEnd")
    assert box(phone)[0] == pytest.approx(left - 90, abs=12)
    expect(phone.get_by_role("heading", name="Holiday 1")).to_be_visible()
    for _ in range(2):
        touch(hand, "touchStart", (195, 420))
        touch(hand, "touchEnd")
    assert box(phone) == whole


def test_a_picture_that_takes_two_pixels_for_each_of_its_own_does_not_zoom(phone: Page, gallery: Served) -> None:
    gallery.store.keys = [key.replace(key.split("/")[2], "300x200") for key in gallery.store.keys]
    phone.goto(gallery.url)
    phone.get_by_role("link", name="Holiday 1").tap()
    expect(phone.get_by_role("button", name="Copy link")).to_be_visible()
    whole = box(phone)
    phone.keyboard.press("+")
    assert box(phone) == whole
    expect(phone.get_by_role("button", name="Zoom in")).to_be_hidden()


def test_a_picture_that_is_still_loading_shows_its_own_thumbnail(context: BrowserContext, gallery: Served) -> None:
    page = context.new_page()
    page.route(re.compile(r"/view/.*Holiday%212?02"), lambda _: None)  # never answered
    opened(page, gallery)
    until(lambda: page.evaluate("view.complete && view.naturalWidth > 1000"), "the large picture")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", name="Holiday 2")).to_be_visible()
    # Two frames: the picture is drawn after the script has chosen it.
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    seen = Image.open(io.BytesIO(page.locator("#view").screenshot()))
    first, second = (Image.open(io.BytesIO(rendered(seed, 400, grain=False)[0])) for seed in (0, 1))
    assert difference(seen, second) < difference(seen, first) / 2


def difference(one: Image.Image, other: Image.Image) -> float:
    """Returns the mean difference of two pictures' levels, whatever their sizes."""
    small = [picture.convert("RGB").resize((8, 8)) for picture in (one, other)]
    return sum(ImageStat.Stat(ImageChops.difference(*small)).mean)


def test_the_keys_work_when_an_arrow_disappears(viewer: Page) -> None:
    arrow = viewer.get_by_role("link", name="Next picture")
    arrow.click()
    expect(viewer.get_by_role("heading", name="Holiday 2")).to_be_visible()
    expect(viewer.locator("dialog [role=status]", has_text="Holiday 2")).to_be_attached()
    arrow.click()
    expect(viewer.get_by_role("heading", name="Holiday 3")).to_be_visible()
    expect(arrow).to_be_hidden()
    expect(viewer.get_by_role("link", name="Close")).to_be_focused()
    viewer.mouse.click(720, 30)  # beside the buttons
    viewer.keyboard.press("ArrowLeft")
    expect(viewer.get_by_role("heading", name="Holiday 2")).to_be_visible()
