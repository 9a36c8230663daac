"""Compares the CPU time of cold starts of door and gallery between this version and an earlier one.

    python -m bench.cold_start [--against 86fc3f6] [--rounds 30]

Each round starts a fresh interpreter for each version and request, in turns. The default of `--against` is the last
version without invitations. Writes bench/results/cold_start.md, and ends with an error if a ratio is above 1.05. Commit
first: it measures HEAD.
"""

import argparse
import compileall
import os
import platform
import statistics
import subprocess
import sys
import tarfile
import tempfile
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).parent / "results" / "cold_start.md"
BEFORE_INVITATIONS = "86fc3f6"
MOST = 1.05
REQUESTS = {
    "door, a ticket": ("functions.ingest.handler", "POST", "/uploads"),
    "gallery, the page": ("functions.list.handler", "GET", "/"),
    "gallery, the JSON": ("functions.list.handler", "GET", "/images"),
}
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "y",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "RESIZED_BUCKET": "resized",
    "UPLOAD_BUCKET": "uploads",
    "MAX_UPLOAD_MEGABYTES": "50",
    "VIEW_ACCESS": "open",
    "UPLOAD_ACCESS": "open",
    "POWERTOOLS_SERVICE_NAME": "darkroom",
}


def tree(commit: str, folder: Path) -> Path:
    """Write a version's functions into `folder`, with bytecode as the build makes it."""
    archived = subprocess.run(
        ["git", "archive", commit, "functions", "shared"], cwd=ROOT, check=True, capture_output=True
    )
    with tarfile.open(fileobj=BytesIO(archived.stdout)) as tar:
        tar.extractall(folder, filter="data")
    compileall.compile_dir(folder, quiet=1)
    return folder


def cold_start_ms(folder: Path, request: tuple[str, str, str]) -> float:
    """Return the CPU time of one cold start."""
    child = [sys.executable, str(Path(__file__).with_name("cold_start_child.py")), str(folder), *request]
    done = subprocess.run(
        child, check=True, capture_output=True, text=True, env={"PATH": os.environ["PATH"], **ENVIRONMENT}, cwd=folder
    )
    return float(done.stderr.rsplit("\n", 1)[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", default=BEFORE_INVITATIONS)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    rows, too_slow = [], []
    with tempfile.TemporaryDirectory() as folder:
        before = tree(options.against, Path(folder, "before"))
        now = tree("HEAD", Path(folder, "now"))
        for name, request in REQUESTS.items():
            pairs = []
            for _ in range(options.rounds):
                pairs.append((cold_start_ms(before, request), cold_start_ms(now, request)))
            ratio = statistics.median(after / earlier for earlier, after in pairs)
            earlier, after = (statistics.median(times) for times in zip(*pairs, strict=True))
            rows.append(f"| {name} | {earlier:.0f} | {after:.0f} | {ratio:.3f} |")
            too_slow += [name] if ratio > MOST else []
    text = "\n".join(
        [
            "# Cold starts",
            "",
            f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, `python -m bench.cold_start`: CPU time in ms of a",
            f"fresh interpreter until its first answer, medians of {options.rounds} rounds in turns. Before is",
            f"{options.against}.",
            "",
            "| first request | before | now | ratio, median of pairs |",
            "|---|---:|---:|---:|",
            *rows,
            "",
        ]
    )
    RESULT.write_text(text, encoding="utf-8")
    print(text)
    if too_slow:
        sys.exit(f"More than {MOST} times: {', '.join(too_slow)}")


if __name__ == "__main__":
    main()
