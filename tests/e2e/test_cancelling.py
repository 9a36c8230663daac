"""Uploads that a visitor ends: cancelled, or left by a reload, a second tab or another page. Nothing is deployed."""

import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.support.browser import ARRIVES_MS, JPEG, alt, hand_over, scripted
from tests.support.deployed import until
from tests.support.pretended_door import Door
from tests.support.served import Served

LAKE = ("Lake 1.jpg", *JPEG[1:])
KEPT = "darkroom-uploads"


def sent(tab: Page, gallery: Served) -> Door:
    """Send a file whose bytes are in the buffers of the system, and not yet in the bucket."""
    door = Door(gallery)
    door.reads.clear()
    tab.on("dialog", lambda dialog: dialog.accept())
    tab.clock.install()
    tab.goto(gallery.url)
    scripted(tab)
    hand_over(tab, "drop", [LAKE])
    expect(tab.get_by_text("Uploading 100 %")).to_be_visible()
    return door


@pytest.mark.parametrize("reloads", [False, True])
def test_a_cancelled_picture_that_arrives_late_is_taken_back(tab: Page, gallery: Served, reloads: bool) -> None:
    door = sent(tab, gallery)
    tab.get_by_role("button", name="Cancel Lake 1.jpg").click()
    expect(tab.locator("#status")).to_contain_text("Lake 1.jpg cancelled")
    for asked in range(1, 4):
        until(lambda asked=asked: len(door.removals) >= asked, "removal")  # type: ignore[misc]
        tab.clock.run_for(5000)
    if reloads:
        tab.reload()
        scripted(tab)
    door.reads.set()
    until(lambda: door.stored, "the picture's arrival")

    def removed() -> bool:
        tab.clock.run_for(5000)
        return not gallery.store.keys

    until(removed, "the picture's end")


def test_a_picture_that_could_not_be_cancelled_is_told_and_tried_again(tab: Page, gallery: Served) -> None:
    door = Door(gallery)
    door.can_remove = False
    gallery.refuse = lambda path: "ids=" in path
    tab.goto(gallery.url)
    scripted(tab)
    hand_over(tab, "drop", [LAKE])
    expect(tab.get_by_role("heading", name="Processing 1 picture")).to_be_visible()
    tab.get_by_role("button", name="Cancel Lake 1.jpg").click()
    expect(tab.get_by_text("Lake 1.jpg could not be cancelled and may still appear.")).to_be_visible()
    door.can_remove = True
    tab.get_by_role("button", name="Try again").click()
    until(lambda: not gallery.store.keys, "the picture's end")


def test_a_file_that_was_sent_before_a_reload_is_waited_for(tab: Page, gallery: Served) -> None:
    door = sent(tab, gallery)
    tab.reload()
    state = tab.locator(".card .state")
    expect(state).to_have_text("Processing")
    tab.clock.run_for(10_000)
    expect(state).to_have_text("On its way")
    door.reads.set()
    expect(state).to_have_text("Ready", timeout=ARRIVES_MS)
    assert len(door.stored) == 1


def test_a_copy_of_the_tab_does_not_call_the_uploads_left(tab: Page, gallery: Served) -> None:
    door = sent(tab, gallery)
    kept = tab.evaluate(f"sessionStorage.getItem('{KEPT}')")
    assert "Lake 1.jpg" in kept
    copy = tab.context.new_page()
    copy.add_init_script(f"sessionStorage.setItem('{KEPT}', '{kept}')")
    copy.clock.install()
    copy.goto(gallery.url)
    scripted(copy)
    copy.clock.run_for(10_000)
    door.reads.set()
    hand_over(copy, "drop", [("Lake 2.jpg", *JPEG[1:])])
    expect(copy.get_by_role("heading", name="1 picture added")).to_be_visible(timeout=ARRIVES_MS)
    expect(copy.locator(".card")).to_have_count(1)
    expect(tab.locator(".card .state")).to_have_text("Ready", timeout=ARRIVES_MS)


def test_a_cancelled_upload_does_not_hold_up_others_or_the_visitor(tab: Page, gallery: Served) -> None:
    Door(gallery)
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    tab.on("dialog", answer)
    tab.goto(gallery.url)
    scripted(tab)
    tab.context.set_offline(True)
    hand_over(tab, "drop", [(f"Lake {n}.jpg", *JPEG[1:]) for n in range(1, 6)])
    expect(tab.get_by_text("Waiting for the network")).to_have_count(4)
    for n in range(1, 5):
        tab.get_by_role("button", name=f"Cancel Lake {n}.jpg").click()
    expect(tab.get_by_text("Waiting for the network")).to_have_count(1)
    tab.get_by_role("button", name="Cancel Lake 5.jpg").click()
    expect(tab.locator("#tray")).to_be_hidden()
    tab.context.set_offline(False)
    tab.goto("about:blank")
    assert asked == []


def test_all_uploads_are_cancelled_with_one_word(tab: Page, gallery: Served) -> None:
    door = Door(gallery)
    gallery.refuse = lambda path: "ids=" in path
    tab.goto(gallery.url)
    scripted(tab)
    hand_over(tab, "drop", [(f"Lake {n}.jpg", *JPEG[1:]) for n in range(1, 7)])
    expect(tab.get_by_role("heading", name="Processing 6 pictures")).to_be_visible(timeout=ARRIVES_MS)
    tab.get_by_role("button", name="Cancel all").click()
    expect(tab.locator("#status")).to_contain_text("6 uploads cancelled")
    until(lambda: not gallery.store.keys, "the pictures' end")
    assert len(door.removals) == 6
    gallery.refuse = lambda _: False
    tab.reload()
    assert alt(tab) == []
