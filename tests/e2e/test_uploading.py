"""Uploads in the page: dropped files, the tray, and the page that waits. Nothing is deployed."""

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, Route, expect

from shared.keys import new_image_id
from tests.support.browser import ARRIVES_MS, JPEG, alt, hand_over, scripted
from tests.support.deployed import until
from tests.support.pretended_door import Door, let_own
from tests.support.served import Served

# LOOKS of wait.js.
LOOKS = 60

# Drops a folder with one good file. The other file vanished, and the folder inside may not be read.
DROP_HALF_READABLE = """() => {
  const entry = (name, ways) =>
    ({fullPath: "/Holiday/" + name, isFile: !ways.createReader, isDirectory: !!ways.createReader, ...ways});
  const fails = (_, failed) => failed(new DOMException("", "NotReadableError"));
  const batches = [[
    entry("Lake.jpg", {file: done => done(new File(["jpeg"], "Lake.jpg"))}),
    entry("Gone.jpg", {file: fails}),
    entry("Locked", {createReader: () => ({readEntries: fails})}),
  ], []];
  const folder = entry("", {createReader: () => ({readEntries: done => done(batches.shift())})});
  const drop = new Event("drop", {cancelable: true});
  drop.dataTransfer = {types: ["Files"], files: [new File([], "Holiday")], items: [{webkitGetAsEntry: () => folder}]};
  dispatchEvent(drop);
}"""

# Files from outside are dragged over the page, and nothing follows.
DRAG = """() => {
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File(["jpeg"], "Lake.jpg"));
  for (const kind of ["dragenter", "dragover"])
    document.body.dispatchEvent(new DragEvent(kind, {dataTransfer, bubbles: true, cancelable: true}));
}"""

# Lets the page read a file's header once. The second time it waits for a call of goOn().
HOLD_SECOND_READ = """() => {
  const read = Blob.prototype.arrayBuffer;
  let reads = 0;
  Blob.prototype.arrayBuffer = async function () {
    if (++reads === 2) await new Promise(resolve => { globalThis.goOn = resolve; });
    return read.call(this);
  };
}"""


def test_a_dropped_folder_is_taken_without_what_cannot_be_read(tab: Page, gallery: Served) -> None:
    tab.goto(gallery.url)
    scripted(tab)
    tab.context.set_offline(True)  # only the choice matters here
    tab.evaluate(DROP_HALF_READABLE)
    expect(tab.locator(".card .name")).to_have_text(["Lake.jpg"])
    expect(tab.get_by_text("2 items could not be read.")).to_be_visible()


def test_pictures_that_came_back_with_a_reload_are_not_added_twice(tab: Page, gallery: Served) -> None:
    gallery.fill(2)
    Door(gallery)
    tab.route("**/images?ids=*", lambda route: route.abort())
    tab.goto(gallery.url)
    hand_over(tab, "drop", [("Lake 1.jpg", *JPEG[1:])])
    expect(tab.get_by_role("heading", name="Processing 1 picture")).to_be_visible()
    tab.reload()
    expect(tab.locator("#grid .picture")).to_have_count(3)
    expect(tab.get_by_role("heading", name="Processing 1 picture")).to_be_visible()
    tab.unroute("**/images?ids=*")
    expect(tab.get_by_role("heading", name="1 picture added")).to_be_visible(timeout=ARRIVES_MS)
    tab.get_by_role("button", name="Done").click()
    expect(tab.locator("#tray")).to_be_hidden()
    assert alt(tab) == ["Lake 1", "Holiday 1", "Holiday 2"]


def test_a_picture_that_is_removed_leaves_the_tray_until_the_removal_is_undone(tab: Page, gallery: Served) -> None:
    gallery.fill(1)
    let_own(gallery)
    tab.goto(gallery.url)
    hand_over(tab, "drop", [(f"Lake {n}.jpg", *JPEG[1:]) for n in (1, 2)])
    expect(tab.get_by_role("heading", name="2 pictures added")).to_be_visible(timeout=ARRIVES_MS)

    def remove() -> None:
        tab.get_by_role("link", name="Lake 1").click()
        tab.get_by_role("button", name="Remove").click()
        expect(tab.get_by_text("1 picture removed")).to_be_visible()
        tab.keyboard.press("Escape")
        expect(tab.get_by_role("heading", name="1 picture added")).to_be_visible()

    remove()
    tab.get_by_role("button", name="Undo").click()
    expect(tab.get_by_role("heading", name="2 pictures added")).to_be_visible()
    expect(tab.get_by_role("link", name="Lake 1")).to_be_visible()
    remove()
    tab.get_by_role("button", name="Done").click()
    expect(tab.locator("#tray")).to_be_hidden()
    assert alt(tab) == ["Lake 2", "Holiday 1"]


@pytest.mark.parametrize(
    ("received", "told"),
    [
        (True, "The picture is safe, but it takes long. Look again later."),
        (False, "The picture has still not arrived. Look again later, or upload it again."),
    ],
)
def test_a_page_that_gives_up_tells_whether_the_picture_is_safe(
    tab: Page, gallery: Served, received: bool, told: str
) -> None:
    image_id, looks = new_image_id(datetime.now(UTC)), [0]
    if received:
        gallery.store.uploads = [f"uploads/{image_id}/Lake.jpg"]

    def pending(route: Route) -> None:
        looks[0] += 1
        route.fulfill(json={"images": [{"id": image_id, "status": "pending", "received": received}]})

    tab.route("**/images?ids=*", pending)
    tab.clock.install()
    tab.goto(f"{gallery.url}?image={image_id}")
    text = tab.locator("#waiting")

    def ended() -> bool:
        tab.clock.fast_forward(15_000)
        return "Look again later" in (text.text_content() or "")

    until(ended, "the last look")
    expect(text).to_have_text(told)
    assert looks[0] == LOOKS


def test_a_page_that_waits_says_when_the_picture_has_arrived(tab: Page, gallery: Served) -> None:
    image_id = new_image_id(datetime.now(UTC))
    tab.goto(f"{gallery.url}?image={image_id}")
    expect(tab.locator("#waiting")).to_contain_text("It has not arrived yet.")
    gallery.store.uploads = [f"uploads/{image_id}/Lake.jpg"]
    expect(tab.locator("#waiting")).to_contain_text("It has arrived and is safe.", timeout=ARRIVES_MS)


def test_a_picture_of_the_page_is_no_file_to_upload(tab: Page, gallery: Served) -> None:
    """Some browsers put the bytes of a dragged picture into the drag, as a file. Here the test adds a file."""
    gallery.fill(3)
    tab.goto(gallery.url)
    scripted(tab)
    overlay = tab.get_by_text("Drop to upload")
    tab.get_by_role("link", name="Holiday 1").hover()
    tab.mouse.down()
    tab.mouse.move(900, 500, steps=5)
    hand_over(tab, "dragenter", [JPEG])
    expect(overlay).to_be_hidden()
    hand_over(tab, "drop", [JPEG])
    expect(tab.locator(".card")).to_have_count(0)
    tab.locator("#grid").evaluate("grid => grid.replaceChildren()")  # as for lists far from the window
    tab.mouse.up()
    hand_over(tab, "dragenter", [JPEG])
    expect(overlay).to_be_visible()
    hand_over(tab, "drop", [JPEG])
    expect(tab.locator(".card")).to_have_count(1)


def test_a_visitor_who_may_not_upload_finds_the_way_from_the_end_of_the_gallery(tab: Page, gallery: Served) -> None:
    may = re.compile(rb'data-may="[^"]*"')
    gallery.change = lambda _, headers, body: (headers, may.sub(b'data-may="viewer"', body))
    tab.goto(gallery.url)
    expect(tab.get_by_role("heading", name="No pictures yet")).to_be_visible()
    expect(tab.get_by_text("Drop photos anywhere")).to_be_hidden()
    gallery.fill(3)
    tab.goto(f"{gallery.url}?until=2001-01-01")
    expect(tab.get_by_text("This is where the gallery ends.")).to_be_visible()
    tab.get_by_role("link", name="Newest pictures").click()
    expect(tab.locator("#grid .picture")).to_have_count(3)


def test_an_upload_that_is_cancelled_between_two_tries_is_not_sent(tab: Page, gallery: Served) -> None:
    Door(gallery)
    tab.route("**/sent", lambda route: route.fulfill(status=503), times=1)
    tab.goto(gallery.url)
    scripted(tab)
    tab.evaluate(HOLD_SECOND_READ)
    hand_over(tab, "drop", [("Lake 1.jpg", *JPEG[1:])])
    until(lambda: tab.evaluate("'goOn' in globalThis"), "second try")
    tab.get_by_role("button", name="Cancel Lake 1.jpg").click()
    tab.evaluate("goOn()")
    hand_over(tab, "drop", [("Lake 2.jpg", *JPEG[1:])])
    expect(tab.get_by_role("heading", name="1 picture added")).to_be_visible(timeout=ARRIVES_MS)
    tab.reload()
    assert alt(tab) == ["Lake 2"]


def test_files_that_are_dropped_on_the_viewer_are_seen_in_the_tray(tab: Page, gallery: Served) -> None:
    Door(gallery)
    gallery.fill(1)
    tab.goto(gallery.url)
    scripted(tab)
    tab.get_by_role("link", name="Holiday 1").click()
    tab.evaluate(f"globalThis.dragTimer = setInterval({DRAG}, 100)")
    expect(tab.locator("#viewer").get_by_text("Drop to upload")).to_be_visible()
    tab.evaluate("clearInterval(dragTimer)")
    hand_over(tab, "drop", [("Lake 1.jpg", *JPEG[1:])])
    expect(tab.locator("#viewer")).to_be_hidden()
    expect(tab.get_by_text("Drop to upload")).to_be_hidden()
    expect(tab.get_by_role("heading", name="1 picture added")).to_be_visible(timeout=ARRIVES_MS)


def test_the_page_is_not_covered_after_a_drag_whose_end_it_did_not_hear(tab: Page, gallery: Served) -> None:
    tab.goto(gallery.url)
    scripted(tab)
    tab.evaluate(f"globalThis.dragTimer = setInterval({DRAG}, 100)")
    expect(tab.get_by_text("Drop to upload")).to_be_visible()
    tab.evaluate("clearInterval(dragTimer)")
    expect(tab.get_by_text("Drop to upload")).to_be_hidden()


def test_a_card_tells_why_nothing_is_known_of_its_picture(tab: Page, gallery: Served) -> None:
    Door(gallery)
    gallery.refuse = lambda path: "ids=" in path
    tab.goto(gallery.url)
    scripted(tab)
    hand_over(tab, "drop", [("Lake 1.jpg", *JPEG[1:])])
    expect(tab.locator(".card .state")).to_have_text("The network is gone. Check your connection.")
    gallery.refuse = lambda _: False
    expect(tab.locator(".card .state")).to_have_text("Ready", timeout=ARRIVES_MS)


def test_the_focus_is_not_lost_when_the_trays_buttons_change(tab: Page, gallery: Served) -> None:
    Door(gallery)
    tab.route("**/uploads", lambda route: route.fulfill(status=503, json={"sentence": "Try again."}))
    tab.clock.install()
    tab.goto(gallery.url)
    scripted(tab)
    hand_over(tab, "drop", [(f"Lake {n}.jpg", *JPEG[1:]) for n in (1, 2)])
    retry = tab.get_by_role("button", name="Retry all")

    def failed() -> bool:
        tab.clock.run_for(1000)
        return retry.is_visible()

    until(failed, "two failures")
    tab.unroute("**/uploads")
    retry.focus()
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("heading", name="2 pictures added")).to_be_visible(timeout=ARRIVES_MS)
    expect(tab.get_by_role("button", name="Done")).to_be_focused()


def test_done_keeps_the_place_if_no_picture_was_added(tab: Page, gallery: Served) -> None:
    gallery.fill(60)
    tab.goto(gallery.url)
    scripted(tab)
    place = tab.evaluate("(scrollTo(0, 400), scrollY)")
    hand_over(tab, "drop", [("Lake 1.jpg", "image/jpeg", b"")])
    tab.get_by_role("button", name="Done").click()
    expect(tab.locator("#tray")).to_be_hidden()
    assert tab.evaluate("scrollY") == place > 0


def test_done_loses_no_picture_while_a_script_is_missing(tab: Page, gallery: Served) -> None:
    Door(gallery)
    tab.route("**/place.js*", lambda route: route.abort())
    tab.goto(gallery.url)
    scripted(tab)
    hand_over(tab, "drop", [("Lake 1.jpg", *JPEG[1:])])
    tab.get_by_role("button", name="Done").click(timeout=ARRIVES_MS)
    expect(tab.get_by_text("A part of this page could not be loaded.")).to_be_visible()
    tab.unroute("**/place.js*")
    tab.get_by_role("button", name="Try again").click()
    until(lambda: tab.evaluate("typeof prepend === 'function'"), "missing script")
    tab.get_by_role("button", name="Done").click()
    expect(tab.locator("#tray")).to_be_hidden()
    assert alt(tab) == ["Lake 1"]


def test_a_picture_that_others_removed_does_not_come_back_with_done(tab: Page, gallery: Served) -> None:
    Door(gallery)
    tab.goto(gallery.url)
    scripted(tab)
    hand_over(tab, "drop", [(f"Lake {n}.jpg", *JPEG[1:]) for n in (1, 2)])
    expect(tab.get_by_role("heading", name="2 pictures added")).to_be_visible(timeout=ARRIVES_MS)
    gallery.store.keys = [key for key in gallery.store.keys if "Lake!201" not in key]
    tab.evaluate("renew(pictures().find(picture => picture.querySelector('img').alt === 'Lake 1'))")
    expect(tab.get_by_role("heading", name="1 picture added")).to_be_visible()
    tab.get_by_role("button", name="Done").click()
    assert alt(tab) == ["Lake 2"]
