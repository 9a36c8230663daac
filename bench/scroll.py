"""Scrolls a gallery of 10,000 pictures to its end, with a phone's profile and a slowed processor, and back to its top.

    export POWERTOOLS_LOG_LEVEL=CRITICAL POWERTOOLS_METRICS_DISABLED=true  # or the page's logs are in the table
    python -m bench.scroll [--pictures 10000] [--slower 4] [--speed 8000] [> bench/results/scroll.md]

The gallery's handler runs in this process and nothing is deployed. A phone does not run its server, so this process has
a low priority and the browser does not. Long animation frames are the browser's own measure
(w3.org/TR/long-animation-frames): frames that took more than 50 ms. A machine without a graphics card draws with its
processors, and some frames only wait for that. Therefore the page's own work is counted apart. It is 50 ms more than
the frame's `blockingDuration`.
"""

import argparse
import os
import platform
import time
from contextlib import ExitStack
from datetime import UTC, datetime

from playwright.sync_api import CDPSession, Page, sync_playwright

from ops.local.browser import CHROMIUM_ARGUMENTS, chromium
from tests.support.served import BOXES, served

# Android's fastest fling, without a pause: MAXIMUM_FLING_VELOCITY in android.view.ViewConfiguration.
FASTEST_PX_PER_SECOND = 8000
STEP_PX, HEIGHT_PX = 8000, 844
LOAD_MS = 500
END_STEPS = 6
NICE = 15
# The measuring itself makes frames long.
STEPS_PER_STATE = 8
WATCH = """
globalThis.frames = [];
new PerformanceObserver(list => {
  for (const {duration, blockingDuration} of list.getEntries()) frames.push([duration, blockingDuration]);
}).observe({type: "long-animation-frame", buffered: true});
"""


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--slower", type=float, default=4)
    parser.add_argument("--speed", type=int, default=FASTEST_PX_PER_SECOND, help="CSS pixels per second")
    wanted = parser.parse_args()
    with sync_playwright() as playwright, ExitStack() as ending:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_ARGUMENTS)
        os.nice(NICE)
        gallery = ending.enter_context(served())
        gallery.fill(wanted.pictures, minutes_apart=90)
        page = browser.new_page(
            viewport={"width": 390, "height": HEIGHT_PX}, is_mobile=True, has_touch=True, device_scale_factor=3
        )
        page.add_init_script(WATCH)
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")
        session.send("Emulation.setCPUThrottlingRate", {"rate": wanted.slower})
        page.goto(gallery.url)
        page.wait_for_timeout(2000)
        page.evaluate("globalThis.loaded = frames.length")
        rows = [("at the start", *_state(page, session))]
        began = time.monotonic()
        rows += _scrolled(page, session, wanted.pictures, wanted.speed)
        seconds = time.monotonic() - began
        frames: list[tuple[float, float]] = page.evaluate("frames.slice(loaded)")
        shown = page.evaluate(
            "[...grid.children].reduce((sum, list) => sum + (list.span?.[2] ?? list.childElementCount), 0)"
        )
        files = sum(path.split("/")[1] in BOXES for path in gallery.asked)
        version = browser.version
        browser.close()
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, Chromium {version}, {platform.machine()}, 390 x {HEIGHT_PX} at 3 device pixels,"
    )
    print(f"processor {wanted.slower:g} times slower, {shown:,} pictures in {seconds:.0f} s,")
    print(f"{wanted.speed:,} CSS pixels ({wanted.speed / HEIGHT_PX:.0f} windows) per second\n")
    print("| | pictures in the page | DOM nodes | script memory, MB |")
    print("|---|---:|---:|---:|")
    for name, pictures, nodes, megabytes in rows:
        print(f"| {name} | {pictures} | {nodes:,} | {megabytes:.1f} |")
    print(f"\nFiles of pictures loaded: {files:,}.")
    late, busy = zip(*frames, strict=True) if frames else ((), ())
    print(f"\nFrames over 50 ms: {len(frames)}, over 100 ms: {sum(ms > 100 for ms in late)}, ", end="")
    print(f"longest: {max(late, default=0):.0f} ms.")
    print(f"With more than 100 ms of the page's own work: {sum(ms > 50 for ms in busy)}, ", end="")
    print(f"most: {50 + max(busy, default=0):.0f} ms.")


def _scrolled(page: Page, session: CDPSession, pictures: int, speed: int) -> list[tuple[str, int, int, float]]:
    """Scrolls to the end, then to the top; returns the state a few times on the way, and the largest of each figure."""
    rows: list[tuple[str, int, int, float]] = []
    states: list[tuple[int, int, float]] = []
    still = steps = 0
    gesture = {"x": 200, "y": 400, "yDistance": -STEP_PX, "speed": speed, "gestureSourceType": "mouse"}
    while still < END_STEPS:
        before = page.evaluate("scrollY")
        session.send("Input.synthesizeScrollGesture", gesture)
        steps += 1
        if steps % STEPS_PER_STATE == 1:
            states.append(_state(page, session))
        still = still + 1 if page.evaluate("scrollY") == before else 0
        if still:
            page.wait_for_timeout(LOAD_MS)
        seen = page.evaluate("grid.children.length") * 60
        if len(rows) < 3 and seen > pictures * (len(rows) + 1) / 4:
            rows.append((f"after about {seen:,} pictures", *states[-1]))
    rows.append(("at the end", *_state(page, session)))
    page.keyboard.press("Home")
    page.wait_for_timeout(3000)
    rows.append(("at the top again", *_state(page, session)))
    rows.append((f"the most at every {STEPS_PER_STATE}th step", *(max(column) for column in zip(*states, strict=True))))
    return rows


def _state(page: Page, session: CDPSession) -> tuple[int, int, float]:
    found = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    pictures = page.evaluate("document.querySelectorAll('#grid .picture').length")
    return pictures, page.evaluate("document.getElementsByTagName('*').length"), found["JSHeapUsedSize"] / 1e6


if __name__ == "__main__":
    main()
