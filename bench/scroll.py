"""Scrolls a gallery of 10,000 pictures to its end, with a phone's profile and a slowed processor, and back to its top.

    export POWERTOOLS_LOG_LEVEL=CRITICAL POWERTOOLS_METRICS_DISABLED=true  # or the page's logs are in the table
    python -m bench.scroll [--pictures 10000] [--slower 4] [--speed 8000] [> bench/results/scroll.md]

The gallery's handler runs in this process and nothing is deployed. A phone does not run its server, so this process has
a low priority and the browser does not. Long animation frames are the browser's own measure
(w3.org/TR/long-animation-frames): frames that took more than 50 ms.

Chromium is driven by WebDriver and not by Playwright, which has DevTools record the network. The recorder encodes each
file whose memory the browser collects, in the page's thread, and frames grow to 300 ms. Visitors have no recorder.
"""

import argparse
import os
import platform
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.engines.launch import Look, launched
from tests.support.engines.tab import PHONE_PX, Tab
from tests.support.engines.wire import Chromedriver
from tests.support.served import BOXES, served

# Android's fastest fling, without a pause: MAXIMUM_FLING_VELOCITY in android.view.ViewConfiguration.
FASTEST_PX_PER_SECOND = 8000
STEP_PX = 8000
DENSITY = 3
LOAD_SECONDS, SETTLE_SECONDS = 0.5, 3
END_STEPS = 6
NICE = 15
# The measuring itself makes frames long.
STEPS_PER_STATE = 8
WATCH = """
globalThis.longFrames = [];
new PerformanceObserver(list => longFrames.push(...list.getEntries().map(frame => frame.duration)))
  .observe({type: "long-animation-frame"});
"""
PICTURES_SEEN = "return [...grid.children].reduce((sum, list) => sum + (list.ids?.length ?? list.childElementCount), 0)"

type State = tuple[int, int, float]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--slower", type=float, default=4)
    parser.add_argument("--speed", type=int, default=FASTEST_PX_PER_SECOND, help="CSS pixels per second")
    wanted = parser.parse_args()
    width_px, height_px = PHONE_PX
    with TemporaryDirectory() as folder, launched("chromium", Path(folder), Look()) as wire:
        assert isinstance(wire, Chromedriver)
        page = Tab("chromium", wire)
        metrics = {"width": width_px, "height": height_px, "deviceScaleFactor": DENSITY, "mobile": True}
        wire.ask("Emulation.setDeviceMetricsOverride", **metrics)
        wire.ask("Emulation.setTouchEmulationEnabled", enabled=True)
        wire.ask("Emulation.setCPUThrottlingRate", rate=wanted.slower)
        wire.ask("Performance.enable")
        version = wire.ask("Browser.getVersion")["product"]
        os.nice(NICE)
        with served() as gallery:
            gallery.fill(wanted.pictures, minutes_apart=90)
            page.goto(gallery.url)
            time.sleep(SETTLE_SECONDS)
            page.js(WATCH)
            rows = [("at the start", *_state(page, wire))]
            began = time.monotonic()
            rows += _scrolled(page, wire, wanted.pictures, wanted.speed)
            seconds = time.monotonic() - began
            frames_ms: list[float] = page.js("return longFrames")
            shown = page.js(PICTURES_SEEN)
            files = sum(path.split("/")[1] in BOXES for path in gallery.asked)
    print(f"{datetime.now(UTC):%Y-%m-%d}, {version}, {platform.machine()}, ", end="")
    print(f"{width_px} x {height_px} at {DENSITY} device pixels,")
    print(f"processor {wanted.slower:g} times slower, {shown:,} pictures in {seconds:.0f} s,")
    print(f"{wanted.speed:,} CSS pixels ({wanted.speed / height_px:.0f} windows) per second\n")
    print("| | pictures in the page | DOM nodes | script memory, MB |")
    print("|---|---:|---:|---:|")
    for name, pictures, nodes, megabytes in rows:
        print(f"| {name} | {pictures} | {nodes:,} | {megabytes:.1f} |")
    print(f"\nFiles of pictures loaded: {files:,}.")
    print(f"\nFrames over 50 ms: {len(frames_ms)}, over 100 ms: {sum(ms > 100 for ms in frames_ms)}, ", end="")
    print(f"longest: {max(frames_ms, default=0):.0f} ms.")


def _scrolled(page: Tab, wire: Chromedriver, pictures: int, speed: int) -> list[tuple[str, int, int, float]]:
    """Scrolls to the end, then to the top; returns the state a few times on the way, and the largest of each figure."""
    rows: list[tuple[str, int, int, float]] = []
    states: list[State] = []
    still = steps = 0
    gesture = {"x": 200, "y": 400, "yDistance": -STEP_PX, "speed": speed, "gestureSourceType": "mouse"}
    while still < END_STEPS:
        before = page.js("return scrollY")
        wire.ask("Input.synthesizeScrollGesture", **gesture)
        steps += 1
        if steps % STEPS_PER_STATE == 1:
            states.append(_state(page, wire))
        still = still + 1 if page.js("return scrollY") == before else 0
        if still:
            time.sleep(LOAD_SECONDS)
        seen = page.js("return grid.children.length") * 60
        if len(rows) < 3 and seen > pictures * (len(rows) + 1) / 4:
            rows.append((f"after about {seen:,} pictures", *states[-1]))
    rows.append(("at the end", *_state(page, wire)))
    page.press("Home")
    time.sleep(SETTLE_SECONDS)
    rows.append(("at the top again", *_state(page, wire)))
    rows.append((f"the most at every {STEPS_PER_STATE}th step", *(max(column) for column in zip(*states, strict=True))))
    return rows


def _state(page: Tab, wire: Chromedriver) -> State:
    found = {one["name"]: one["value"] for one in wire.ask("Performance.getMetrics")["metrics"]}
    pictures = page.js("return document.querySelectorAll('#grid .picture').length")
    return pictures, page.js("return document.getElementsByTagName('*').length"), found["JSHeapUsedSize"] / 1e6


if __name__ == "__main__":
    main()
