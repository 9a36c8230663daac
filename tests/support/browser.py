"""A gallery with pictures, and helpers for the browser."""

import base64
import io
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page

from shared.keys import INVITATIONS_PREFIX, Image, new_image_id, rendition_key
from shared.renditions import DEFAULT_RENDITIONS
from shared.storage import FOREVER
from tests.support import photos
from tests.support.deployed import until

ARRIVES_MS = 60_000
JPEG = ("Lake.jpg", "image/jpeg", photos.jpeg(1, 1200))

_shifts: WeakKeyDictionary[Page, list[dict[str, Any]]] = WeakKeyDictionary()

DROP = """
([files, target]) => {
  const transfer = new DataTransfer();
  for (const {name, type, data} of files)
    transfer.items.add(new File([Uint8Array.from(atob(data), char => char.charCodeAt(0))], name, {type}));
  const event = (kind, more) => window.dispatchEvent(kind === "paste"
    ? new ClipboardEvent(kind, {clipboardData: transfer, bubbles: true})
    : new DragEvent(kind, {dataTransfer: transfer, bubbles: true, cancelable: true}));
  if (target === "drop") event("dragenter");
  event(target);
}
"""


@cache
def rendered(seed: int, box_px: int, grain: bool) -> tuple[bytes, tuple[int, int]]:
    """Return picture number `seed` fitted into a box as JPEG, and the size of its pretended original."""
    picture = photos.photo(seed, 1600, grain=grain)
    original = (picture.width * 5 // 2, picture.height * 5 // 2)
    picture.thumbnail((box_px, box_px))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=85)
    return file.getvalue(), original


def fill(stack: Any, count: int, *, grain: bool = True) -> list[str]:
    """Put `count` pictures into the gallery without the resizer; return their ids, newest first."""
    now = datetime.now(UTC)
    ids = []
    for n in range(count):
        image = Image(new_image_id(now - timedelta(minutes=7 * n + 1)), f"Holiday {n + 1}.jpg")
        for rendition in reversed(DEFAULT_RENDITIONS):
            body, (width, height) = rendered(n % 24, rendition.width_px, grain)
            key = rendition_key(rendition.name, image, width, height, "jpg")
            stack.s3.put_object(
                Bucket=stack.resized_bucket, Key=key, Body=body, ContentType="image/jpeg", CacheControl=FOREVER
            )
        ids.append(image.id)
    return ids


def empty(stack: Any) -> None:
    """Delete every picture of the gallery. Invitations stay valid."""
    for page in stack.s3.get_paginator("list_objects_v2").paginate(Bucket=stack.resized_bucket):
        for item in page.get("Contents", []):
            if not item["Key"].startswith(INVITATIONS_PREFIX):
                stack.s3.delete_object(Bucket=stack.resized_bucket, Key=item["Key"])


def hand_over(page: Page, how: str, files: Iterable[tuple[str, str, bytes]]) -> None:
    """Drop or paste files (name, type, bytes) anywhere on the page; `how` is "drop" or "paste"."""
    listed = [{"name": name, "type": type_, "data": base64.b64encode(body).decode()} for name, type_, body in files]
    page.evaluate(DROP, [listed, how])


def drop_path(page: Page, path: Path) -> None:
    """Drop a file or a folder from the disk in the middle of the page, with mouse events."""
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 400, "y": 400, "data": data})


def violations(page: Page) -> list[str]:
    """Return axe-core's findings for the current page, each with its rule and place."""
    found = Axe().run(page).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:160]} ({node['failureSummary']})" for rule in found for node in rule["nodes"]
    ]


def watch_shifts(page: Page) -> None:
    """Record every layout shift, including shifts right after input, which CLS omits."""
    told = _shifts[page] = []
    session = page.context.new_cdp_session(page)
    session.on(
        "PerformanceTimeline.timelineEventAdded", lambda event: told.append(event["event"]["layoutShiftDetails"])
    )
    session.send("PerformanceTimeline.enable", {"eventTypes": ["layout-shift"]})


def shifts(page: Page) -> list[dict[str, Any]]:
    """Return every layout shift since `watch_shifts`: its `value`, and the elements with their old and new places."""
    page.evaluate("new Promise(requestAnimationFrame)")  # a frame's shifts are reported after the frame
    return _shifts[page]


def alt(page: Page) -> list[str | None]:
    """Return the names of the pictures in the grid, in order."""
    return [image.get_attribute("alt") for image in page.locator("#grid img").all()]


def complete(page: Page) -> None:
    """Wait until every picture in the window is loaded. (wait_for_function needs eval, which the page forbids.)"""
    missing = """[...document.querySelectorAll(".picture img")]
      .filter(image => image.checkVisibility() && image.getBoundingClientRect().top < innerHeight)
      .filter(image => image.getBoundingClientRect().bottom > 0)
      .filter(image => !image.complete || image.naturalWidth <= 1)
      .map(image => [image.alt, image.complete, image.naturalWidth, image.chosen, image.currentSrc].join(" "))"""
    deadline = time.monotonic() + ARRIVES_MS / 1000
    while pictures := page.evaluate(missing):
        assert time.monotonic() < deadline, f"these pictures in the window are not shown: {pictures}"
        page.wait_for_timeout(50)


def scripted(page: Page) -> None:
    """Wait until the scripts for uploads are there. The page loads them when its first pictures are shown."""
    until(lambda: page.evaluate("typeof add === 'function'"), "script for uploads")


def look_until(page: Page, state: Locator) -> None:
    """Follow the link "Look again" until the page shows `state`."""

    def found() -> bool:
        if not state.count():
            page.get_by_role("link", name="Look again").click()
        return bool(state.count())

    until(found, "the state of the upload")
