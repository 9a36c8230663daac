"""Compares two sketches in the second test: laid over each other, they must have the same shapes and details.

Smooth photos (a planet, a sunset) have similar hashes, because a hash sees only where a picture gets brighter. Their
details or their shapes differ. Both are compared by correlation, so brightness, contrast and colour do not matter. A
crop or a small turn moves the details, so the best position is searched for.
"""

import math
from typing import NamedTuple

from PIL import Image, ImageChops, ImageFilter

from examples.lookalikes.fingerprint import SKETCH_SIDE

# README.md has the measurements, with copies of photos and with other photos.
ALIKE_DETAILS = 0.57
ALIKE_SHAPES = 0.65
# Only the inner part is compared, because both sketches cover it in every position.
_INNER = (5, 5, SKETCH_SIDE - 5, SKETCH_SIDE - 5)
_MAX_SHIFT = 0.09

# A position: the parts cut off at the left, the right, the top and the bottom, and a rotation in radians.
type Position = tuple[float, ...]

_CUT = 0.05
_STARTS: list[Position] = [
    (0, 0, 0, 0, 0),
    *[(cut, cut, cut, cut, 0) for cut in (_CUT, -_CUT)],
    *[tuple(cut * (side == at) for at in range(5)) for side in range(4) for cut in (_CUT, -_CUT)],
    *[(cut, 0, cut, 0, 0) for cut in (_CUT, -_CUT)],
    *[(0, cut, 0, cut, 0) for cut in (_CUT, -_CUT)],
]
_STEPS: list[Position] = [
    *[tuple(float(side == at) for at in range(5)) for side in range(5)],
    (1, -1, 0, 0, 0),
    (0, 0, 1, -1, 0),
    (1, 1, 1, 1, 0),
]
_STEP_SIZES = (0.02, 0.02, 0.01, 0.01, 0.005)


class Likeness(NamedTuple):
    """Holds two correlations in the best position: 1 for the same picture, about 0 for others."""

    details: float
    shapes: float

    @property
    def is_alike(self) -> bool:
        return self.details >= ALIKE_DETAILS and self.shapes >= ALIKE_SHAPES


def likeness(asked: bytes, noted: bytes) -> Likeness:
    """Compares two sketches. The search for the best position ends as soon as the details are alike."""
    one, other = (Image.frombytes("L", (SKETCH_SIDE, SKETCH_SIDE), sketch) for sketch in (asked, noted))
    wanted = _details(other)

    def at(position: Position) -> float:
        return math.sumprod(_details(_moved(one, position)), wanted)

    best, position = max((at(start), start) for start in _STARTS)
    for size in _STEP_SIZES:
        for step in _STEPS:
            for sign in (size, -size):
                tried = tuple(a + sign * b for a, b in zip(position, step, strict=True))
                if best < ALIKE_DETAILS and max(map(abs, tried)) <= _MAX_SHIFT and (found := at(tried)) > best:
                    best, position = found, tried
    return Likeness(best, math.sumprod(_shapes(_moved(one, position)), _shapes(other)))


def _details(sketch: Image.Image) -> list[float]:
    """Returns the sketch without its large shapes, as a vector."""
    fine, coarse = (sketch.filter(ImageFilter.GaussianBlur(radius)) for radius in (0.8, 4))
    return _vector(ImageChops.subtract(fine, coarse, 1, 128))


def _shapes(sketch: Image.Image) -> list[float]:
    return _vector(sketch.filter(ImageFilter.GaussianBlur(0.8)))


def _vector(sketch: Image.Image) -> list[float]:
    """Returns the inner pixels, centred on zero and of length one. An even surface is all zeros."""
    values = sketch.crop(_INNER).tobytes()
    mean = sum(values) / len(values)
    centred = [value - mean for value in values]
    length = math.hypot(*centred)
    return [value / length for value in centred] if length else centred


def _moved(sketch: Image.Image, position: Position) -> Image.Image:
    left, right, upper, lower, turn = position
    wide, high, middle = 1 - left - right, 1 - upper - lower, SKETCH_SIDE / 2
    cos, sin = math.cos(turn), math.sin(turn)
    matrix = (
        wide * cos,
        -wide * sin,
        left * SKETCH_SIDE + wide * (middle - cos * middle + sin * middle),
        high * sin,
        high * cos,
        upper * SKETCH_SIDE + high * (middle - sin * middle - cos * middle),
    )
    size = (SKETCH_SIDE, SKETCH_SIDE)
    return sketch.transform(size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
