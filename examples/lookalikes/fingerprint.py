"""What a picture looks like, in 256 bits that re-encoding, resizing and a slight crop hardly change.

A difference hash (Neal Krawetz, hackerfactor.com/blog/?/archives/529-Kind-of-Like-That.html) of 16 x 16: is each cell
darker than its right neighbour? Blurred first, so that grain and the encoder's noise decide nothing.
"""

import io

from PIL import Image, ImageFilter

SIDE = 16
BITS = SIDE * SIDE
# The picture is read twice, whole and without this part of each side: a copy that was cropped is like the second.
CROP = 0.04
# Measured on photos (README.md): copies differ in at most 26 bits, the same view with the camera turned by a tenth in
# 79 and more, other photos in 115 and more.
ALIKE_BITS = 36


def fingerprints(body: bytes) -> list[int]:
    """Those of the whole picture and of its middle. Raises Pillow's errors if it is none."""
    with Image.open(io.BytesIO(body)) as picture:
        grey = picture.convert("L")
    left, upper = round(grey.width * CROP), round(grey.height * CROP)
    middle = grey.crop((left, upper, grey.width - left, grey.height - upper))
    return [_difference_hash(grey), _difference_hash(middle)]


def distance(some: list[int], others: list[int]) -> int:
    """In how many of BITS the nearest two differ; unlike pictures differ in about half."""
    return min((one ^ other).bit_count() for one in some for other in others)


def bands(fingerprint: int) -> list[int]:
    """The 16 rows of 16 bits. Alike pictures have at least one in common, others hardly ever."""
    return [fingerprint >> SIDE * row & (1 << SIDE) - 1 for row in range(SIDE)]


def _difference_hash(grey: Image.Image) -> int:
    blurred = grey.filter(ImageFilter.GaussianBlur(max(grey.size) / 40))
    cells = blurred.resize((SIDE + 1, SIDE), Image.Resampling.BOX).tobytes()
    bits = 0
    for row in range(SIDE):
        for at in range(row * (SIDE + 1), row * (SIDE + 1) + SIDE):
            bits = bits << 1 | (cells[at] > cells[at + 1])
    return bits
