"""The tray for people who use a keyboard, and for people who do something else while files are on their way."""

import re

import pytest
from playwright.sync_api import Dialog, Page, Route, expect

from tests.support import photos
from tests.support.browser import ARRIVES_MS, JPEG, empty, hand_over
from tests.support.deployed import Stack

SECOND = ("Trunks in mist.jpg", "image/jpeg", photos.jpeg(5, 1200))


@pytest.fixture(autouse=True)
def _no_pictures(stack: Stack) -> None:
    empty(stack)


def ready_and_under_way(page: Page, stack: Stack) -> Route:
    """Uploads a picture, and begins a second upload whose request is returned."""
    held: list[Route] = []
    page.goto(stack.gallery_url)
    hand_over(page, "drop", [JPEG])
    expect(page.locator(".card[data-state=ready]")).to_have_count(1, timeout=ARRIVES_MS)
    page.route(re.compile(stack.upload_bucket), lambda route: held.append(route))
    with page.expect_request(re.compile(stack.upload_bucket)):
        hand_over(page, "drop", [SECOND])
    expect(page.locator(".card[data-state=uploading]")).to_have_count(1)
    return held[0]


def test_a_download_asks_nothing_while_files_are_on_their_way(page: Page, stack: Stack) -> None:
    ready_and_under_way(page, stack)
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", answer)
    page.get_by_role("link", name="Lake").click()
    with page.expect_download():
        page.get_by_role("link", name=re.compile("^Download")).click()
    assert asked == []
    expect(page.get_by_role("dialog").get_by_role("heading", name="Lake")).to_be_visible()
    # Whoever leaves the page is asked.
    page.goto("about:blank")
    assert asked == ["beforeunload"]


def test_the_focus_stays_in_the_tray(page: Page, stack: Stack) -> None:
    request = ready_and_under_way(page, stack)
    cancel = page.get_by_role("button", name="Cancel Trunks in mist.jpg")
    cancel.focus()
    request.continue_()
    expect(page.locator(".card[data-state=ready]")).to_have_count(2, timeout=ARRIVES_MS)
    expect(page.get_by_role("link", name="Trunks in mist")).to_be_focused()


def test_the_focus_goes_to_a_ready_neighbour(page: Page, stack: Stack) -> None:
    ready_and_under_way(page, stack)
    cancel = page.get_by_role("button", name="Cancel Trunks in mist.jpg")
    cancel.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_count(1)
    expect(page.get_by_role("link", name="Lake")).to_be_focused()
