"""Runs Lighthouse on the local gallery with 60 pictures, with a phone's profile, in Chromium.

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
from tests.support.browser import fill
from tests.support.deployed import deployed

TOOL = Path(__file__).parent / "lighthouse" / "node_modules" / ".bin" / "lighthouse"
RUNS = 5
CATEGORIES = ("performance", "accessibility", "best-practices")
MEASURES = {
    "first-contentful-paint": "ms",
    "largest-contentful-paint": "ms",
    "total-blocking-time": "ms",
    "cumulative-layout-shift": "",
    "total-byte-weight": "bytes",
}


def main() -> None:
    """Prints the medians of the scores, and every failed audit."""
    with tempfile.TemporaryDirectory() as folder, deployed(Path(folder), {}) as stack, sync_playwright() as playwright:
        fill(stack, 60)
        path = chromium() or playwright.chromium.executable_path
        reports = [_run(stack.gallery_url, path) for _ in range(RUNS)]
    version = reports[0]["lighthouseVersion"]
    print(f"{datetime.now(UTC):%Y-%m-%d}, Lighthouse {version}, phone profile, 60 pictures, medians of {RUNS}\n")
    print("| | |")
    print("|---|---:|")
    for name in CATEGORIES:
        print(f"| {name} | {median(report['categories'][name]['score'] for report in reports) * 100:.0f} |")
    for name, unit in MEASURES.items():
        value = median(report["audits"][name]["numericValue"] for report in reports)
        print(f"| {name} | {value:,.0f} {unit} |" if unit else f"| {name} | {value:.3f} |")
    print("\nNot passed in the last run:")
    for audit in reports[-1]["audits"].values():
        if audit["score"] is not None and audit["score"] < 1 and audit["scoreDisplayMode"] != "metricSavings":
            print(f"- {audit['id']}: {audit['score']} {audit.get('displayValue', '')}")


def _run(url: str, chromium_path: str) -> Any:
    flags = " ".join(["--headless", *CHROMIUM_ARGUMENTS])
    command = [str(TOOL), url, "--output=json", "--quiet", f"--chrome-path={chromium_path}", f"--chrome-flags={flags}"]
    command += [f"--only-categories={','.join(CATEGORIES)}"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(answer.stdout)


if __name__ == "__main__":
    main()
