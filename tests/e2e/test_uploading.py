"""Files that are dropped, and the tray of uploads. Nothing is deployed."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.browser import scripted
from tests.support.served import Served, served

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


@pytest.fixture
def gallery() -> Iterator[Served]:
    with served() as running:
        yield running


@pytest.fixture
def tab(context: BrowserContext) -> Iterator[Page]:
    wrong: list[str] = []
    opened = context.new_page()
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    yield opened
    assert not wrong


def test_a_dropped_folder_is_taken_without_what_cannot_be_read(tab: Page, gallery: Served) -> None:
    tab.goto(gallery.url)
    scripted(tab)
    tab.context.set_offline(True)  # only the choice matters here
    tab.evaluate(DROP_HALF_READABLE)
    expect(tab.locator(".card .name")).to_have_text(["Lake.jpg"])
    expect(tab.get_by_text("2 items could not be read.")).to_be_visible()
