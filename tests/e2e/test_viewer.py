"""The viewer in the hands of people who are quick, unlucky or on a phone. Nothing is deployed."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import complete
from tests.support.served import Served
from tests.support.touch import touch

COUNT_OPENS = """() => {
  globalThis.opens = 0;
  new MutationObserver(() => opens++).observe(viewer, {attributeFilter: ["open"]});
}"""


def opened(tab: Page, gallery: Served, name: str) -> None:
    """Open a picture of the grid."""
    tab.goto(gallery.url)
    complete(tab)
    tab.get_by_role("link", name=name, exact=True).click()
    expect(tab.get_by_role("heading", name=name, exact=True)).to_be_visible()


def test_the_arrow_stays_when_the_next_pictures_could_not_be_loaded(tab: Page, gallery: Served) -> None:
    ids = gallery.fill(100)
    gallery.refuse = lambda path: "images?after=" in path
    tab.goto(f"{gallery.url}?image={ids[59]}")
    tab.goto(gallery.url)
    tab.locator(f".picture[data-id='{ids[59]}'] a").evaluate("link => link.click()")
    arrow = tab.get_by_role("link", name="Next picture")
    arrow.click()
    expect(tab.get_by_text("More pictures could not be loaded: try again")).to_be_visible()
    gallery.refuse = lambda _: False
    arrow.click()
    expect(tab.get_by_role("heading", name="Holiday 61")).to_be_visible()


@pytest.mark.parametrize("way", ["Escape", "Close"])
def test_closing_twice_does_not_leave_the_gallery(tab: Page, gallery: Served, way: str) -> None:
    gallery.fill(10)
    tab.goto(f"{gallery.url}?until=2001-01-01")
    opened(tab, gallery, "Holiday 4")
    # Both in one task, so that the browser cannot go back in between.
    twice = {
        "Escape": "dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape', bubbles: true, cancelable: true}))",
        "Close": "getElementById('close').click()",
    }[way]
    tab.evaluate(f"document.{twice}; document.{twice}")
    expect(tab.get_by_role("dialog")).to_be_hidden()
    expect(tab.get_by_role("link", name="Holiday 4", exact=True)).to_be_focused()
    assert tab.url == gallery.url


def test_a_viewer_that_the_browser_closes_leaves_the_page_as_it_was(tab: Page, gallery: Served) -> None:
    gallery.fill(10)
    opened(tab, gallery, "Holiday 4")
    tab.evaluate("viewer.close()")
    expect(tab).to_have_title("Darkroom")
    expect(tab.get_by_role("link", name="Holiday 4", exact=True)).to_be_focused()
    assert tab.url == gallery.url
    tab.get_by_role("link", name="Holiday 5", exact=True).click()
    expect(tab.get_by_role("heading", name="Holiday 5")).to_be_visible()


def test_a_double_click_beside_a_picture_opens_no_other(tab: Page, gallery: Served) -> None:
    gallery.fill(60)
    opened(tab, gallery, "Holiday 1")
    tab.evaluate(
        "globalThis.opens = 0; new MutationObserver(() => opens++).observe(viewer, {attributeFilter: ['open']})"
    )
    tab.mouse.dblclick(40, 600, delay=100)
    expect(tab.get_by_role("dialog")).to_be_hidden()
    tab.evaluate("new Promise(resolve => setTimeout(resolve, 300))")
    assert tab.evaluate("opens") == 1
    tab.evaluate("new Promise(resolve => setTimeout(resolve, 300))")
    tab.mouse.click(200, 400)
    expect(tab.get_by_role("dialog")).to_be_visible()


def test_keys_do_not_scroll_the_page_behind_the_viewer(tab: Page, gallery: Served) -> None:
    gallery.fill(60)
    opened(tab, gallery, "Holiday 3")
    for key in ("PageDown", "End", "ArrowDown"):
        tab.keyboard.press(key)
    tab.evaluate("new Promise(resolve => setTimeout(resolve, 300))")
    assert tab.evaluate("scrollY") == 0


def test_a_flick_down_is_no_swipe(phone: Page, gallery: Served) -> None:
    gallery.fill(10)
    opened(phone, gallery, "Holiday 4")
    hand = phone.context.new_cdp_session(phone)
    touch(hand, "touchStart", (180, 300))
    for step in range(1, 6):
        touch(hand, "touchMove", (180 + 8 * step, 300 + 50 * step))
    touch(hand, "touchEnd")
    expect(phone.get_by_role("heading", name="Holiday 4", exact=True)).to_be_visible()
    touch(hand, "touchStart", (180, 300))
    for step in range(1, 6):
        touch(hand, "touchMove", (180 - 30 * step, 300 + 8 * step))
    touch(hand, "touchEnd")
    expect(phone.get_by_role("heading", name="Holiday 5", exact=True)).to_be_visible()


def test_a_second_finger_ends_a_swipe(phone: Page, gallery: Served) -> None:
    gallery.fill(10)
    opened(phone, gallery, "Holiday 4")
    expect(phone.get_by_role("button", name=re.compile("Zoom"))).to_be_visible()
    hand = phone.context.new_cdp_session(phone)
    touch(hand, "touchStart", (180, 420))
    touch(hand, "touchMove", (215, 420))
    touch(hand, "touchStart", (215, 420), (260, 420))
    touch(hand, "touchEnd")
    assert phone.evaluate("view.style.translate") == ""
