"""Long galleries: older pictures that load, and lists that are emptied and come back. Nothing is deployed."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.browser import ARRIVES_MS, complete
from tests.support.deployed import until
from tests.support.place import FIRST, first_in_window, offered, scroll
from tests.support.pretended_door import upload
from tests.support.served import Served

# Four lists reach into the window and three screens on each side. The last list stays.
MOST_PICTURES = 330
# In the window, at least in part.
SEEN = "picture => picture.getBoundingClientRect().bottom > 0 && picture.getBoundingClientRect().top < innerHeight"
PICTURE_FILE = re.compile(r"/(?:thumb|medium|view)/([0-9a-z]{26})")
FRAMES = "done => { let n = 20; (function next() { n-- ? requestAnimationFrame(next) : done(); })(); }"
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
    offered(tab, gallery).click()
    until(lambda: tab.evaluate("grid.firstElementChild.childElementCount === 1"), "a list of its own")
    assert tab.evaluate("grid.firstElementChild.firstElementChild.offsetHeight") < 350
