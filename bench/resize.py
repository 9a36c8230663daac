"""The resize engine beside its peers: `python -m bench.resize [DIR]`, one core, candidates in turn, medians.

Prints a table of milliseconds and ratios and writes it, with a chart, to bench/results/.
"""

import datetime
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from bench.candidates import CANDIDATES
from bench.chart import chart
from bench.photos import Photo, photos
from bench.quality import reference, ssim
from bench.sharp import Sharp

ROUNDS = 7
JOBS = {"400": (400,), "1600+400": (1600, 400)}
RESULTS = Path(__file__).parent / "results"
NAMES = ("Darkroom", "Darkroom, arm64 path", "floor", "pyvips", "sharp", "OpenCV", "naive Pillow", "ImageMagick (Wand)")


class Measured(NamedTuple):
    """One candidate at one job: median milliseconds, and SSIM of its largest rendition."""

    milliseconds: float
    ssim: float


type Row = dict[str, Measured]


def measure(photo: Photo, sides: tuple[int, ...], sharp: Sharp, scratch: Path) -> Row:
    """Every candidate that can read the photo, one after another, ROUNDS times over; the first round is a warm-up."""
    out = scratch / "sharp"
    times: dict[str, list[float]] = {name: [] for name in NAMES}
    bodies: dict[str, bytes] = {}
    for number in range(ROUNDS + 1):
        for name in NAMES:
            if name not in times:
                continue
            try:
                if name == "sharp":
                    milliseconds, _ = sharp.run(photo.path, sides, out if not number else None)
                    body = (scratch / "sharp.0").read_bytes() if not number else b""
                else:
                    # The processor's time, all threads: on one core it is what a clock shows when nobody else runs.
                    started = time.process_time()
                    body = CANDIDATES[name](photo.data, sides)[0]
                    milliseconds = (time.process_time() - started) * 1000
            except Exception as error:
                print(f"  {name} cannot read {photo.path.name}: {str(error).splitlines()[0][:80]}")
                del times[name]
                continue
            if number:
                times[name].append(milliseconds)
            else:
                bodies[name] = body
    wanted = reference(photo.data, sides[0])
    return {name: Measured(statistics.median(t), ssim(wanted, bodies[name])) for name, t in times.items()}


def peak_mb(name: str, photo: Photo) -> float | None:
    """The peak memory (RSS) of a fresh process that makes the pair once."""
    if name == "sharp":
        fresh = Sharp()
        try:
            return fresh.run(photo.path, JOBS["1600+400"])[1]
        except ValueError:
            return None
        finally:
            fresh.close()
    command = [sys.executable, "-m", "bench.peak", name, str(photo.path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return float(answer.stdout) if answer.returncode == 0 else None


def table(title: str, rows: dict[str, Row], names: tuple[str, ...]) -> str:
    """A Markdown table: milliseconds, the times faster that Darkroom is, and SSIM."""
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
    """Measures everything; the text of the result."""
    today = datetime.datetime.now(datetime.UTC).date()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        chosen = photos(folder, scratch)
        sharp = Sharp()
        tables: dict[str, dict[str, Row]] = {job: {} for job in JOBS}
        for photo in chosen:
            for job, sides in JOBS.items():
                print(f"{photo.label} ({photo.path.name}) to {job}", flush=True)
                label = f"{photo.label} ({photo.path.name})"
                tables[job][label] = row = measure(photo, sides, sharp, scratch)
                print("  " + ", ".join(f"{n} {m.milliseconds:.1f} ({m.ssim:.4f})" for n, m in row.items()), flush=True)
        sharp.close()
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
        f"{today}, {platform.machine()}, one core, {ROUNDS} rounds in turn, medians in milliseconds of processor time",
        "(on one core that is what a clock shows, less what other programs take). In brackets",
        "how many times as long as Darkroom; then SSIM of the largest rendition against a float Lanczos of the whole.",
        "JPEG at quality 80 comes out of every one. Floor: the decode alone, plus the encoding.",
        "",
    ]
    body = [table(f"To {job}", rows, NAMES) for job, rows in tables.items()]
    return "\n".join([*head, *body, *memory, ""])


def main() -> None:
    """The command line: a folder of photos, or none."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    text = report(Path(sys.argv[1]) if sys.argv[1:] else None)
    (RESULTS / "resize.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
