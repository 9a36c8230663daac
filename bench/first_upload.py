"""Times the first upload of a cold process, beside an earlier version: from the start of Python to the last write.

    python -m bench.first_upload [--photos FOLDER] [--against 86fc3f6] [--rounds 15]

Each round starts a fresh process for each version, in turns, with bytecode as the build makes it. S3 is the slow
stand-in of bench.batch. With two cores, the imports of function and renderer overlap. Writes
bench/results/first_upload.md.
"""

import argparse
import compileall
import os
import platform
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.candidate import Candidate, batch_of, ten_photos
from bench.slow_s3 import SlowS3
from bench.trees import ROOT, deployed_python, tree_of

RESULT = Path(__file__).parent / "results" / "first_upload.md"
BEFORE_SEALED_RENDERER = "86fc3f6"
CODE = ("functions", "shared")


def first_upload_seconds(tree: Path, python: Path, s3: SlowS3, core: str, photo: bytes) -> float:
    """Returns the seconds from the start of a process until its first upload has its renditions."""
    s3.written.clear()
    event = batch_of(s3, [photo])
    began = time.perf_counter()
    with Candidate(tree, python, "darkroom", s3, core) as candidate:
        candidate.run(event)
        return time.perf_counter() - began


def main() -> None:
    """Measures both versions, prints the table and writes it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--photos", type=Path, help="a folder with JPEGs of 12 megapixels; without it one is made")
    options.add_argument("--against", default=BEFORE_SEALED_RENDERER)
    options.add_argument("--rounds", type=int, default=15)
    given = options.parse_args()
    photo = ten_photos(given.photos)[0]
    cores = sorted(os.sched_getaffinity(0))
    s3 = SlowS3()
    rows = []
    with tree_of(given.against) as tree, deployed_python(tree) as python, deployed_python(ROOT) as own:
        for folder in (ROOT, tree):
            for name in CODE:
                compileall.compile_dir(folder / name, quiet=1)
        for name, on in (("one core", f"{cores[0]}"), ("two cores", f"{cores[0]},{cores[-1]}")):
            pairs = []
            for number in range(given.rounds + 1):
                earlier = first_upload_seconds(tree, python, s3, on, photo)
                now = first_upload_seconds(ROOT, own, s3, on, photo)
                if number:  # the first round reads files from the disk
                    pairs.append((earlier, now))
            before, after = (statistics.median(seconds) for seconds in zip(*pairs, strict=True))
            ratio = statistics.median(now / earlier for earlier, now in pairs)
            rows.append(f"| {name} | {before:.2f} | {after:.2f} | {ratio:.2f} |")
    s3.close()
    text = "\n".join(
        [
            "# The first upload of a cold process",
            "",
            f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, `python -m bench.first_upload`, {given.rounds}",
            f"rounds in turns, medians. A JPEG of 12 megapixels and {len(photo) / 1e6:.1f} MB. S3 takes 30 ms a",
            "request, and 60 MB/s. Lambda gives a function with 2048 MB 1.16 of two cores.",
            "",
            f"| | {given.against}, s | now, s | ratio, median of pairs |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )
    RESULT.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
