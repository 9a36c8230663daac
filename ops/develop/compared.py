"""Compares a rendering with Chromium's picture of the same bytes."""

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops, ImageStat

from ops.develop.chromium import Browser, Shown
from ops.develop.corpus_worker import LOSSLESS
from ops.develop.outcome import Result
from shared.media import type_of

# The number of blocks per side whose means are compared. Finer detail depends on the resampler.
_BLOCKS = 24
# Differences up to this many levels of 255 are rounding and JPEG.
WITHIN_LEVELS = 4


@dataclass(frozen=True, slots=True)
class Compared:
    """One file: Chromium's picture as PNG (empty if there is none), and the differences in words."""

    path: str
    shown: bytes
    differences: tuple[str, ...]


def compare(result: Result, browser: Browser) -> Compared:
    """Shows the file of `result` in the browser and lists the differences."""
    path = Path(result.path)
    shown = browser.show(path.read_bytes(), type_of(path.name) or "application/octet-stream")
    if shown is None:
        return Compared(result.path, b"", ("only Darkroom shows it",) if result.pictures else ())
    body = io.BytesIO()
    shown.image.save(body, "PNG")
    if not result.pictures:
        return Compared(result.path, body.getvalue(), (f"only the browser shows it ({result.code or result.outcome})",))
    return Compared(result.path, body.getvalue(), tuple(_differences(result, shown)))


def _differences(result: Result, shown: Shown) -> list[str]:
    found = []
    ours, theirs = (result.width_px, result.height_px), (shown.width_px, shown.height_px)
    if ours != theirs:
        what = "orientation" if ours == theirs[::-1] else "size"
        found.append(f"{what}: {ours[0]} x {ours[1]}, in the browser {theirs[0]} x {theirs[1]}")
    lossless = next(picture for picture in result.pictures if picture.rendition == LOSSLESS.name)
    image = Image.open(io.BytesIO(lossless.body)).convert("RGBA")  # the first frame of an animation
    for name, pair in (
        ("colour", (_on_white(image), _on_white(shown.image))),
        ("alpha", (image.getchannel("A"), shown.image.getchannel("A"))),
    ):
        levels, average = _levels(*pair)
        if levels > WITHIN_LEVELS:
            found.append(f"{name}: {average:.0f} levels on average, up to {levels} levels")
    return found


def _levels(left: Image.Image, right: Image.Image) -> tuple[int, float]:
    """Returns the largest difference of two block means, and the mean difference."""
    size = min(left.width, right.width, _BLOCKS), min(left.height, right.height, _BLOCKS)
    blocks = [image.resize(size, Image.Resampling.BOX) for image in (left, right)]
    found = ImageStat.Stat(ImageChops.difference(*blocks))
    return round(max(high for _, high in found.extrema)), max(found.mean)


def _on_white(image: Image.Image) -> Image.Image:
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")
