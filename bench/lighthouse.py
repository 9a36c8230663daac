"""Runs Lighthouse on the local gallery with 60 pictures, with a phone's profile, in Chromium.

One gallery is open to everybody. The other one needs invitations, and its visitor is the owner, whose page has more.

(cd bench/lighthouse && npm ci) && python -m bench.lighthouse [> bench/results/lighthouse.md]
"""

import json
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import sync_playwright

from ops.local.browser import CHROMIUM_ARGUMENTS, chromium
from shared.access import COOKIE
from tests.support.browser import fill
from tests.support.deployed import deployed

TOOL = Path(__file__).parent / "lighthouse" / "node_modules" / ".bin" / "lighthouse"
RUNS, ATTEMPTS = 5, 3
GALLERIES: dict[str, dict[str, str]] = {
    "open": {},
    "by invitation": {"ViewAccess": "invited", "UploadAccess": "invited"},
}
CATEGORIES = ("performance", "accessibility", "best-practices")
MEASURES = {
    "first-contentful-paint": "ms",
    "largest-contentful-paint": "ms",
    "total-blocking-time": "ms",
    "cumulative-layout-shift": "",
    "total-byte-weight": "bytes",
}


def main() -> None:
    """Prints the medians of the scores of both galleries, and every failed audit."""
    reports: dict[str, list[Any]] = {}
    with sync_playwright() as playwright:
        path = chromium() or playwright.chromium.executable_path
    for name, parameters in GALLERIES.items():
        with tempfile.TemporaryDirectory() as folder, deployed(Path(folder), parameters) as stack:
            fill(stack, 60)
            cookie = f"{COOKIE}={stack.invitation('owner').partition('#')[2]}" if parameters else ""
            reports[name] = [_run(stack.gallery_url, path, cookie) for _ in range(RUNS)]
    version = reports["open"][0]["lighthouseVersion"]
    print(f"{datetime.now(UTC):%Y-%m-%d}, Lighthouse {version}, phone profile, 60 pictures, medians of {RUNS}\n")
    print(f"| | {' | '.join(reports)} |")
    print(f"|---|{'---:|' * len(reports)}")
    for name in CATEGORIES:
        scores = [median(report["categories"][name]["score"] for report in runs) for runs in reports.values()]
        print(f"| {name} | {' | '.join(f'{score * 100:.0f}' for score in scores)} |")
    for name, unit in MEASURES.items():
        values = [median(report["audits"][name]["numericValue"] for report in runs) for runs in reports.values()]
        print(f"| {name} | {' | '.join(f'{value:,.0f} {unit}' if unit else f'{value:.3f}' for value in values)} |")
    for name, runs in reports.items():
        print(f"\nNot passed in the last run of the gallery {name}:")
        for audit in runs[-1]["audits"].values():
            if audit["score"] is not None and audit["score"] < 1 and audit["scoreDisplayMode"] != "metricSavings":
                print(f"- {audit['id']}: {audit['score']} {audit.get('displayValue', '')}")


def _run(url: str, chromium_path: str, cookie: str) -> Any:
    flags = " ".join(["--headless", *CHROMIUM_ARGUMENTS])
    command = [str(TOOL), url, "--output=json", "--quiet", f"--chrome-path={chromium_path}", f"--chrome-flags={flags}"]
    command += [f"--only-categories={','.join(CATEGORIES)}"]
    command += [f"--extra-headers={json.dumps({'Cookie': cookie})}"] if cookie else []
    for attempt in range(ATTEMPTS):  # now and then Lighthouse misses the start of the navigation (NO_NAVSTART)
        answer = subprocess.run(command, capture_output=True, text=True, check=attempt == ATTEMPTS - 1)
        if not answer.returncode:
            break
    return json.loads(answer.stdout)


if __name__ == "__main__":
    main()
