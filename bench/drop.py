"""Uploads 200 photos of 6 megapixels at once, and measures the page's delays and its memory.

The files are chosen, not dropped, because a simulated drop would need their bytes in the page's memory. The page
handles both in the same way.

python -m bench.drop [> bench/results/drop.md]
"""

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from ops.local.browser import CHROMIUM_ARGUMENTS, chromium
from tests.support import photos
from tests.support.browser import shifts, watch_shifts
from tests.support.deployed import deployed

FILES = 200
LONG_PX = 3000
PATIENCE_SECONDS = 1500
# A visitor notices a busy page by the delay of a click. The lateness of a 10 ms timer measures that delay.
WATCH = """
window.longest = 0; window.blocked = 0;
let last = performance.now();
setInterval(() => {
  const now = performance.now(), late = now - last - 10;
  longest = Math.max(longest, late); blocked += Math.max(0, late - 50); last = now;
}, 10);
"""


def main() -> None:
    """Measures and prints one table."""
    bodies = [photos.jpeg(seed, LONG_PX) for seed in range(6)]
    with tempfile.TemporaryDirectory() as folder, deployed(Path(folder), {}) as stack, sync_playwright() as playwright:
        paths = [Path(folder) / f"Party {n}.jpg" for n in range(FILES)]
        for n, path in enumerate(paths):
            path.write_bytes(bodies[n % 6])
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=[*CHROMIUM_ARGUMENTS, "--enable-precise-memory-info"]
        )
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        watch_shifts(page)
        page.goto(stack.gallery_url)
        before = _memory_mb(page)
        page.evaluate(f"() => {{ {WATCH} }}")
        begin, most = time.monotonic(), 0.0
        page.set_input_files("#choose", paths)
        states: dict[str, int] = {}
        while sum(states.get(state, 0) for state in ("ready", "rejected", "failed")) < FILES:
            assert time.monotonic() - begin < PATIENCE_SECONDS, states
            page.wait_for_timeout(500)
            most = max(most, _memory_mb(page))
            states = _states(page)
        seconds = time.monotonic() - begin
        longest, blocked = page.evaluate("[longest, blocked]")
        shifted = shifts(page)
        browser.close()
    size = sum(map(len, bodies)) / len(bodies) / 1e6
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    print(f"{today}, {FILES} JPEGs of about 6 megapixels and {size:.1f} MB, Chromium, local engine\n")
    print("| | |")
    print("|---|---:|")
    print(f"| how they ended | {', '.join(f'{count} {state}' for state, count in sorted(states.items()))} |")
    print(f"| until all had ended (browser, engine and resizer share the machine) | {seconds:.0f} s |")
    print(f"| longest time until the page answers | {longest:.0f} ms |")
    print(f"| time without an answer (beyond 50 ms each), in all | {blocked:.0f} ms |")
    print(f"| JavaScript heap before, and at most | {before:.0f} MB, {most:.0f} MB |")
    print(f"| layout shift, in all | {sum(shift['value'] for shift in shifted):.3f} |")
    for shift in shifted:
        if round(shift["value"], 3):
            print(f"\nshifted by {shift['value']:.3f}: {shift['sources']}")


def _memory_mb(page: Page) -> float:
    used: float = page.evaluate("performance.memory.usedJSHeapSize / 1e6")
    return used


def _states(page: Page) -> dict[str, int]:
    found: Any = page.evaluate(
        "[...document.querySelectorAll('.card')].reduce((sum, card) => "
        "({...sum, [card.dataset.state]: (sum[card.dataset.state] ?? 0) + 1}), {})"
    )
    states: dict[str, int] = found
    return states


if __name__ == "__main__":
    main()
