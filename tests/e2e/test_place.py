"""The visitor's place in the grid: its address, dates, lists far from the window, and the rows. Nothing is deployed."""

import random
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from playwright.sync_api import Page, Route, expect

from shared.names import safe_name
from tests.support.browser import ARRIVES_MS, complete, violations
from tests.support.deployed import until
from tests.support.pretended_door import upload
from tests.support.served import Served

# Four lists reach into the window and three screens on each side. The last list stays.
MOST_PICTURES = 330
# The first picture below the header, and the address that names it.
FIRST = "[...document.querySelectorAll('#grid .picture')].find(p => p.getBoundingClientRect().bottom > 68)"
NAMED = f"location.search === '?from=' + {FIRST}.dataset.id"

# In the window, at least in part.
SEEN = "picture => picture.getBoundingClientRect().bottom > 0 && picture.getBoundingClientRect().top < innerHeight"
PICTURE_FILE = re.compile(r"/(?:thumb|medium|view)/([0-9a-z]{26})")
FRAMES = "done => { let n = 20; (function next() { n-- ? requestAnimationFrame(next) : done(); })(); }"
# Where each row ends, in pixels from the window's left side.
ROW_ENDS = """[...Map.groupBy(document.querySelectorAll('#grid .picture'), picture => picture.offsetTop).values()]
    .map(row => row.at(-1).getBoundingClientRect().right)"""
# What cameras and phones take, upright and across.
PHOTO_SIZES = ((2250, 4000), (2667, 4000), (3000, 4000), (3000, 3000), (4000, 3000), (4000, 2667), (4000, 2250))
# MOST_UNDER_WAY of sizes.js.
AT_ONCE = 6
# Keeps a set of the elements that any ResizeObserver observes.
COUNT_OBSERVED = """
globalThis.observed = new Set();
globalThis.ResizeObserver = class extends ResizeObserver {
  observe(element) { super.observe(element); observed.add(element); }
  unobserve(element) { super.unobserve(element); observed.delete(element); }
};
"""


def first_in_window(tab: Page) -> tuple[str, int]:
    """Returns the name of the first visible picture, and its distance in pixels from the top of the window."""
    name, top = tab.evaluate(f"(p => [p.querySelector('img').alt, p.getBoundingClientRect().top])({FIRST})")
    return str(name), round(top)


def scroll(tab: Page, to_px: int) -> tuple[str, int]:
    """Scrolls until the page is at this height, waits for its address, and returns the first picture in the window."""

    def there() -> bool:
        tab.evaluate(f"scrollTo(0, {to_px})")
        tab.wait_for_timeout(100)
        return bool(tab.evaluate(f"Math.abs(scrollY - {to_px}) < 2"))

    until(there, f"scroll position {to_px}")
    until(lambda: tab.evaluate(NAMED), "address of the place")
    return first_in_window(tab)


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


def test_the_viewer_goes_through_lists_that_were_emptied(tab: Page, gallery: Served) -> None:
    gallery.fill(400)
    tab.goto(gallery.url)
    scroll(tab, 8000)
    name, _ = first_in_window(tab)
    tab.get_by_role("link", name=name, exact=True).click()
    number = int(name.split()[1])
    for n in range(number - 1, number - 90, -1):
        tab.keyboard.press("ArrowLeft")
        expect(tab.get_by_role("dialog").get_by_role("heading")).to_have_text(f"Holiday {n}", timeout=ARRIVES_MS)
    tab.keyboard.press("Escape")
    expect(tab.get_by_role("link", name=f"Holiday {n}", exact=True)).to_be_in_viewport()


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


def far_and_back(tab: Page, meanwhile: Callable[[], object]) -> tuple[list[str], list[str]]:
    """Returns the ids in the first list before and after the visitor is so far away that the list is emptied."""
    listed = "[...grid.firstElementChild.children].map(picture => picture.dataset.id)"
    scroll(tab, 1500)
    until(lambda: tab.evaluate("grid.children.length > 1"), "a second list")
    before = tab.evaluate(listed)
    scroll(tab, 9000)
    until(lambda: tab.evaluate(listed) == [], "an empty first list")
    meanwhile()
    tab.keyboard.press("Home")
    until(lambda: tab.evaluate(f"{listed}.length && !grid.firstElementChild.style.height"), "a full first list")
    return before, tab.evaluate(listed)


def test_a_list_comes_back_whole_when_a_picture_became_ready_late(tab: Page, gallery: Served) -> None:
    gallery.fill(400)
    tab.goto(gallery.url)
    late = partial(gallery.fill, 3, newest=datetime.now(UTC) - timedelta(minutes=30), minutes_apart=1)
    before, after = far_and_back(tab, late)
    assert after == before


def test_a_list_with_a_late_picture_in_front_comes_back_as_it_was(tab: Page, gallery: Served) -> None:
    ids = gallery.fill(400)
    tab.clock.install()
    tab.goto(gallery.url)
    complete(tab)
    [late] = gallery.fill(1, newest=datetime.now(UTC) - timedelta(minutes=30))
    tab.clock.fast_forward(31_000)
    tab.get_by_role("button", name="1 new picture", exact=True).click()
    first = tab.get_by_role("link", name="Holiday 1", exact=True).first
    expect(first).to_be_focused()
    first.blur()  # a list with the focus is never emptied
    before, after = far_and_back(tab, lambda: None)
    assert before[:2] == [late, ids[0]]
    assert after == before


def test_a_long_gallery_keeps_few_pictures_in_memory(tab: Page, gallery: Served) -> None:
    gallery.fill(600)
    tab.goto(gallery.url)
    shown, most = "document.querySelectorAll('#grid .picture').length", 0
    tab.mouse.move(600, 500)

    def far() -> bool:
        nonlocal most
        tab.mouse.wheel(0, 4000)
        tab.wait_for_timeout(60)
        most = max(most, tab.evaluate(shown))
        return bool(tab.evaluate("grid.children.length") >= 9)

    until(far, "nine lists")
    assert most < MOST_PICTURES
    tab.keyboard.press("Home")
    expect(tab.get_by_role("link", name="Holiday 1", exact=True)).to_be_in_viewport()
    until(lambda: tab.evaluate(shown) < MOST_PICTURES, "emptied lists on the way back")


def test_pictures_that_leave_the_page_are_not_observed(tab: Page, gallery: Served) -> None:
    """Firefox would keep them in memory. Chromium does not, so the test counts the observed elements."""
    tab.add_init_script(COUNT_OBSERVED)
    gone = "[...observed].filter(element => !element.isConnected).length"
    ids = gallery.fill(400)
    upload(tab, gallery, gallery.url)
    until(lambda: tab.evaluate("observed.size >= 61"), "observed pictures")
    assert tab.evaluate(gone) == 0
    tab.goto(f"{gallery.url}?from={ids[130]}")
    tab.mouse.move(600, 500)

    def top() -> bool:
        tab.mouse.wheel(0, -4000)
        tab.wait_for_timeout(60)
        return tab.locator("#newer").count() == 0

    until(top, "the newest pictures")
    assert tab.evaluate(gone) == 0
    scroll(tab, 14000)
    until(lambda: tab.evaluate("!grid.firstElementChild.firstElementChild"), "an empty list")
    assert tab.evaluate(gone) == 0


def test_after_a_failure_and_a_retry_older_pictures_load_by_themselves_again(tab: Page, gallery: Served) -> None:
    gallery.fill(400)
    gallery.refuse = lambda path: "images?after" in path
    tab.goto(gallery.url)
    tab.keyboard.press("End")
    retry = tab.get_by_role("link", name="Older pictures could not be loaded: try again")
    expect(retry).to_be_visible()
    gallery.refuse = lambda _: False
    retry.click()
    expect(tab.locator("#grid .picture").nth(60)).to_be_attached()
    expect(tab.locator("#more a")).to_have_text("Older pictures")
    expect(tab.locator("#more a")).to_be_hidden()
    scroll(tab, 9000)


def test_older_pictures_load_in_turn_those_in_the_window_first(tab: Page, gallery: Served) -> None:
    gallery.fill(400)
    tab.goto(gallery.url)
    scroll(tab, 9000)
    complete(tab)
    until(lambda: tab.evaluate("queues.every(({waiting}) => !waiting.size)"), "the pictures near the window")
    held: list[Route] = []
    tab.route(PICTURE_FILE, lambda route: held.append(route))
    in_window = f"[...document.querySelectorAll('#grid .picture')].filter({SEEN}).map(picture => picture.dataset.id)"

    def asked() -> list[str]:
        """Returns the ids of the pictures whose files are asked for, when no more are."""
        until(lambda: tab.evaluate(f"new Promise({FRAMES})") or len(held) >= AT_ONCE, "requests")
        tab.evaluate(f"new Promise({FRAMES})")
        return [str(found[1]) for route in held if (found := PICTURE_FILE.search(route.request.url))]

    tab.evaluate("scrollTo(0, 12000)")
    first = asked()
    assert len(first) == AT_ONCE
    assert set(first) <= set(tab.evaluate(in_window))
    held.clear()  # These files never come, but their pictures will be far away.
    down = f"scrollTo(0, 18000) || scrollY > 17000 && {in_window}.length"
    until(lambda: tab.evaluate(down), "pictures further down")
    until(lambda: set(asked()[-AT_ONCE:]) <= set(tab.evaluate(in_window)), "files for the pictures there")
    tab.unroute(PICTURE_FILE)  # and lets the held requests go
    complete(tab)


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


def test_pictures_stay_in_the_window_when_the_visitor_goes_up_in_a_window_of_another_width(
    tab: Page, gallery: Served
) -> None:
    gallery.fill(400)
    tab.goto(gallery.url)
    name, top = scroll(tab, 12_000)
    tab.set_viewport_size({"width": 900, "height": 900})
    until(lambda: first_in_window(tab) != (name, top), "another layout")
    picture = tab.get_by_role("link", name=name, exact=True)
    expect(picture).to_be_in_viewport()
    while tab.evaluate("scrollY > 400"):
        moved = tab.evaluate(f"""async () => {{
          const picture = {FIRST}, {{top}} = picture.getBoundingClientRect(), before = scrollY;
          scrollBy({{top: -300, behavior: "instant"}});
          const scrolled = before - scrollY;
          await new Promise(resolve => setTimeout(resolve, 150));
          return picture.isConnected ? picture.getBoundingClientRect().top - top - scrolled : "gone";
        }}""")
        assert moved == pytest.approx(0, abs=3)
    assert tab.evaluate("grid.firstElementChild.childElementCount") > 50


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
    gallery.fill(1, newest=datetime.now(UTC) + timedelta(hours=1))

    def offered() -> bool:
        tab.clock.run_for(10_000)
        return tab.get_by_role("button", name="1 new picture", exact=True).is_visible()

    until(offered, "the offer")


def test_a_page_behind_the_end_of_the_gallery_offers_no_old_pictures(tab: Page, gallery: Served) -> None:
    gallery.fill(5)
    tab.clock.install()
    tab.goto(f"{gallery.url}?until=2001-01-01")
    expect(tab.get_by_role("heading", name="Nothing older")).to_be_visible()
    until(lambda: tab.evaluate("typeof askLater === 'function'"), "the script")
    gallery.asked.clear()
    tab.clock.run_for(60_000)
    expect(tab.get_by_text("new pictures")).to_be_hidden()
    assert gallery.asked == []


def test_a_picture_that_arrives_while_the_first_list_is_empty_has_the_height_of_a_row(
    tab: Page, gallery: Served
) -> None:
    gallery.fill(400)
    tab.clock.install()
    tab.goto(gallery.url)
    complete(tab)

    def emptied() -> bool:
        tab.evaluate("scrollBy(0, 3000)")
        tab.clock.run_for(500)
        return bool(tab.evaluate("grid.firstElementChild.ids"))

    until(emptied, "an empty first list")
    gallery.fill(1, newest=datetime.now(UTC) + timedelta(hours=1))

    def offered() -> bool:
        tab.clock.run_for(10_000)
        return tab.get_by_role("button", name="1 new picture", exact=True).is_visible()

    until(offered, "the offer")
    tab.get_by_role("button", name="1 new picture", exact=True).click()
    until(lambda: tab.evaluate("grid.firstElementChild.childElementCount === 1"), "a list of its own")
    assert tab.evaluate("grid.firstElementChild.firstElementChild.offsetHeight") < 350
