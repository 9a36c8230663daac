"""Compares copies and other photos: differing bits and shared bands, each in the worse of both orders.

python -m bench.lookalikes PHOTO PHOTO...
"""

import io
import itertools
import sys
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageOps

from examples.lookalikes.fingerprint import Fingerprints, bands, distance, fingerprints

WIDTH_PX = 1600


def trimmed(picture: Image.Image, left: float, upper: float, right: float, lower: float) -> Image.Image:
    """Returns `picture` with these parts of its sides cut off."""
    width, height = picture.size
    return picture.crop(
        (round(width * left), round(height * upper), round(width * (1 - right)), round(height * (1 - lower)))
    )


ANOTHER_VIEW = "turned by a tenth"
COPIES: dict[str, Callable[[Image.Image], tuple[Image.Image, Image.Image]]] = {
    "half the size": lambda p: (p, p.resize((p.width // 2, p.height // 2))),
    "1 % off all around": lambda p: (p, trimmed(p, 0.01, 0.01, 0.01, 0.01)),
    "3 % off all around": lambda p: (p, trimmed(p, 0.03, 0.03, 0.03, 0.03)),
    "5 % off all around": lambda p: (p, trimmed(p, 0.05, 0.05, 0.05, 0.05)),
    "1 % off the left": lambda p: (p, trimmed(p, 0.01, 0, 0, 0)),
    "2 % off the left": lambda p: (p, trimmed(p, 0.02, 0, 0, 0)),
    "3 % off the left": lambda p: (p, trimmed(p, 0.03, 0, 0, 0)),
    "5 % off the left": lambda p: (p, trimmed(p, 0.05, 0, 0, 0)),
    "5 % off the top": lambda p: (p, trimmed(p, 0, 0.05, 0, 0)),
    "5 % off the right": lambda p: (p, trimmed(p, 0, 0, 0.05, 0)),
    "5 % off the bottom": lambda p: (p, trimmed(p, 0, 0, 0, 0.05)),
    "5 % off two sides": lambda p: (p, trimmed(p, 0.05, 0.05, 0, 0)),
    "7 % off the left": lambda p: (p, trimmed(p, 0.07, 0, 0, 0)),
    ANOTHER_VIEW: lambda p: (trimmed(p, 0, 0, 0.1, 0.033), trimmed(p, 0.1, 0.033, 0, 0)),
}


def prints_of(picture: Image.Image, quality: int = 80) -> Fingerprints:
    """Returns the fingerprints of the picture's thumb."""
    thumb, body = picture.copy(), io.BytesIO()
    thumb.thumbnail((400, 400), Image.Resampling.LANCZOS)
    thumb.save(body, "JPEG", quality=quality)
    return fingerprints(body.getvalue())


def compared(one: Fingerprints, other: Fingerprints, *, alike: bool) -> str:
    """Returns the differing bits and the shared bands, in the worse order for the expected result."""
    found = []
    for later, earlier in ((one, other), (other, one)):
        pairs = itertools.product(later.asked, earlier.noted)
        common = sum(a == b for asked, noted in pairs for a, b in zip(bands(asked), bands(noted), strict=True))
        found.append((distance(later.asked, earlier.noted), common))
    worst = max if alike else min
    return f"{worst(bits for bits, _ in found)} ({min(common for _, common in found)})"


def main() -> None:
    photos = {}
    for path in map(Path, sys.argv[1:]):
        photos[path.name] = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
        photos[path.name].thumbnail((WIDTH_PX, WIDTH_PX))
    print("| differing bits (bands in common) |", " | ".join(photos), "|")
    print("|---|" + "---|" * len(photos))
    print(
        "| quality 30 |", " | ".join(compared(prints_of(p), prints_of(p, 30), alike=True) for p in photos.values()), "|"
    )
    for what, copy in COPIES.items():
        both = [map(prints_of, copy(photo)) for photo in photos.values()]
        alike = what != ANOTHER_VIEW
        print(f"| {what} |", " | ".join(compared(*pair, alike=alike) for pair in both), "|")
    prints = {name: prints_of(photo) for name, photo in photos.items()}
    for name, own in prints.items():
        print(f"| {name} |", " | ".join(compared(own, other, alike=False) for other in prints.values()), "|")


if __name__ == "__main__":
    main()
