"""Shows files in Chromium and returns the pixels, as a reference for Darkroom's renditions."""

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from ops.local.browser import CHROMIUM_ARGUMENTS, chromium

# The longer side of the returned picture in pixels. Block means need no more.
_SIDE_PX = 800

# The script draws the picture at its full size, in strips. Each returned pixel is the mean of its area. Chromium's own
# reduction would leave pixels out.
_SHOW = """
async ([type, data, side]) => {
  const spread = (length, to) => {
    const first = new Int32Array(length), share = new Float64Array(length);
    for (let i = 0; i < length; i++) {
      const begins = i * to / length, ends = (i + 1) * to / length;
      first[i] = Math.min(Math.floor(begins), to - 1);
      share[i] = (Math.min(first[i] + 1, ends) - begins) / (ends - begins);
    }
    return {first, share, most: length / to};
  };
  const bytes = Uint8Array.from(atob(data), char => char.charCodeAt(0));
  const image = new Image();
  const url = image.src = URL.createObjectURL(new Blob([bytes], {type}));
  try {
    await image.decode();
    const {naturalWidth: width, naturalHeight: height} = image;
    const scale = Math.min(1, side / Math.max(width, height));
    const w = Math.max(1, Math.round(width * scale)), h = Math.max(1, Math.round(height * scale));
    const columns = spread(width, w), rows = spread(height, h);
    const sums = new Float64Array(4 * w * h), row = new Float64Array(4 * (w + 1));
    const strip = document.createElement("canvas");
    strip.width = width;
    strip.height = Math.min(height, Math.max(1, Math.floor(4e6 / width)));
    const context = strip.getContext("2d", {willReadFrequently: true});
    for (let upper = 0; upper < height; upper += strip.height) {
      context.clearRect(0, 0, width, strip.height);
      context.drawImage(image, 0, -upper);
      const pixels = context.getImageData(0, 0, width, strip.height).data;
      for (let y = upper; y < Math.min(height, upper + strip.height); y++) {
        row.fill(0);
        for (let x = 0, at = 4 * width * (y - upper); x < width; x++, at += 4) {
          const alpha = pixels[at + 3], own = columns.share[x] * alpha, next = alpha - own, to = 4 * columns.first[x];
          for (let part = 0; part < 3; part++) {
            row[to + part] += own * pixels[at + part];
            row[to + 4 + part] += next * pixels[at + part];
          }
          row[to + 3] += own;
          row[to + 7] += next;
        }
        const share = rows.share[y], to = 4 * w * rows.first[y], last = 4 * w * h;
        for (let i = 0; i < 4 * w; i++) {
          sums[to + i] += share * row[i];
          if (share < 1 && to + 4 * w < last) sums[to + 4 * w + i] += (1 - share) * row[i];
        }
      }
    }
    const canvas = document.createElement("canvas");
    canvas.width = w;
    canvas.height = h;
    const shown = new ImageData(w, h);
    for (let at = 0; at < 4 * w * h; at += 4) {
      const alpha = sums[at + 3];
      for (let part = 0; part < 3; part++) shown.data[at + part] = alpha ? sums[at + part] / alpha : 0;
      shown.data[at + 3] = alpha / columns.most / rows.most;
    }
    canvas.getContext("2d").putImageData(shown, 0, 0);
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
    """A picture as Chromium shows it: its size, and its reduced pixels in RGBA. An animation gives its first frame."""

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
