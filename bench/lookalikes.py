"""In how many bits copies and other photos differ, and how many bands they share.

python -m bench.lookalikes PHOTO PHOTO...
"""

import io
import itertools
import sys
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageOps

from examples.lookalikes.fingerprint import bands, distance, fingerprints

WIDTH_PX = 1600


def trimmed(picture: Image.Image, left: float, upper: float, right: float, lower: float) -> Image.Image:
    """`picture` without these parts of its sides."""
    width, height = picture.size
    return picture.crop(
        (round(width * left), round(height * upper), round(width * (1 - right)), round(height * (1 - lower)))
    )


COPIES: dict[str, Callable[[Image.Image], tuple[Image.Image, Image.Image]]] = {
    "half the size": lambda p: (p, p.resize((p.width // 2, p.height // 2))),
    "1 % off all around": lambda p: (p, trimmed(p, 0.01, 0.01, 0.01, 0.01)),
    "3 % off all around": lambda p: (p, trimmed(p, 0.03, 0.03, 0.03, 0.03)),
    "5 % off all around": lambda p: (p, trimmed(p, 0.05, 0.05, 0.05, 0.05)),
    "1 % off the left": lambda p: (p, trimmed(p, 0.01, 0, 0, 0)),
    "2 % off the left": lambda p: (p, trimmed(p, 0.02, 0, 0, 0)),
    "3 % off the left": lambda p: (p, trimmed(p, 0.03, 0, 0, 0)),
    "5 % off the left": lambda p: (p, trimmed(p, 0.05, 0, 0, 0)),
    "turned by a tenth": lambda p: (trimmed(p, 0, 0, 0.1, 0.033), trimmed(p, 0.1, 0.033, 0, 0)),
}


def prints_of(picture: Image.Image, quality: int = 80) -> list[int]:
    """The fingerprints of the picture's thumb."""
    thumb, body = picture.copy(), io.BytesIO()
    thumb.thumbnail((400, 400), Image.Resampling.LANCZOS)
    thumb.save(body, "JPEG", quality=quality)
    return fingerprints(body.getvalue())


def compared(some: list[int], others: list[int]) -> str:
    """The differing bits, and the bands in common."""
    pairs = itertools.product(some, others)
    common = sum(a == b for one, other in pairs for a, b in zip(bands(one), bands(other), strict=True))
    return f"{distance(some, others)} ({common})"


def main() -> None:
    photos = {}
    for path in map(Path, sys.argv[1:]):
        photos[path.name] = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
        photos[path.name].thumbnail((WIDTH_PX, WIDTH_PX))
    print("| differing bits (bands in common) |", " | ".join(photos), "|")
    print("|---|" + "---|" * len(photos))
    print("| quality 30 |", " | ".join(compared(prints_of(p), prints_of(p, 30)) for p in photos.values()), "|")
    for what, copy in COPIES.items():
        print(f"| {what} |", " | ".join(compared(*map(prints_of, copy(p))) for p in photos.values()), "|")
    prints = {name: prints_of(photo) for name, photo in photos.items()}
    for name, own in prints.items():
        print(f"| {name} |", " | ".join(compared(own, other) for other in prints.values()), "|")


if __name__ == "__main__":
    main()
