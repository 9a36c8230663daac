"""The gallery when things go wrong: reloads, vanished files, slow lines, litter in folders, many files."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from ops.upload import pictures_in
from shared.keys import new_image_id
from tests.support import photos
from tests.support.browser import ARRIVES_MS, JPEG, drop_path, empty, hand_over, scripted
from tests.support.deployed import Stack

NOT_A_PICTURE = ("Holiday.jpg", "image/jpeg", b"this is a text" * 100)
# Records the highest number of cards that the page had at the same time.
COUNT_CARDS = """() => {
  window.most = 0;
  new MutationObserver(() => { most = Math.max(most, cards.childElementCount); }).observe(cards, {childList: true});
}"""


@pytest.fixture(autouse=True)
def _no_pictures(stack: Stack) -> None:
    empty(stack)


def test_uploads_survive_a_reload(page: Page, stack: Stack) -> None:
    reloaded: list[object] = []

    def pending(route: Route) -> None:
        ids = route.request.url.split("=")[-1].split(",")
        if reloaded:
            route.fallback()
        else:
            route.fulfill(json={"images": [{"id": one, "status": "pending", "received": True} for one in ids]})

    page.route("**/images?ids=*", pending)
    page.goto(stack.gallery_url)
    hand_over(page, "drop", [JPEG, NOT_A_PICTURE])
    expect(page.get_by_role("heading", name="Processing 2 pictures")).to_be_visible(timeout=ARRIVES_MS)
    page.route(re.compile(stack.upload_bucket), lambda _: None)  # this file's upload does not end
    hand_over(page, "drop", [("Late.jpg", "image/jpeg", JPEG[2])])
    expect(page.locator(".card[data-state=uploading]")).to_have_count(1)
    # The page writes down its uploads at most ten times a second.
    page.wait_for_function("JSON.stringify(sessionStorage).includes('Late')")
    page.once("framenavigated", lambda frame: reloaded.append(frame))
    page.reload()
    expect(page.locator(".card")).to_have_count(3)
    expect(page.locator(".card[data-state=ready]")).to_have_count(1, timeout=ARRIVES_MS)
    expect(page.locator(".card[data-state=rejected]")).to_have_count(2, timeout=ARRIVES_MS)
    sentences = page.locator(".card .why").all_text_contents()
    assert sum("The page was left before this file had arrived." in sentence for sentence in sentences) == 1
    page.get_by_role("button", name="Done").click()
    page.reload()
    expect(page.get_by_role("link", name="Lake")).to_be_visible()
    expect(page.locator("#tray")).to_be_hidden()


def test_a_file_that_vanished_or_is_too_big_or_empty_says_so_at_once(page: Page, stack: Stack, tmp_path: Path) -> None:
    wished: list[str] = []
    page.on("request", lambda request: wished.append(request.url) if request.url.endswith("/uploads") else None)
    page.goto(stack.gallery_url)
    scripted(page)
    page.context.set_offline(True)
    files = {name: tmp_path / f"{name}.jpg" for name in ("gone", "huge", "empty")}
    for file, body in zip(files.values(), (JPEG[2], bytes(50_000_001), b""), strict=True):
        file.write_bytes(body)
    page.locator("#choose").set_input_files(list(files.values()))
    why = page.locator(".why")
    expect(why.get_by_text("The file has 51 MB and the limit is 50 MB.")).to_be_visible()
    expect(why.get_by_text("The file is empty.")).to_be_visible()
    expect(page.get_by_text("Waiting for the network")).to_be_visible()
    files["gone"].unlink()
    page.context.set_offline(False)
    expect(why.get_by_text("The file is gone, or has changed since you chose it.")).to_be_visible(timeout=2000)
    assert wished == []


def test_files_that_share_a_slow_line_take_turns_before_their_tickets_end(page: Page, stack: Stack) -> None:
    """300 kB at 60 kB/s take five seconds alone, and ten seconds side by side; each ticket says that it has seven."""

    def shorten(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"expires_in_seconds": 7})

    page.route("**/uploads", shorten)
    page.goto(stack.gallery_url)
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    line.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 60_000},
    )
    heavy = [(f"{name}.jpg", "image/jpeg", photos.jpeg(1, 640).ljust(300_000, b"\0")) for name in ("First", "Second")]
    hand_over(page, "drop", heavy)
    expect(page.locator(".card[data-state=uploading]")).to_have_count(2)
    expect(page.locator(".card[data-state=waiting]")).to_have_count(1, timeout=5000)
    expect(page.locator(".card[data-state=uploading]")).to_have_count(1)
    expect(page.locator(".card[data-state=ready]")).to_have_count(2, timeout=ARRIVES_MS)
    assert len(stack.keys("thumb/")) == 2


@pytest.mark.parametrize("how", ["drop", "button"])
def test_a_folder_is_taken_without_the_litter_of_other_systems(
    page: Page, stack: Stack, tmp_path: Path, how: str
) -> None:
    folder = tmp_path / "Holiday"
    for name in (
        "a.jpg", "b.HIF", "c.jpe", "d.dib", "IMG_0001", "Day 2/e.PNG", "notes.txt", "f.svg", "Thumbs.db", "desktop.ini",
        ".DS_Store", "._a.jpg", "@eaDir/a.jpg", "Day 2/.thumbnails/e.png", "__MACOSX/a.jpg", "#recycle/g.jpg",
    ):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(JPEG[2])
    page.goto(stack.gallery_url)
    scripted(page)
    page.context.set_offline(True)  # only the choice matters here
    if how == "drop":
        drop_path(page, folder)
    else:
        page.locator("#folder").set_input_files(folder)
    expect(page.locator(".card").first).to_be_visible()
    taken = sorted(page.locator(".card .name").all_text_contents())
    assert taken == sorted(path.name for path in pictures_in([folder]).pictures)
    assert taken == ["IMG_0001", "a.jpg", "b.HIF", "c.jpe", "d.dib", "e.PNG"]


def test_five_hundred_files_at_once_take_little_time_and_few_cards(page: Page, stack: Stack) -> None:
    """The test answers for the door and S3, because it does not measure the stack's speed."""
    under_way: set[Route] = set()
    most = [0]
    bucket = f"{stack.s3.meta.endpoint_url}/{stack.upload_bucket}"
    dot = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="

    def issue(route: Route) -> None:
        route.fulfill(
            status=201,
            json={
                "id": new_image_id(datetime.now(UTC)),
                "url": bucket,
                "fields": {},
                "expires_in_seconds": 300,
                "receipt": "r",
            },
        )

    def store(route: Route) -> None:
        under_way.add(route)
        most[0] = max(most[0], len(under_way))
        route.fulfill(status=204, headers={"access-control-allow-origin": "*"})
        under_way.discard(route)

    def answer(route: Route) -> None:
        picture = {"url": dot, "width": 400, "height": 300}
        about = {"name": "Cat", "uploaded_at": "2026-11-26T00:00:00Z", "width": 400, "height": 300}
        ids = route.request.url.split("=")[-1].split(",")
        images = [{"id": one, "status": "ready", "thumb": picture, "view": picture} | about for one in ids]
        route.fulfill(json={"images": images})

    page.route("**/uploads", issue)
    page.route(re.compile(re.escape(bucket)), store)
    page.route("**/images?ids=*", answer)
    page.goto(stack.gallery_url)
    page.evaluate(COUNT_CARDS)
    clock = page.context.new_cdp_session(page)
    clock.send("Performance.enable", {"timeDomain": "threadTicks"})
    files = [(f"Party {n}.jpg", "image/jpeg", b"jpeg") for n in range(500)]
    hand_over(page, "drop", files)
    expect(page.locator("#tray-more")).to_have_text("and 400 more")
    expect(page.get_by_role("heading", name="500 pictures added")).to_be_visible(timeout=2 * ARRIVES_MS)
    used = {metric["name"]: metric["value"] for metric in clock.send("Performance.getMetrics")["metrics"]}
    seconds = used["ScriptDuration"] + used["LayoutDuration"] + used["RecalcStyleDuration"]
    assert seconds / len(files) < 0.006, f"the page took {seconds} s of processor time"
    assert page.evaluate("most") <= 100
    assert most[0] <= 4
    page.get_by_role("button", name="Done").click()
    expect(page.locator("#tray")).to_be_hidden()
    expect(page.locator("#grid .picture").first).to_be_visible()
