"""ICC profiles for spaces that a file names without one, so that littlecms converts them all (ICC.1:2022)."""

import struct

from functions.resize.primaries import D50, to_xyz
from functions.resize.space import Chromaticities

# Parameters g, a, b, c, d of a parametric curve of type 3: light is (a x + b)^g from d on, and c x below (table 68).
type Curve = tuple[float, float, float, float, float]

SRGB_CURVE: Curve = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def power(exponent: float) -> Curve:
    """Returns the curve of a plain exponent."""
    return exponent, 1.0, 0.0, 0.0, 0.0


# Displays turn video of BT.709 and its kin into light by this exponent (ITU-R BT.1886). So do browsers.
_VIDEO = power(2.4)
# ITU-T H.273, table 3. A code that is missing here counts as sRGB.
CURVES: dict[int, Curve] = {
    1: _VIDEO,
    4: power(2.2),
    5: power(2.8),
    6: _VIDEO,
    7: (1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4.0, 0.0913),
    8: power(1.0),
    11: _VIDEO,
    13: SRGB_CURVE,
    14: _VIDEO,
    15: _VIDEO,
    17: (2.6, (52.37 / 48) ** (1 / 2.6), 0.0, 0.0, 0.0),
}


def matrix_profile(chromaticities: Chromaticities, curve: Curve) -> bytes:
    """Returns the profile of an RGB space. Raises ArithmeticError if the chromaticities make none."""
    red, green, blue = zip(*to_xyz(chromaticities, D50), strict=True)
    parametric = b"para" + struct.pack(">IHH", 0, 3, 0) + b"".join(_fixed(value) for value in curve)
    tags = {b"wtpt": _xyz(D50), b"rXYZ": _xyz(red), b"gXYZ": _xyz(green), b"bXYZ": _xyz(blue)}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), parametric)
    offset, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for signature, value in tags.items():
        table += struct.pack(">4sII", signature, offset + len(body), len(value))
        body += value
    header = struct.pack(">I4sI4s4s4s", offset + len(body), bytes(4), 0x04400000, b"mntr", b"RGB ", b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28) + b"".join(_fixed(value) for value in D50)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(_fixed(value) for value in values)


def _fixed(value: float) -> bytes:
    """Encodes s15Fixed16Number. Raises OverflowError if the value is out of its range."""
    try:
        return struct.pack(">i", round(value * 65_536))
    except struct.error as error:
        raise OverflowError(f"{value} is out of range") from error
