"""Compares the resize engine with its peers: `python -m bench.resize [DIR]`, on one core, candidates in turn, medians.

Prints a table of milliseconds and ratios and writes it, with a chart, to bench/results/.
"""

import datetime
import os
import platform
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from bench.chart import chart
from bench.peers import Peer
from bench.photos import Photo, photos
from bench.quality import reference, ssim

ROUNDS = 7
JOBS = {"400": (400,), "1600+400": (1600, 400)}
RESULTS = Path(__file__).parent / "results"
NAMES = (
    "Darkroom",
    "Darkroom, arm64 path",
    "floor",
    "pyvips",
    "sharp",
    "sharp, no fast shrink",
    "OpenCV",
    "naive Pillow",
    "ImageMagick (Wand)",
)


class Measured(NamedTuple):
    """One candidate's result for one job: median milliseconds, and the SSIM of its largest rendition."""

    milliseconds: float
    ssim: float


type Row = dict[str, Measured]


def measure(photo: Photo, sides: tuple[int, ...], peers: dict[str, Peer], scratch: Path) -> Row:
    """Runs every candidate that can read the photo in turn, ROUNDS times; the first round is a warm-up."""
    wanted = reference(photo.data, sides[0])
    times: dict[str, list[float]] = {}
    scores: dict[str, float] = {}
    for name, peer in peers.items():
        try:
            peer.run(photo.path, sides, scratch / "made")
        except ValueError as error:
            print(f"  {name} cannot read {photo.path.name}: {str(error)[:80]}")
            continue
        times[name] = []
        scores[name] = ssim(wanted, (scratch / "made.0").read_bytes())
    for _ in range(ROUNDS):
        for name, taken in times.items():
            taken.append(peers[name].run(photo.path, sides)[0])
    return {name: Measured(statistics.median(taken), scores[name]) for name, taken in times.items()}


def peak_mb(name: str, photo: Photo) -> float | None:
    """Returns the peak memory (RSS) of a fresh process that makes the pair once."""
    with Peer(name) as fresh:
        try:
            return fresh.run(photo.path, JOBS["1600+400"])[1]
        except ValueError:
            return None


def table(title: str, rows: dict[str, Row], names: tuple[str, ...]) -> str:
    """Returns a Markdown table of milliseconds, Darkroom's speed-up, and SSIM."""
    lines = [f"## {title}", "", "| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for label, row in rows.items():
        ours = row["Darkroom"].milliseconds
        cells = []
        for name in names:
            if name not in row:
                cells.append("–")  # noqa: RUF001
                continue
            milliseconds, score = row[name]
            ratio = "" if name == "Darkroom" else f" ({milliseconds / ours:.2f}x)"
            quality = "" if name == "floor" else f" .{round(score * 1000):03d}"
            cells.append(f"{milliseconds:.1f}{ratio}{quality}")
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def report(folder: Path | None) -> str:
    """Measures everything and returns the text of the result."""
    today = datetime.datetime.now(datetime.UTC).date()
    with tempfile.TemporaryDirectory() as folder_name, ExitStack() as running:
        scratch = Path(folder_name)
        chosen = photos(folder, scratch)
        peers = {name: running.enter_context(Peer(name)) for name in NAMES}
        tables: dict[str, dict[str, Row]] = {job: {} for job in JOBS}
        for photo in chosen:
            for job, sides in JOBS.items():
                print(f"{photo.label} ({photo.path.name}) to {job}", flush=True)
                label = f"{photo.label} ({photo.path.name})"
                tables[job][label] = row = measure(photo, sides, peers, scratch)
                print("  " + ", ".join(f"{n} {m.milliseconds:.1f} ({m.ssim:.4f})" for n, m in row.items()), flush=True)
        memory = [
            "## Peak memory of a fresh process for the pair, MB",
            "",
            "| | " + " | ".join(NAMES[:1] + NAMES[3:]) + " |",
        ]
        memory.append("|---" * (len(NAMES) - 1) + "|")
        for photo in chosen:
            peaks = [peak_mb(n, photo) for n in NAMES[:1] + NAMES[3:]]
            memory.append(f"| {photo.label} | " + " | ".join("–" if p is None else f"{p:.0f}" for p in peaks) + " |")  # noqa: RUF001
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "resize.svg").write_text(chart(tables["1600+400"]), encoding="utf-8")
    head = [
        "# The resize engine beside its peers",
        "",
        f"{today}, {platform.machine()}, one core, {ROUNDS} rounds in turn, each candidate in a separate process.",
        "Each cell has the median milliseconds of processor time, in brackets this time divided by Darkroom's, and the",
        "SSIM of the largest rendition against a float Lanczos of all pixels. All candidates make JPEGs of quality 80.",
        "Floor: Darkroom's decoding and encoding without resizing. Photos in CMYK or with alpha are left out, because",
        "peers make another picture of them.",
        "",
    ]
    body = [table(f"To {job}", rows, NAMES) for job, rows in tables.items()]
    return "\n".join([*head, *body, *memory, ""])


def main() -> None:
    """Runs the command line; its argument is an optional folder of photos."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    text = report(Path(sys.argv[1]) if sys.argv[1:] else None)
    (RESULTS / "resize.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
