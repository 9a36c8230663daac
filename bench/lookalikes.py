"""Counts the copies of photos that `lookalikes` finds, and the other photos that it reports as copies.

python -m bench.lookalikes FOLDER

The bench indexes each photo and searches each changed copy, then the other way round. It also searches the photos among
each other. A pair counts as found if it shares a band, differs in few bits and passes the second test.
"""

import io
import itertools
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from examples.lookalikes.compare import likeness
from examples.lookalikes.decoding import answer
from examples.lookalikes.fingerprint import Fingerprints, bands, differing_bits, fingerprints

WIDTH_PX = 1200
KINDS = (".jpg", ".jpeg", ".png", ".webp")


def trimmed(picture: Image.Image, left: float, upper: float, right: float, lower: float) -> Image.Image:
    """Returns `picture` without these parts of its sides."""
    width, height = picture.size
    return picture.crop(
        (round(width * left), round(height * upper), round(width * (1 - right)), round(height * (1 - lower)))
    )


def turned(picture: Image.Image, degrees: float) -> Image.Image:
    """Returns `picture` turned, without the empty corners."""
    return trimmed(picture.rotate(degrees, Image.Resampling.BICUBIC), 0.02, 0.02, 0.02, 0.02)


def marked(picture: Image.Image) -> Image.Image:
    """Returns `picture` with a half-transparent line of text at the bottom right."""
    made = picture.copy()
    at = (made.width * 0.55, made.height * 0.85)
    ImageDraw.Draw(made, "RGBA").text(at, "(c) Darkroom", fill=(255, 255, 255, 160), font_size=made.width // 14)
    return made


def framed(picture: Image.Image, colour: str) -> Image.Image:
    return ImageOps.expand(picture, round(picture.width * 0.05), colour)


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG at quality 30": lambda p: p,  # thumb() knows
    "half the size": lambda p: p.resize((p.width // 2, p.height // 2)),
    "25 % brighter": lambda p: ImageEnhance.Brightness(p).enhance(1.25),
    "25 % darker": lambda p: ImageEnhance.Brightness(p).enhance(0.75),
    "25 % more contrast": lambda p: ImageEnhance.Contrast(p).enhance(1.25),
    "grey": lambda p: p.convert("L").convert("RGB"),
    "watermark": marked,
    "white frame": lambda p: framed(p, "white"),
    "black frame": lambda p: framed(p, "black"),
    "turned by 1 degree": lambda p: turned(p, 1),
    "turned by -1 degree": lambda p: turned(p, -1),
    "5 % off all around": lambda p: trimmed(p, 0.05, 0.05, 0.05, 0.05),
    "5 % off the left": lambda p: trimmed(p, 0.05, 0, 0, 0),
    "5 % off the top": lambda p: trimmed(p, 0, 0.05, 0, 0),
    "5 % off the right": lambda p: trimmed(p, 0, 0, 0.05, 0),
    "5 % off the bottom": lambda p: trimmed(p, 0, 0, 0, 0.05),
    "5 % off two sides": lambda p: trimmed(p, 0.05, 0.05, 0, 0),
}


def prints_of(picture: Image.Image, quality: int = 80) -> Fingerprints:
    """Returns the fingerprints of the picture's thumb, as the resizer makes it."""
    thumb, body = picture.copy(), io.BytesIO()
    thumb.thumbnail((400, 400), Image.Resampling.LANCZOS)
    thumb.save(body, "JPEG", quality=quality)
    header, (pixels,) = answer({}, body.getvalue())
    return fingerprints(Image.frombytes("L", (header["width_px"], header["height_px"]), pixels))


def prints_of_photo(path: Path) -> tuple[Fingerprints, dict[str, Fingerprints]]:
    """Returns the fingerprints of a photo and of each of its changed copies."""
    with Image.open(path) as opened:
        photo = ImageOps.exif_transpose(opened).convert("RGB")
    photo.thumbnail((WIDTH_PX, WIDTH_PX))
    copies = {
        name: prints_of(change(photo), 30 if name == "JPEG at quality 30" else 80) for name, change in CHANGES.items()
    }
    return prints_of(photo), copies


def is_candidate(asked: Fingerprints, noted: Fingerprints) -> bool:
    """Says whether the pair passes the first test: a band in common and few differing bits."""
    keys = {band for hashed in noted.noted for band in enumerate(bands(hashed))}
    shared = any(band in keys for hashed in asked.asked for band in enumerate(bands(hashed)))
    return shared and differing_bits(asked.asked, noted.noted) is not None


def is_found(pair: tuple[Fingerprints, Fingerprints]) -> bool:
    return is_candidate(*pair) and likeness(pair[0].sketch, pair[1].sketch).is_alike


def main() -> None:
    paths = sorted(path for path in Path(sys.argv[1]).rglob("*") if path.suffix.lower() in KINDS)
    with ProcessPoolExecutor() as pool:
        photos = list(pool.map(prints_of_photo, paths))
        print(f"{len(photos)} photos\n\n| change | found |\n|---|---|")
        right, asked = 0, 0
        for name in CHANGES:
            pairs = [(copies[name], photo) for photo, copies in photos]
            found = sum(pool.map(is_found, pairs + [(noted, copy) for copy, noted in pairs], chunksize=8))
            right, asked = right + found, asked + 2 * len(pairs)
            print(f"| {name} | {found} of {2 * len(pairs)}, {found / len(pairs) / 2:.1%} |")
        pairs = list(itertools.permutations([photo for photo, _ in photos], 2))
        first = sum(pool.map(is_candidate, *zip(*pairs, strict=True), chunksize=64))
        taken = [pair for pair, found in zip(pairs, pool.map(is_found, pairs, chunksize=64), strict=True) if found]
    of_photo = {id(photo): path.name for (photo, _), path in zip(photos, paths, strict=True)}
    print(f"\nRecall {right / asked:.1%}. Of {len(pairs)} pairs of different photos {first} passed the first test and")
    print(f"{len(taken)} both; precision {right / (right + len(taken)):.1%}.")
    for one, other in taken:
        print(f"- {of_photo[id(one)]} reported as a copy of {of_photo[id(other)]}")
    _print_time(photos[0][0], photos[-1][0])


def _print_time(one: Fingerprints, other: Fingerprints) -> None:
    started = time.process_time()
    for _ in range(20):
        likeness(one.sketch, other.sketch)
    print(f"\nComparing two sketches takes {(time.process_time() - started) / 20 * 1000:.0f} ms of CPU time.")


if __name__ == "__main__":
    main()
