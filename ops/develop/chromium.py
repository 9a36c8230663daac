"""Chromium as a judge: it shows the same bytes, and its pixels come back."""

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from ops.local.browser import CHROMIUM_ARGUMENTS, chromium

# The longer side of the picture that comes back. Block means need no more.
_SIDE_PX = 480

_SHOW = """
async ([type, data, side]) => {
  const bytes = Uint8Array.from(atob(data), char => char.charCodeAt(0));
  const image = new Image();
  const url = image.src = URL.createObjectURL(new Blob([bytes], {type}));
  try {
    await image.decode();
    const {naturalWidth: width, naturalHeight: height} = image;
    const scale = Math.min(1, side / Math.max(width, height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(width * scale));
    canvas.height = Math.max(1, Math.round(height * scale));
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    return [width, height, canvas.toDataURL("image/png").split(",")[1]];
  } catch {
    return null;
  } finally {
    URL.revokeObjectURL(url);
  }
}
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture as Chromium shows it: its size, and its pixels, reduced, RGBA. Of an animation the first frame."""

    width_px: int
    height_px: int
    image: Image.Image


class Browser:
    """A page of Chromium that shows one file after another."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def show(self, data: bytes, media_type: str) -> Shown | None:
        """Shows the file, and returns None if Chromium cannot."""
        answer = self._page.evaluate(_SHOW, [media_type, base64.b64encode(data).decode(), _SIDE_PX])
        if answer is None:
            return None
        width, height, png = answer
        return Shown(width, height, Image.open(io.BytesIO(base64.b64decode(png))).convert("RGBA"))


@contextmanager
def browser() -> Iterator[Browser]:
    """Starts Chromium and ends it."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_ARGUMENTS)
        try:
            yield Browser(started.new_page())
        finally:
            started.close()
