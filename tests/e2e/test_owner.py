"""An owner who selects and removes pictures in the page. Nothing is deployed."""

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import complete
from tests.support.deployed import until
from tests.support.pretended_door import Door, let_own
from tests.support.served import Served


def owned(tab: Page, gallery: Served, count: int) -> Door:
    """Open a gallery with so many pictures as its owner."""
    gallery.fill(count)
    door = let_own(gallery)
    tab.goto(gallery.url)
    complete(tab)
    until(lambda: tab.evaluate("typeof select === 'function'"), "script for owners")
    return door


def select(tab: Page, *names: str) -> None:
    if not tab.evaluate("selecting()"):
        tab.get_by_role("button", name="Select", exact=True).click()
    for name in names:
        tab.get_by_role("checkbox", name=f"Select {name}", exact=True).check()


@pytest.mark.parametrize("width_px", [390, 1440])
def test_a_note_leaves_the_buttons_of_a_selection_free(tab: Page, gallery: Served, width_px: int) -> None:
    tab.set_viewport_size({"width": width_px, "height": 844})
    door = owned(tab, gallery, 12)
    select(tab, "Holiday 2")
    tab.get_by_role("button", name="Remove", exact=True).click()
    expect(tab.get_by_text("1 picture removed")).to_be_visible()
    select(tab, "Holiday 3")
    expect(tab.get_by_text("1 picture removed")).to_be_visible()
    tab.get_by_role("button", name="Cancel", exact=True).click(timeout=2000)
    expect(tab.locator("#selection")).to_be_hidden()
    assert len(door.removals) == 1
    tab.get_by_role("button", name="Undo").click()
    expect(tab.get_by_text("1 picture restored")).to_be_visible()


def test_the_date_has_its_own_delete_key(tab: Page, gallery: Served) -> None:
    door = owned(tab, gallery, 5)
    select(tab, "Holiday 2", "Holiday 3")
    tab.get_by_role("button", name="Go to a date").click()
    tab.get_by_label("Pictures up to").focus()
    tab.keyboard.press("Delete")
    tab.keyboard.press("Escape")
    expect(tab.get_by_label("Pictures up to")).to_be_hidden()
    expect(tab.locator("#selection-count")).to_have_text("2 selected")
    assert door.removals == []
    tab.get_by_role("link", name="Holiday 2", exact=True).focus()
    tab.keyboard.press("Delete")
    expect(tab.get_by_text("2 pictures removed")).to_be_visible()


def test_a_double_click_removes_one_picture(tab: Page, gallery: Served) -> None:
    door = owned(tab, gallery, 5)
    tab.get_by_role("link", name="Holiday 2", exact=True).click()
    tab.get_by_role("button", name="Remove", exact=True).dblclick()
    expect(tab.get_by_text("1 picture removed")).to_be_visible()
    expect(tab.get_by_role("heading", name="Holiday 3", exact=True)).to_be_visible()
    assert len(door.removals) == 1


def test_removals_that_follow_each_other_are_undone_together(tab: Page, gallery: Served) -> None:
    door = owned(tab, gallery, 5)
    tab.get_by_role("link", name="Holiday 2", exact=True).click()
    for count, left in (("1 picture", 3), ("2 pictures", 4)):
        tab.get_by_role("button", name="Remove", exact=True).click(click_count=1, delay=0)
        expect(tab.get_by_text(f"{count} removed")).to_be_visible()
        expect(tab.get_by_role("heading", name=f"Holiday {left}", exact=True)).to_be_visible()
        tab.mouse.move(left, left)  # elsewhere, so that two clicks are no double click
    tab.get_by_role("button", name="Undo").click()
    expect(tab.get_by_text("2 pictures restored")).to_be_visible()
    assert len(door.removals) == 2
    names = "[...document.querySelectorAll('#grid img')].map(image => image.alt)"
    assert tab.evaluate(names) == [f"Holiday {n}" for n in range(1, 6)]


def test_a_picture_comes_back_to_its_place_in_a_list_that_was_emptied(tab: Page, gallery: Served) -> None:
    owned(tab, gallery, 300)
    select(tab, "Holiday 11")
    tab.get_by_role("button", name="Remove", exact=True).click()
    undo = tab.get_by_role("button", name="Undo")
    expect(undo).to_be_visible()
    undo.hover()  # the note stays
    tab.evaluate("select(false)")

    def emptied() -> bool:
        tab.evaluate("scrollBy(0, 4000)")
        return bool(tab.evaluate("grid.firstElementChild.ids"))

    until(emptied, "an empty first list")
    undo.click()
    expect(tab.get_by_text("1 picture restored")).to_be_visible()
    tab.keyboard.press("Home")
    first = "[...grid.firstElementChild.querySelectorAll('img')].slice(0, 12).map(image => image.alt)"
    until(lambda: tab.evaluate(first) == [f"Holiday {n}" for n in range(1, 13)], "the first list")


def test_a_gallery_whose_last_picture_was_removed_is_not_blank(tab: Page, gallery: Served) -> None:
    owned(tab, gallery, 1)
    select(tab, "Holiday 1")
    tab.get_by_role("button", name="Remove", exact=True).click()
    expect(tab.get_by_role("heading", name="No pictures yet")).to_be_visible()
    tab.get_by_role("button", name="Undo").click()
    expect(tab.get_by_role("heading", name="No pictures yet")).to_be_hidden()
    expect(tab.get_by_role("link", name="Holiday 1")).to_be_visible()
