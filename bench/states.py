"""Looks at the page in every state, in Chromium, Firefox and WebKit, light and dark, on a phone and a desktop.

    python -m bench.states [--engine firefox] [--shots FOLDER] [> bench/results/states.md]

Without --engine it tests all three, one after the other, which takes about a quarter of an hour. A cell is "ok" if
axe-core finds nothing, the page is not wider than its window, and the state was reached. Firefox also shows each state
in a contrast theme. The screenshots are for people, because a program does not see every fault.
"""

import argparse
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.browser import empty, fill
from tests.support.deployed import Stack, deployed
from tests.support.engines.cable import cable_to
from tests.support.engines.launch import NAMES, Look, Name
from tests.support.engines.states import FILLED, STATES, Visitor
from tests.support.engines.tab import DESKTOP_PX, PHONE_PX, opened
from tests.support.engines.wire import CommandFailed

LOOKS = {"light": Look(), "dark": Look(dark=True), "contrast": Look(forced_colours=True)}
SIZES = {"phone": PHONE_PX, "desktop": DESKTOP_PX}


def main() -> None:
    """Prints a table for each engine."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine", choices=NAMES, action="append", help="look in this engine only; may be repeated")
    parser.add_argument("--shots", type=Path, help="the folder for screenshots")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, deployed(Path(folder) / "stack", {}) as stack:
        token = stack.invitation("owner").partition("#")[2]
        for name in wanted.engine or NAMES:
            print_table(name, stack, Path(folder), token, wanted.shots)


def print_table(name: Name, stack: Stack, folder: Path, token: str, shots: Path | None) -> None:
    """Looks at every state in one engine, and prints the findings."""
    looks = LOOKS if name == "firefox" else ("light", "dark")
    seen, about = {}, ""
    for look in looks:
        seen[look], about = _look(name, look, stack, folder, token, shots)
    print(f"{datetime.now(UTC):%Y-%m-%d}, {name}, {about}\n")
    print(f"| state | {' | '.join(looks)} |")
    print(f"|---|{'---|' * len(looks)}")
    for state in STATES:
        cells = ["; ".join(found[state]) or "ok" for found in seen.values()]
        print(f"| {state} | {' | '.join(cells)} |")
    print(flush=True)


def _look(
    name: Name, look: str, stack: Stack, folder: Path, token: str, shots: Path | None
) -> tuple[dict[str, list[str]], str]:
    """Returns the findings in each state, and the browser's version with the widths of the page."""
    widths = []
    place = urlsplit(stack.gallery_url)
    wrong: dict[str, list[str]] = {state: [] for state in STATES}
    files = folder / "files"
    files.mkdir(exist_ok=True)
    with cable_to(place.port or 80) as cable, opened(name, folder / f"{name}-{look}", LOOKS[look]) as tab:
        visitor = Visitor(tab, cable, place._replace(netloc=f"127.0.0.1:{cable.port}").geturl(), files, token)
        for size, size_px in SIZES.items():
            empty(stack)
            tab.resize(size_px)
            widths.append(str(tab.js("return innerWidth")))
            for state, reach in STATES.items():
                if state == "pictures":
                    fill(stack, FILLED)
                cable.put_back()
                cable.bearer = ""
                try:
                    reach(visitor)
                    wrong[state] += [finding.partition(":")[0] for finding in tab.violations()]
                    if tab.js("return document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                        wrong[state].append(f"too wide on a {size}")
                except (AssertionError, CommandFailed) as error:
                    wrong[state].append(f"not reached on a {size}: {str(error)[:80]}")
                if shots:
                    shots.mkdir(parents=True, exist_ok=True)
                    tab.screenshot(shots / f"{state.replace(' ', '-')}-{name}-{look}-{size}.png")
        version = tab.js("return /(?:Chrome|Firefox|Version)\\/[\\d.]+/.exec(navigator.userAgent)[0]")
        return wrong, f"{version}, with pages of {' and '.join(widths)} pixels"


if __name__ == "__main__":
    main()
