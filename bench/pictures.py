"""Counts the bytes that each browser fetches for the grid, and compares the fetched pixels with those on the screen.

    export POWERTOOLS_LOG_LEVEL=CRITICAL POWERTOOLS_METRICS_DISABLED=true  # or the page's logs are in the table
    python -m bench.pictures [> bench/results/pictures.md]

Each browser shows 60 drawn photos in a frame of a given width, at a given density, and scrolls to the end. "Before" is
the page with two renditions and the browser's own choice: `sizes` by a formula, "auto" for all but the first eight.
A ratio is the width of the fetched rendition by the width that the picture takes on the screen, in device pixels. Below
1 the picture is soft, above 2 most bytes are wasted. "Wrong" counts the pictures outside 0.9 to 2 for which another
rendition is within this range.
"""

import json
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache, partial
from io import BytesIO
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from PIL import Image

from functions.list.page import asset
from shared.keys import read_rendition_key
from shared.renditions import DEFAULT_RENDITIONS, MEDIUM, Rendition, fit
from tests.support import photos
from tests.support.engines.launch import NAMES, Look, Name
from tests.support.engines.tab import Tab, opened
from tests.support.served import Headers, Served, served

PICTURES, PHOTOS = 60, 24
# Widths in CSS pixels with the densities that screens of this width have.
SCREENS = ((390, 2), (390, 3), (820, 2), (1440, 1), (1440, 2))
WINDOW_PX = (1500, 1000)
MOST_SECONDS, QUIET_SECONDS = 120, 0.5
# The choice is right between these ratios.
SOFT, WASTEFUL = 0.9, 2.0
BOXES = {rendition.name: rendition for rendition in DEFAULT_RENDITIONS}
FRAME = '<!doctype html><iframe src="./" width={} height=844 frameborder=0></iframe>'

FIRST = re.compile(r'(class="picture r(\d+)"[^>]*><a[^>]*><img )data-(?=srcset)')

SCROLL = """
const inside = document.querySelector("iframe").contentWindow;
if (inside.document.readyState !== "complete" || !inside.document.querySelector("#grid img")) return false;
const images = [...inside.document.querySelectorAll("#grid img")].filter(image => image.checkVisibility());
const waiting = images.find(image => !(image.complete && image.naturalWidth > 1));
waiting?.scrollIntoView();
return !waiting;
"""
# The first pictures change their files once: they are settled when no address has changed for a second.
SETTLED = """
const inside = document.querySelector("iframe").contentWindow;
const files = [...inside.document.querySelectorAll("#grid img")].map(image => image.currentSrc).join();
if (files !== inside.files) Object.assign(inside, {files, since: performance.now()});
return performance.now() - inside.since > 1000;
"""
SHOWN = """
const inside = document.querySelector("iframe").contentWindow;
const images = [...inside.document.querySelectorAll("#grid img")].filter(image => image.checkVisibility());
return JSON.stringify(images.map(image => {
  const {width, height} = image.getBoundingClientRect(), density = inside.devicePixelRatio;
  return [new URL(image.currentSrc).pathname, width * density, height * density];
}));
"""


class Shown(NamedTuple):
    """One visit: bytes and requests of pictures, and the ratio of each picture that is shown."""

    bytes: int
    requests: int
    ratios: list[float]
    # The number of pictures with a wrong ratio although another rendition has a right one.
    avoidable: int


def main() -> None:
    """Prints the table."""
    print(f"{datetime.now(UTC):%Y-%m-%d}, {PICTURES} drawn photos, JPEG, scrolled to the end\n")
    print("| browser | screen | kB before | kB now | of before | requests | ratio, median (range) | before | wrong |")
    print("|---|---|---:|---:|---:|---:|---|---|---:|")
    with served() as gallery, tempfile.TemporaryDirectory() as folder:
        gallery.seeds = PHOTOS
        gallery.fill(PICTURES)
        for seed in range(PHOTOS):  # in advance: a slow server would still be answering the page before
            for rendition in DEFAULT_RENDITIONS:
                encoded(seed, rendition)
        for density in sorted({density for _, density in SCREENS}):
            for name in NAMES:
                with opened(name, Path(folder) / f"{name}{density}", Look(density=density)) as tab:
                    tab.resize(WINDOW_PX)
                    for width_px in (width_px for width_px, per in SCREENS if per == density):
                        _print_row(
                            name, width_px, density, *(visit(tab, gallery, width_px, old) for old in (True, False))
                        )


def _print_row(name: Name, width_px: int, density: int, before: Shown, now: Shown) -> None:
    print(
        f"| {name} | {width_px} x {density} | {before.bytes / 1000:,.0f} | {now.bytes / 1000:,.0f} "
        f"| {now.bytes / before.bytes:.2f} | {now.requests} | {_spread(now.ratios)} | {_spread(before.ratios)} "
        f"| {now.avoidable} |",
        flush=True,
    )


def _spread(ratios: list[float]) -> str:
    ordered = sorted(ratios)
    return f"{ordered[len(ordered) // 2]:.2f} ({ordered[0]:.2f} to {ordered[-1]:.2f})"


@cache
def encoded(seed: int, rendition: Rendition) -> bytes:
    """Returns a drawn photo as the resizer would write it."""
    picture, out = drawn(seed), BytesIO()
    picture.resize(fit(*picture.size, rendition), Image.Resampling.LANCZOS).save(out, "JPEG", quality=rendition.quality)
    return out.getvalue()


@cache
def drawn(seed: int) -> Image.Image:
    """Returns a photo with a sensor's grain."""
    return photos.photo(seed, grain=True)


def visit(tab: Tab, gallery: Served, width_px: int, old: bool) -> Shown:
    """Shows the gallery in a frame, waits for every picture, and counts."""
    sent: list[int] = []
    tab.goto("about:blank")
    _wait_until_quiet(gallery)
    gallery.change = partial(_changed, width_px, old, sent)
    with _without(gallery, MEDIUM if old else ""):
        tab.goto(f"{gallery.url}frame?{'old' if old else 'new'}{width_px}")
        tab.until(SCROLL, "every picture", seconds=MOST_SECONDS)
        tab.until(SETTLED, "the sharper files of the first pictures", seconds=MOST_SECONDS)
        found: list[tuple[str, float, float]] = json.loads(tab.js(SHOWN))
    ratios, avoidable = [], 0
    for path, width, height in found:
        key = read_rendition_key(unquote(path[1:]))
        assert key
        size = key.width_px, key.height_px
        needed = max(width, height * size[0] / size[1])
        ratio = fit(*size, BOXES[key.rendition])[0] / needed
        ratios.append(ratio)
        possible = [fit(*size, box)[0] / needed for box in BOXES.values()]
        outside = not SOFT <= ratio <= WASTEFUL
        avoidable += outside and any(SOFT <= one <= WASTEFUL for one in possible)
    return Shown(sum(sent), len(sent), ratios, avoidable)


def _wait_until_quiet(gallery: Served) -> None:
    """Waits for the last requests of the visit before, which would count."""
    asked = -1
    while asked != len(gallery.asked):
        asked = len(gallery.asked)
        time.sleep(QUIET_SECONDS)


def _changed(
    width_px: int, old: bool, sent: list[int], path: str, headers: Headers, body: bytes
) -> tuple[Headers, bytes]:
    """Makes each picture with grain, puts the page into a frame, and takes the script out of the old page."""
    headers = {name: value for name, value in headers.items() if name != "content-security-policy"}
    headers["cache-control"] = "no-store"
    if path.startswith("/frame"):
        return headers, FRAME.format(width_px).encode()
    if key := read_rendition_key(unquote(path[1:])):
        number = int(key.stem.split()[-1])
        body = encoded((number - 1) % PHOTOS, BOXES[key.rendition])
        sent.append(len(body))
    elif old:
        text = body.decode().replace(asset("sizes.js"), "const sized = {observe() {}, unobserve() {}};")
        # The first pictures were like all others.
        text = FIRST.sub(lambda li: f'{li[1]}loading="lazy" sizes="calc({int(li[2]) / 100} * (10vw + 100px))" ', text)
        text = re.sub(r'sizes="calc\(([\d.]+) \* \(10vw \+ 100px\)\)"', r'sizes="auto, calc(\1 * (9vw + 90px))"', text)
        return headers, text.replace('sizes="auto, ', 'sizes="', 8).replace(' loading="lazy"', "", 8).encode()
    return headers, body


@contextmanager
def _without(gallery: Served, rendition: str) -> Iterator[None]:
    keys = gallery.store.keys
    gallery.store.keys = [key for key in keys if not rendition or not key.startswith(f"{rendition}/")]
    yield
    gallery.store.keys = keys


if __name__ == "__main__":
    main()
