"""Removing and undoing in the page, by mouse, keyboard and touch, and taking an upload back."""

import httpx
import pytest
from playwright.sync_api import Page, expect

from shared.keys import read_removed_key
from tests.support.browser import ARRIVES_MS, JPEG, alt, complete, empty, fill, hand_over, shifts, violations
from tests.support.deployed import Stack, until


@pytest.fixture(autouse=True)
def _no_pictures(stack: Stack) -> None:
    empty(stack)


def enter(page: Page, stack: Stack, role: str = "owner") -> None:
    """Opens an invitation of this role, and waits for the gallery."""
    page.goto(stack.invitation(role))
    expect(page.get_by_role("heading", name="Darkroom", exact=True)).to_be_visible(timeout=ARRIVES_MS)
    page.wait_for_url(stack.gallery_url)


def test_an_owner_removes_in_the_viewer_and_undoes_it(page: Page, stack: Stack) -> None:
    ids = fill(stack, 3)
    enter(page, stack)
    page.get_by_role("link", name="Holiday 1", exact=True).click()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("heading", name="Holiday 2")).to_be_visible(timeout=ARRIVES_MS)
    expect(page.get_by_text("1 picture removed")).to_be_visible(timeout=ARRIVES_MS)
    assert violations(page) == []
    assert httpx.get(f"{stack.gallery_url}images/{ids[0]}").json()["status"] == "removed"
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("1 picture restored")).to_be_visible(timeout=ARRIVES_MS)
    page.keyboard.press("Escape")
    assert alt(page) == ["Holiday 1", "Holiday 2", "Holiday 3"]
    page.reload()
    complete(page)
    assert alt(page) == ["Holiday 1", "Holiday 2", "Holiday 3"]


def test_an_owner_removes_a_selection_by_keyboard(page: Page, stack: Stack) -> None:
    fill(stack, 4)
    enter(page, stack)
    expect(page.get_by_role("button", name="Select", exact=True)).to_be_visible()
    assert shifts(page) == []
    page.get_by_role("link", name="Holiday 2", exact=True).focus()
    page.keyboard.press("x")
    page.get_by_role("checkbox", name="Select Holiday 4").focus()
    page.keyboard.press("Space")
    expect(page.get_by_text("2 selected")).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Delete")
    expect(page.get_by_text("2 pictures removed")).to_be_visible(timeout=ARRIVES_MS)
    assert alt(page) == ["Holiday 1", "Holiday 3"]
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("2 pictures restored")).to_be_visible(timeout=ARRIVES_MS)
    assert alt(page) == ["Holiday 1", "Holiday 2", "Holiday 3", "Holiday 4"]


def test_an_owner_removes_a_selection_by_touch(phone: Page, stack: Stack) -> None:
    fill(stack, 3)
    enter(phone, stack)
    phone.get_by_role("button", name="Select", exact=True).tap()
    phone.get_by_role("link", name="Holiday 1", exact=True).tap()
    expect(phone.get_by_text("1 selected")).to_be_visible()
    phone.get_by_role("button", name="Remove").tap()
    expect(phone.get_by_text("1 picture removed")).to_be_visible(timeout=ARRIVES_MS)
    assert alt(phone) == ["Holiday 2", "Holiday 3"]


def test_a_visitor_cannot_remove_and_an_uploader_takes_back_his_own(page: Page, stack: Stack) -> None:
    (image,) = fill(stack, 1)
    page.goto(stack.gallery_url)
    expect(page.get_by_role("button", name="Select", exact=True)).to_be_hidden()
    assert httpx.delete(f"{stack.gallery_url}images/{image}").status_code == 401
    assert httpx.delete(f"{stack.gallery_url}uploads/{image}", headers={"x-receipt": "x"}).status_code in {403, 404}
    hand_over(page, "drop", [JPEG])
    expect(page.locator(".card[data-state=ready]")).to_have_count(1, timeout=ARRIVES_MS)
    page.reload()
    page.get_by_role("link", name="Lake", exact=True).click()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("1 picture removed")).to_be_visible(timeout=ARRIVES_MS)
    expect(page.get_by_role("heading", name="Holiday 1")).to_be_visible()
    expect(page.get_by_role("button", name="Remove")).to_be_hidden()


def test_a_cancelled_upload_that_has_arrived_is_removed(page: Page, stack: Stack) -> None:
    before = set(stack.keys("removed/"))
    page.route("**/images?ids=*", lambda route: route.abort())
    page.goto(stack.gallery_url)
    hand_over(page, "drop", [JPEG])
    expect(page.locator(".card[data-state=resizing]")).to_have_count(1, timeout=ARRIVES_MS)
    page.get_by_role("button", name="Cancel all").click()
    expect(page.locator("#status")).to_contain_text("Lake.jpg cancelled", timeout=ARRIVES_MS)
    (record,) = until(lambda: set(stack.keys("removed/")) - before, "a removal's record")
    image_id = read_removed_key(record)
    until(lambda: not stack.keys(f"uploads/{image_id}/", stack.upload_bucket), "end of the original")
    until(lambda: not stack.keys(f"thumb/{image_id}/"), "the end of the thumb")
