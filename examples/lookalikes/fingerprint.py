"""Fingerprints of a picture: hashes that find candidates, and a sketch that confirms them (compare.py).

The hash is a difference hash (Neal Krawetz, hackerfactor.com/blog/?/archives/529-Kind-of-Like-That.html) of 16 x 16
cells. Each bit says whether a cell is brighter than its right neighbour. The picture is blurred first, so that grain
and the encoder's noise do not change the bits.
"""

from dataclasses import dataclass

from PIL import Image, ImageFilter

SIDE = 16
BITS = SIDE * SIDE
SKETCH_SIDE = 48
# The index stores the hash of the whole picture, and a hash without this part of each side for cropped copies.
CROP = 0.04
# The search also uses hashes without this part of one side, which resemble a copy that was cropped there.
SIDE_CROP = 0.05
# bench/results/lookalikes.md has the measurements.
ALIKE_BITS = 48
# Drawings and text on white set few bits, so they are always near. At most this share of the set bits may differ.
ALIKE_SHARE = 1 / 2
# A frame is at most this part of the picture's width or height, and its grey values differ by at most this many levels.
MAX_FRAME = 0.12
FRAME_LEVELS = 24


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Holds the hashes for the index (`noted`), the hashes to search with (`asked`), and the sketch."""

    noted: list[int]
    asked: list[int]
    sketch: bytes


def fingerprints(grey: Image.Image) -> Fingerprints:
    """Returns the fingerprints of a grey picture."""
    grey = without_frame(grey)
    noted = [_without(grey, 0, 0, 0, 0), _without(grey, CROP, CROP, CROP, CROP)]
    sides = [[SIDE_CROP * (side == cut) for side in range(4)] for cut in range(4)]
    sketch = grey.resize((SKETCH_SIDE, SKETCH_SIDE), Image.Resampling.BOX).tobytes()
    return Fingerprints(noted, noted + [_without(grey, *cut) for cut in sides], sketch)


def distance(asked: list[int], noted: list[int]) -> int:
    """Returns the number of bits in which the nearest two hashes differ. Unlike pictures differ in about half."""
    return min((one ^ other).bit_count() for one in asked for other in noted)


def differing_bits(asked: list[int], noted: list[int]) -> int | None:
    """Returns the number of bits in which two candidates differ, or None if they are not candidates."""
    pairs = [(one, other) for one in asked for other in noted]
    return min(((one ^ other).bit_count() for one, other in pairs if _alike(one, other)), default=None)


def bands(fingerprint: int) -> list[int]:
    """Returns the 16 rows of 16 bits. Alike pictures share at least one row; other pictures rarely do."""
    return [fingerprint >> SIDE * row & (1 << SIDE) - 1 for row in range(SIDE)]


def without_frame(grey: Image.Image) -> Image.Image:
    """Returns the picture without a frame of one colour around it; without a frame on all sides, the picture itself."""
    width, height = grey.size
    colour = int.from_bytes(grey.crop((0, 0, 1, 1)).tobytes())

    def is_frame(left: int, upper: int, right: int, lower: int) -> bool:
        darkest, brightest = grey.crop((left, upper, right, lower)).getextrema()
        assert isinstance(darkest, (int, float))
        return brightest - darkest <= FRAME_LEVELS and abs(darkest - colour) <= FRAME_LEVELS  # type: ignore[operator]

    def depth(length: int, lines: list[tuple[int, int, int, int]]) -> int:
        """Counts the lines of the frame on one side. Returns 0 if there are too many lines for a frame."""
        limit = round(length * MAX_FRAME)
        found = next((number for number, line in enumerate(lines[:limit]) if not is_frame(*line)), limit)
        return 0 if found == limit else found

    rows = [(0, y, width, y + 1) for y in range(height)]
    columns = [(x, 0, x + 1, height) for x in range(width)]
    upper, lower = depth(height, rows), depth(height, rows[::-1])
    left, right = depth(width, columns), depth(width, columns[::-1])
    if not min(upper, lower, left, right):
        return grey
    return grey.crop((left + 1, upper + 1, width - right - 1, height - lower - 1))  # the edge itself is blurred


def _alike(one: int, other: int) -> bool:
    told = min(min(bits, BITS - bits) for bits in (one.bit_count(), other.bit_count()))
    return (one ^ other).bit_count() <= min(ALIKE_BITS, told * ALIKE_SHARE)


def _without(grey: Image.Image, left: float, upper: float, right: float, lower: float) -> int:
    """Returns the hash of a picture without these parts of its sides."""
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
