"""Uploads in the page: dropped files, the tray, and the page that waits. Nothing is deployed."""

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, Route, expect

from shared.keys import new_image_id
from tests.support.browser import ARRIVES_MS, JPEG, alt, hand_over, scripted
from tests.support.deployed import until
from tests.support.pretended_door import take_uploads
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

# Lets the page read a file's header once. The second time it waits for a call of goOn().
HOLD_SECOND_READ = """() => {
  const read = Blob.prototype.arrayBuffer;
  let reads = 0;
  Blob.prototype.arrayBuffer = async function () {
    if (++reads === 2) await new Promise(resolve => { globalThis.goOn = resolve; });
    return read.call(this);
  };
}"""


def let_own(tab: Page, gallery: Served) -> None:
    """Show the page to an owner, and answer for the removals. Their pictures stay in the store."""
    gallery.change = lambda _, headers, body: (headers, body.replace(b'data-may="', b'data-may="owner ', 1))
    tab.route("**/restore", lambda route: route.fulfill(json={}))
    removed = re.compile(r"/images/\w+$")
    tab.route(removed, lambda route: route.fulfill(json={}) if route.request.method == "DELETE" else route.fallback())


def test_a_dropped_folder_is_taken_without_what_cannot_be_read(tab: Page, gallery: Served) -> None:
    tab.goto(gallery.url)
    scripted(tab)
    tab.context.set_offline(True)  # only the choice matters here
    tab.evaluate(DROP_HALF_READABLE)
    expect(tab.locator(".card .name")).to_have_text(["Lake.jpg"])
    expect(tab.get_by_text("2 items could not be read.")).to_be_visible()


def test_pictures_that_came_back_with_a_reload_are_not_added_twice(tab: Page, gallery: Served) -> None:
    gallery.fill(2)
    take_uploads(tab, gallery)
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
    take_uploads(tab, gallery)
    let_own(tab, gallery)
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
    take_uploads(tab, gallery)
    tab.route("**/uploads/*", lambda route: route.fulfill(json={}))
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
