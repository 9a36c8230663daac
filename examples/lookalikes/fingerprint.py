"""Fingerprints of a picture: 256 bits that re-encoding, resizing and a slight crop hardly change.

A difference hash (Neal Krawetz, hackerfactor.com/blog/?/archives/529-Kind-of-Like-That.html) of 16 x 16: is each cell
darker than its right neighbour? Blurred first, so that grain and the encoder's noise decide nothing.
"""

import io
from dataclasses import dataclass

from PIL import Image, ImageFilter

SIDE = 16
BITS = SIDE * SIDE
# A picture is noted whole and without this part of each side: a copy that was cropped is like the second.
CROP = 0.04
# It is looked for without this part of one side, too: then it is like a picture that was cropped there before.
SIDE_CROP = 0.05
# Measured on photos (README.md): copies differ in at most 27 bits, the same view with the camera turned by a tenth in
# 75 and more, other photos in 102 and more.
ALIKE_BITS = 36
# Where little of a picture differs from its neighbourhood (drawings, text on white) few bits are set, and any two are
# near each other; at most this share of those that are set may differ.
ALIKE_SHARE = 1 / 3


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """`noted` are stored for later pictures, `asked` are compared with those of earlier pictures."""

    noted: list[int]
    asked: list[int]


def fingerprints(body: bytes) -> Fingerprints:
    """A picture's. Raises Pillow's errors if it is none."""
    with Image.open(io.BytesIO(body)) as picture:
        grey = picture.convert("L")
    noted = [_without(grey, 0, 0, 0, 0), _without(grey, CROP, CROP, CROP, CROP)]
    sides = [[SIDE_CROP * (side == cut) for side in range(4)] for cut in range(4)]
    return Fingerprints(noted, noted + [_without(grey, *cut) for cut in sides])


def distance(asked: list[int], noted: list[int]) -> int:
    """In how many of BITS the nearest two differ; unlike pictures differ in about half."""
    return min((one ^ other).bit_count() for one in asked for other in noted)


def differing_bits(asked: list[int], noted: list[int]) -> int | None:
    """In how many of BITS alike pictures differ; None if they are not alike."""
    pairs = [(one, other) for one in asked for other in noted]
    return min(((one ^ other).bit_count() for one, other in pairs if _alike(one, other)), default=None)


def _alike(one: int, other: int) -> bool:
    told = min(min(bits, BITS - bits) for bits in (one.bit_count(), other.bit_count()))
    return (one ^ other).bit_count() <= min(ALIKE_BITS, told * ALIKE_SHARE)


def bands(fingerprint: int) -> list[int]:
    """The 16 rows of 16 bits. Alike pictures have at least one in common, others hardly ever."""
    return [fingerprint >> SIDE * row & (1 << SIDE) - 1 for row in range(SIDE)]


def _without(grey: Image.Image, left: float, upper: float, right: float, lower: float) -> int:
    """The hash of a picture without these parts of its sides."""
    width, height = grey.size
    box = round(width * left), round(height * upper), round(width * (1 - right)), round(height * (1 - lower))
    return _difference_hash(grey.crop(box))


def _difference_hash(grey: Image.Image) -> int:
    blurred = grey.filter(ImageFilter.GaussianBlur(max(grey.size) / 40))
    cells = blurred.resize((SIDE + 1, SIDE), Image.Resampling.BOX).tobytes()
    bits = 0
    for row in range(SIDE):
        for at in range(row * (SIDE + 1), row * (SIDE + 1) + SIDE):
            bits = bits << 1 | (cells[at] > cells[at + 1])
    return bits
