"""Compares JPEG, WebP and AVIF for the renditions at equal SSIM: bytes, encode time, dollars per million uploads.

    python -m bench.formats --photos FOLDER [> bench/results/formats.md]

Each JPEG is decoded whole and resized to each default rendition. SSIM compares a file with the pixels that were
encoded, so it measures the encoder alone. For each photo, size and encoder the bench searches the lowest quality that
looks at least as good as JPEG 80. Times are CPU milliseconds of one thread: the function has one core.
"""

import argparse
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL
from PIL import Image

from bench.photos import photos
from bench.quality import Plane, ssim
from functions.resize.resample import resample
from ops.cost.bill import MB_PER_VCPU
from ops.cost.prices import prices
from shared.limits import FUNCTION_MEMORY_MB
from shared.renditions import DEFAULT_RENDITIONS, LISTED, MEDIUM, VIEWED, Rendition, fit

ROUNDS = 3
BASELINE, QUALITY = "JPEG", 80
# The qualities that are searched.
LOWEST_QUALITY, BEST_QUALITY = 30, 95
# The fetches of a picture in the grid (half thumbs, half mediums) for one fetch in the viewer.
GRID_VIEWS = 9


@dataclass(frozen=True, slots=True)
class Encoder:
    """One way to encode: Pillow's format and options."""

    name: str
    format: str
    options: dict[str, Any]

    def encode(self, image: Image.Image, quality: int) -> bytes:
        """Returns the picture as a file."""
        out = BytesIO()
        image.save(out, self.format, quality=quality, **self.options)
        return out.getvalue()


ENCODERS = (
    Encoder(BASELINE, "JPEG", {}),
    Encoder("JPEG, optimised and progressive", "JPEG", {"optimize": True, "progressive": True}),
    Encoder("WebP, method 2", "WEBP", {"method": 2}),
    Encoder("WebP, method 4", "WEBP", {"method": 4}),
    Encoder("AVIF, speed 10", "AVIF", {"speed": 10, "max_threads": 1}),
    Encoder("AVIF, speed 8", "AVIF", {"speed": 8, "max_threads": 1}),
)


class Result(NamedTuple):
    """One encoder's mean over the photos at one size."""

    quality: float
    ssim: float
    kilobytes: float
    milliseconds: float


def main() -> None:
    """Prints the tables."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--photos", type=Path, help="a folder with photos; without it some are made")
    folder: Path | None = options.parse_args().photos
    with tempfile.TemporaryDirectory() as scratch:
        found = [photo.path for photo in photos(folder, Path(scratch)) if photo.label.startswith("JPEG")]
        results = {
            (rendition.name, encoder.name): result
            for rendition in DEFAULT_RENDITIONS
            for encoder, result in measured([_pixels(path, rendition) for path in found])
        }
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, Python {platform.python_version()}, "
        f"Pillow {PIL.__version__}, {len(found)} photos, means; times are medians of {ROUNDS}\n"
    )
    for rendition in DEFAULT_RENDITIONS:
        print(f"## {rendition.name}, {rendition.width_px} px\n")
        print("| encoder | quality | SSIM | kB | of JPEG's | encode, ms |\n|---|---:|---:|---:|---:|---:|")
        base = results[rendition.name, BASELINE].kilobytes
        for encoder in ENCODERS:
            row = results[rendition.name, encoder.name]
            print(
                f"| {encoder.name} | {row.quality:.0f} | {row.ssim:.4f} | {row.kilobytes:.1f} "
                f"| {row.kilobytes / base:.2f} | {row.milliseconds:.1f} |"
            )
        print()
    _print_dollars(results)


def measured(pictures: Sequence[Image.Image]) -> list[tuple[Encoder, Result]]:
    """Returns each encoder's result for the pictures, at the SSIM that JPEG 80 has for each."""
    baseline = ENCODERS[0]
    references: list[Plane] = [np.asarray(image.convert("L"), np.float64) for image in pictures]
    wanted = [
        ssim(reference, baseline.encode(image, QUALITY)) for image, reference in zip(pictures, references, strict=True)
    ]
    found = []
    for encoder in ENCODERS:
        rows = []
        for image, reference, target in zip(pictures, references, wanted, strict=True):
            quality = lowest_quality(lambda q, e=encoder, i=image, r=reference: ssim(r, e.encode(i, q)), target)  # type: ignore[misc]
            body = encoder.encode(image, quality)
            times = [_milliseconds(lambda e=encoder, i=image, q=quality: e.encode(i, q)) for _ in range(ROUNDS)]  # type: ignore[misc]
            rows.append((quality, ssim(reference, body), len(body) / 1000, statistics.median(times)))
        found.append((encoder, Result(*(statistics.mean(column) for column in zip(*rows, strict=True)))))
    return found


def lowest_quality(quality_to_ssim: Callable[[int], float], wanted: float) -> int:
    """Returns the lowest quality with at least the `wanted` SSIM, or BEST_QUALITY."""
    low, high = LOWEST_QUALITY, BEST_QUALITY
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if quality_to_ssim(middle) >= wanted else (middle + 1, high)
    return low


def _pixels(path: Path, rendition: Rendition) -> Image.Image:
    with Image.open(path) as image:
        whole = image.convert("RGB")
    return resample(whole, fit(*whole.size, rendition))


def _milliseconds(work: Callable[[], object]) -> float:
    begin = time.thread_time()
    work()
    return (time.thread_time() - begin) * 1000


def _print_dollars(results: dict[tuple[str, str], Result]) -> None:
    price = prices("us-east-1")
    # A function of this size has at least one core, so one thread takes the measured time.
    assert FUNCTION_MEMORY_MB >= MB_PER_VCPU
    second = FUNCTION_MEMORY_MB / 1024 * price.lambda_gb_second("x86_64")
    print("## Dollars per million uploads, all three renditions\n")
    print(f"Each picture is fetched {GRID_VIEWS} times in the grid (half thumbs, half mediums), once in the viewer.\n")
    print("| encoder | Lambda, encoding | stored, a month | transfer | sum |\n|---|---:|---:|---:|---:|")
    for encoder in ENCODERS:
        rows = {name: results[name, encoder.name] for name in (LISTED, MEDIUM, VIEWED)}
        encoding = sum(row.milliseconds for row in rows.values()) / 1000 * 1e6 * second
        stored = sum(row.kilobytes for row in rows.values()) * price.s3_storage_gb
        fetched = GRID_VIEWS / 2 * (rows[LISTED].kilobytes + rows[MEDIUM].kilobytes) + rows[VIEWED].kilobytes
        transfer = fetched * price.transfer_gb
        cells = (encoding, stored, transfer, encoding + stored + transfer)
        print(f"| {encoder.name} | " + " | ".join(f"{dollars:.2f}" for dollars in cells) + " |")


if __name__ == "__main__":
    main()
