"""Pictures of more than 8 bits a value: three planes, because Pillow has no colour mode of 16 bits."""

import math
from collections.abc import Callable
from typing import NamedTuple

from PIL import Image

# A plane that is reduced before resampling keeps this many pixels a side for each pixel of the largest rendition.
_MARGIN = 2


class Deep(NamedTuple):
    """Red, green and blue in the mode I;16, of one size. `white` is the highest value."""

    red: Image.Image
    green: Image.Image
    blue: Image.Image
    white: int

    @property
    def width(self) -> int:
        return self.red.width

    @property
    def height(self) -> int:
        return self.red.height

    @property
    def size(self) -> tuple[int, int]:
        return self.red.size

    def map(self, change: Callable[[Image.Image], Image.Image]) -> "Deep":
        """Returns the picture with each plane changed."""
        return Deep(change(self.red), change(self.green), change(self.blue), self.white)


def enough(full: tuple[int, int], needed: tuple[int, int]) -> tuple[int, int]:
    """Returns the size to which a picture of the size `full` may be reduced before it is resampled to `needed`."""
    scale = _MARGIN * max(needed[0] / full[0], needed[1] / full[1])
    return full if scale >= 1 else (math.ceil(full[0] * scale), math.ceil(full[1] * scale))


def from_values(values: memoryview, size: tuple[int, int], needed: tuple[int, int]) -> Deep:
    """Separates interleaved 16-bit values of red, green and blue, in this machine's byte order."""
    wide = values.cast("B").cast("H")
    smallest = enough(size, needed)

    def plane(part: int) -> Image.Image:
        one = Image.frombuffer("I;16", size, wide[part::3].tobytes(), "raw", "I;16", 0, 1)
        return one if smallest == size else one.resize(smallest, Image.Resampling.BOX)

    return Deep(plane(0), plane(1), plane(2), 65_535)
