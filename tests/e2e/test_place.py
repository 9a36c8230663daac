"""The visitor's place in the grid: its address, dates, and the rows. Nothing is deployed."""

import random
import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from shared.names import safe_name
from tests.support.browser import complete, violations
from tests.support.deployed import until
from tests.support.place import first_in_window, offered, scroll
from tests.support.served import Served

# Where each row ends, in pixels from the window's left side.
ROW_ENDS = """[...Map.groupBy(document.querySelectorAll('#grid .picture'), picture => picture.offsetTop).values()]
    .map(row => row.at(-1).getBoundingClientRect().right)"""
# What cameras and phones take, upright and across.
PHOTO_SIZES = ((2250, 4000), (2667, 4000), (3000, 4000), (3000, 3000), (4000, 3000), (4000, 2667), (4000, 2250))


def test_reload_and_back_keep_the_place(tab: Page, gallery: Served) -> None:
    gallery.fill(300)
    tab.goto(gallery.url)
    seen = scroll(tab, 9000)
    tab.reload()
    until(lambda: first_in_window(tab) == seen, "the place after a reload")
    tab.goto(f"{gallery.url}nowhere")
    tab.go_back()
    until(lambda: first_in_window(tab) == seen, "the place after going back")
    assert violations(tab) == []
    # From there the pictures go on in both directions, and nothing moves when they arrive.
    names = tab.evaluate("[...document.querySelectorAll('#grid .picture img')].map(image => image.alt)")
    tab.mouse.move(600, 500)
    moved = tab.evaluate("scrollY")
    tab.mouse.wheel(0, -1000)
    head = "grid.querySelector('.picture img').alt"
    until(lambda: tab.evaluate(head) != names[0], "newer pictures")
    before, after = names[0], tab.evaluate("[...document.querySelectorAll('#grid .picture img')].map(i => i.alt)")
    assert after[after.index(before) - 1] == f"Holiday {int(before.split()[1]) - 1}"
    top = tab.evaluate("name => document.querySelector(`[alt='${name}']`).getBoundingClientRect().top", before)
    assert top == pytest.approx(seen[1] + moved, abs=2)


def test_the_top_of_the_gallery_has_the_plain_address(tab: Page, gallery: Served) -> None:
    gallery.fill(130)
    tab.goto(gallery.url)
    scroll(tab, 2000)
    tab.keyboard.press("Home")
    expect(tab).to_have_url(gallery.url)


def test_closing_the_link_of_a_picture_leaves_the_address_of_its_place(tab: Page, gallery: Served) -> None:
    ids = gallery.fill(130)
    tab.goto(f"{gallery.url}?image={ids[69]}")
    tab.keyboard.press("Escape")
    expect(tab).to_have_url(f"{gallery.url}?from={ids[69]}")
    tab.reload()
    expect(tab.get_by_role("link", name="Holiday 70", exact=True)).to_be_in_viewport()


def test_a_visitor_goes_to_a_date(tab: Page, gallery: Served) -> None:
    noon = datetime.now(UTC).replace(hour=12, minute=0)
    gallery.fill(40, minutes_apart=1440, newest=noon)
    tab.goto(gallery.url)
    tab.get_by_role("button", name="Go to a date").click()
    day = noon - timedelta(days=20)
    tab.get_by_label("Pictures up to").fill(f"{day:%Y-%m-%d}")
    assert violations(tab) == []
    tab.get_by_role("button", name="Show").click()
    tab.wait_for_url(re.compile("until="))
    complete(tab)
    assert first_in_window(tab)[0] == "Holiday 21"
    tab.goto(f"{gallery.url}?until=2001-01-01")
    expect(tab.get_by_role("heading", name="Nothing older")).to_be_visible()
    expect(tab.get_by_role("button", name="Go to a date")).to_be_visible()


def test_rows_fill_a_phone_whatever_shapes_are_beside_each_other(tab: Page, gallery: Served) -> None:
    """A picture that fills most of a row is alone in it if the next one is too wide."""
    gallery.fill(60, sizes=random.Random(8).choices(PHOTO_SIZES, k=60))
    tab.set_viewport_size({"width": 390, "height": 844})
    tab.goto(gallery.url)
    ends = tab.evaluate(ROW_ENDS)
    assert len(ends) > 20
    assert [end for end in ends[:-1] if abs(end - (390 - 4)) > 1] == []


def test_the_viewers_text_is_readable_in_a_contrast_theme(tab: Page, gallery: Served) -> None:
    gallery.fill(3)
    tab.emulate_media(forced_colors="active")
    tab.goto(gallery.url)
    tab.get_by_role("link", name="Holiday 2").click()
    bar = "getComputedStyle(document.querySelector('.bar'))"
    assert tab.evaluate(f"[{bar}.backgroundImage, {bar}.backgroundColor !== {bar}.color]") == ["none", True]
    assert tab.evaluate("getComputedStyle(document.querySelector('#close')).borderTopWidth") == "1px"
    assert violations(tab) == []


def test_a_long_name_is_readable_as_a_whole(tab: Page, gallery: Served) -> None:
    gallery.fill(1)
    long = f"{'Northern shore of the lake ' * 8}1"
    gallery.store.keys = [key.replace("Holiday!201", safe_name(long)) for key in gallery.store.keys]
    tab.set_viewport_size({"width": 390, "height": 844})
    tab.goto(gallery.url)
    tab.get_by_role("link", name=long).click()
    title = tab.get_by_role("heading", name=long)
    expect(title).to_be_in_viewport(ratio=1)
    assert title.evaluate("title => title.scrollWidth <= title.clientWidth")


def test_a_phone_that_is_turned_keeps_the_place(phone: Page, gallery: Served) -> None:
    gallery.fill(400)
    phone.goto(gallery.url)
    name, _ = scroll(phone, 12_000)
    phone.set_viewport_size({"width": 844, "height": 390})
    until(lambda: phone.evaluate("innerWidth") == 844, "the other layout")
    expect(phone.get_by_role("link", name=name, exact=True)).to_be_in_viewport()
    rows = "[...grid.children].flatMap(list => [...list.children].map(picture => picture.offsetHeight)).filter(Boolean)"
    assert max(phone.evaluate(rows)) < 2 * min(phone.evaluate(rows))


def test_a_tab_that_was_reloaded_far_down_hears_of_new_pictures_at_the_top(tab: Page, gallery: Served) -> None:
    ids = gallery.fill(100)
    tab.clock.install()
    tab.goto(f"{gallery.url}?from={ids[70]}")
    complete(tab)
    tab.mouse.move(600, 500)

    def top() -> bool:
        tab.mouse.wheel(0, -3000)
        tab.clock.run_for(500)
        return tab.locator("#newer").count() == 0 and bool(tab.evaluate("scrollY === 0"))

    until(top, "the newest pictures")
    offered(tab, gallery)


def test_a_page_behind_the_end_of_the_gallery_offers_no_old_pictures(tab: Page, gallery: Served) -> None:
    gallery.fill(5)
    tab.clock.install()
    tab.goto(f"{gallery.url}?until=2001-01-01")
    expect(tab.get_by_role("heading", name="Nothing older")).to_be_visible()
    until(lambda: tab.evaluate("typeof askLater === 'function'"), "the script")
    gallery.asked.clear()
    tab.clock.run_for(60_000)
    expect(tab.get_by_text("new pictures")).to_be_hidden()
    assert [path for path in gallery.asked if "limit=60" in path] == []
