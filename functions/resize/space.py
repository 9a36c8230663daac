"""The colour space of a file's pixels. A decoder reads it, and colour.py converts it to sRGB."""

from dataclasses import dataclass
from typing import NamedTuple

# Transfer characteristics of HDR (ITU-T H.273, table 3).
PQ, HLG = 16, 18
# The assumed peak of PQ content without a declared one, as in browsers.
DEFAULT_PEAK_NITS = 1000.0


class Chromaticities(NamedTuple):
    """CIE xy of white, red, green and blue."""

    white: tuple[float, float]
    red: tuple[float, float]
    green: tuple[float, float]
    blue: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Profile:
    """An ICC profile."""

    icc: bytes


@dataclass(frozen=True, slots=True)
class Coded:
    """Code points of ITU-T H.273 (CICP), for RGB: AVIF's and HEIF's `nclx`, PNG's `cICP`.

    `narrow` says that 16 is black and 235 is white. `peak_nits` is the brightest light in PQ content.
    """

    primaries: int
    transfer: int
    narrow: bool = False
    peak_nits: float = DEFAULT_PEAK_NITS

    @property
    def is_hdr(self) -> bool:
        """Tells whether the values go beyond SDR white, so that they must be tone-mapped."""
        return self.transfer in {PQ, HLG}


@dataclass(frozen=True, slots=True)
class Measured:
    """The exponent that converts values to light, and chromaticities (None for sRGB's): PNG's `gAMA` and `cHRM`."""

    exponent: float
    chromaticities: Chromaticities | None


# None means sRGB, also for a picture without a declared space, as in browsers.
type Space = Profile | Coded | Measured | None
