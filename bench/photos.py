"""The photos of the bench: the files of a folder, or generated photo-like pictures with grain."""

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

_READ = {".jpg", ".jpeg", ".png", ".webp", ".avif", ".heic", ".heif"}
_LARGE = (8000, 6000)
_GRAIN = 3.0


class Photo(NamedTuple):
    """One file; `label` has its kind and megapixels."""

    label: str
    path: Path
    data: bytes


def photos(folder: Path | None, scratch: Path) -> list[Photo]:
    """Returns the photos in `folder`, or generated ones in `scratch`; makes a 48 MP JPEG if none exists.

    Omits pictures in CMYK or with alpha, because the candidates make different JPEGs from them.
    """
    if folder is None:
        _make_all(scratch)
    files = [path for path in sorted((folder or scratch).iterdir()) if path.suffix.lower() in _READ]
    found = [photo for photo in map(_labelled, files) if photo]
    jpegs = [photo for photo in found if photo.label.startswith("JPEG")]
    if jpegs and not any("48 MP" in photo.label for photo in jpegs):
        path = scratch / "made-48.jpg"
        with Image.open(max(jpegs, key=lambda photo: len(photo.data)).path) as image:
            _with_grain(image.convert("RGB").resize(_LARGE, Image.Resampling.BICUBIC)).save(path, quality=88)
        found += filter(None, [_labelled(path)])
    return sorted(found, key=lambda photo: (photo.label, photo.path.name))


def _labelled(path: Path) -> Photo | None:
    data = path.read_bytes()
    if path.suffix.lower() in {".heic", ".heif"}:
        import pi_heif

        pi_heif.register_heif_opener()
    Image.MAX_IMAGE_PIXELS = None
    with Image.open(io.BytesIO(data)) as image:
        kind = image.format or ""
        kind = "progressive JPEG" if image.info.get("progressive") else {"MPO": "JPEG", "HEIF": "HEIC"}.get(kind, kind)
        if image.mode in {"CMYK", "RGBA"}:
            return None
        return Photo(f"{kind} {round(image.width * image.height / 1e6)} MP", path, data)


def _make_all(scratch: Path) -> None:
    large = photo_like(6000, 4000)
    small = large.resize((4000, 3000), Image.Resampling.LANCZOS)
    large.save(scratch / "24.jpg", quality=90)
    large.save(scratch / "24-progressive.jpg", quality=90, progressive=True)
    small.save(scratch / "12.jpg", quality=90)
    small.save(scratch / "12.png", compress_level=6)
    small.save(scratch / "12.webp", quality=85, method=2)
    small.save(scratch / "12.avif", quality=75, speed=9)


def photo_like(width: int, height: int) -> Image.Image:
    """Draws a picture with a natural spectrum (each octave half as strong), hard edges, and a sensor's grain."""
    random = np.random.default_rng(2016)
    picture = np.zeros((height, width, 3), np.float32)
    for octave in range(1, 11):
        side = 2**octave
        noise = Image.fromarray(random.integers(0, 256, (side, side, 3), np.uint8))
        spread = np.asarray(noise.resize((width, height), Image.Resampling.BICUBIC), np.float32)
        picture += (spread - 128) / 1.6**octave
    rows, columns = np.mgrid[0:height, 0:width]
    for _ in range(60):
        x, y, radius = random.integers(0, width), random.integers(0, height), random.integers(20, width // 8)
        inside = (columns - x) ** 2 + (rows - y) ** 2 < radius**2
        picture[inside] += random.normal(0, 25, 3).astype(np.float32)
    return _with_grain(Image.fromarray(np.clip(picture + 120, 0, 255).astype(np.uint8)))


def _with_grain(image: Image.Image) -> Image.Image:
    random = np.random.default_rng(48)
    grain = random.normal(0, _GRAIN, (image.height, image.width, 1)).astype(np.float32)
    return Image.fromarray(np.clip(np.asarray(image, np.float32) + grain, 0, 255).astype(np.uint8))
