"""Makes docs/images/*.png, the screenshots that the README shows, from the deployed gallery with drawn pictures.

python -m tests.e2e.screenshots
"""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from ops.local.browser import CHROMIUM_ARGUMENTS, chromium
from tests.support import photos
from tests.support.browser import empty, fill, hand_over
from tests.support.deployed import Stack, deployed, until

FOLDER = Path(__file__).parents[2] / "docs" / "images"
PICTURES = 66
READY_MS = 60_000
MAX_BYTES = 400_000  # the README loads every screenshot


def main() -> None:
    """Makes every screenshot."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, deployed(Path(folder), {}) as stack, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_ARGUMENTS)
        with _page(browser, "light") as page:
            page.goto(stack.gallery_url)
            _save(page, "empty")
        fill(stack, PICTURES, grain=False)  # PNG cannot compress grain
        with _page(browser, "light") as page:
            _open(page, stack)
            _save(page, "gallery")
            _upload(page, stack)
            _save(page, "uploading")
        with _page(browser, "dark") as page:
            _open(page, stack)
            _save(page, "gallery-dark")
            page.locator("#grid .picture a").nth(15).click()
            until(lambda: page.evaluate("view.complete && view.naturalWidth > 800"), "the view")
            _save(page, "viewer")
        with _page(browser, "dark", phone=True) as page:
            _open(page, stack)
            _save(page, "phone")
        with _page(browser, "light", phone=True) as page:
            page.goto(stack.gallery_url + "?image=holiday")
            _save(page, "gone")
        empty(stack)
        browser.close()


@contextmanager
def _page(browser: Browser, scheme: Literal["light", "dark"], *, phone: bool = False) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": 390, "height": 844} if phone else {"width": 1200, "height": 750},
        color_scheme=scheme,
        is_mobile=phone,
        has_touch=phone,
        device_scale_factor=1.5 if phone else 1,
        locale="en-GB",
        reduced_motion="reduce",
    )
    yield context.new_page()
    context.close()


def _open(page: Page, stack: Stack) -> None:
    page.goto(stack.gallery_url)
    shown = """[...document.querySelectorAll(".picture img")]
      .filter(image => image.checkVisibility() && image.getBoundingClientRect().top < innerHeight)
      .filter(image => image.getBoundingClientRect().bottom > 0)
      .every(image => image.complete && image.naturalWidth > 1)"""
    until(lambda: page.evaluate(shown), "the pictures")


def _upload(page: Page, stack: Stack) -> None:
    # Some pictures arrive and one is rejected. The last uploads get no answer from S3.
    page.route(
        re.compile(stack.upload_bucket),
        lambda route: None if b"Sunday" in (route.request.post_data_buffer or b"") else route.continue_(),
    )
    files = [(f"Saturday {seed}.jpg", "image/jpeg", photos.jpeg(seed, 1600, grain=False)) for seed in (2, 7, 11, 16)]
    files.append(("scan.jpg", "image/jpeg", b"This is text. " * 90))
    files += [(f"Sunday {seed}.jpg", "image/jpeg", photos.jpeg(seed, 1600, grain=False)) for seed in (19, 5, 23, 14, 3)]
    hand_over(page, "drop", files)
    expect(page.locator(".card[data-state=ready]")).to_have_count(4, timeout=READY_MS)
    expect(page.locator(".card[data-state=rejected]")).to_have_count(1, timeout=READY_MS)
    expect(page.locator(".card canvas")).to_have_count(4, timeout=READY_MS)


def _save(page: Page, name: str) -> None:
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path)
    picture = Image.open(path).convert("RGB")
    picture.save(path, optimize=True)
    if path.stat().st_size > MAX_BYTES:
        palette = picture.quantize(256, method=Image.Quantize.MAXCOVERAGE)
        picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)
    print(f"{path.relative_to(FOLDER.parents[1])}  {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
