"""Chromaticities of standards, and the matrix from an RGB space to CIE XYZ (SMPTE RP 177)."""

from functions.resize.space import Chromaticities

type Vector = tuple[float, float, float]
type Matrix = tuple[Vector, Vector, Vector]

_D65 = (0.3127, 0.3290)
_C = (0.310, 0.316)
SRGB = Chromaticities(_D65, (0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
BT2020 = Chromaticities(_D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
_SMPTE_170M = Chromaticities(_D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070))
# ITU-T H.273, table 2. A code that is missing here counts as sRGB.
BY_CODE = {
    1: SRGB,
    4: Chromaticities(_C, (0.67, 0.33), (0.21, 0.71), (0.14, 0.08)),
    5: Chromaticities(_D65, (0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: _SMPTE_170M,
    7: _SMPTE_170M,
    8: Chromaticities(_C, (0.681, 0.319), (0.243, 0.692), (0.145, 0.049)),
    9: BT2020,
    10: Chromaticities((1 / 3, 1 / 3), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)),
    11: Chromaticities((0.314, 0.351), (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    12: Chromaticities(_D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    22: Chromaticities(_D65, (0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),
}
# CIE XYZ of the white to which ICC profiles refer (ICC.1:2022, 6.3.4.3), and the Bradford cone response.
D50: Vector = (0.9642, 1.0, 0.8249)
_BRADFORD: Matrix = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))


def to_xyz(space: Chromaticities, white: Vector) -> Matrix:
    """Returns the matrix from linear RGB to CIE XYZ, adapted to `white`. Raises ArithmeticError if there is none."""
    corners = [(x, y, 1 - x - y) for x, y in (space.red, space.green, space.blue)]
    primaries = _transposed((corners[0], corners[1], corners[2]))
    white_x, white_y = space.white
    own_white = (white_x / white_y, 1.0, (1 - white_x - white_y) / white_y)
    amounts = apply(inverse(primaries), own_white)
    scaled = times(primaries, _diagonal(amounts))
    cones, wanted = apply(_BRADFORD, own_white), apply(_BRADFORD, white)
    ratios = (wanted[0] / cones[0], wanted[1] / cones[1], wanted[2] / cones[2])
    return times(times(inverse(_BRADFORD), times(_diagonal(ratios), _BRADFORD)), scaled)


def apply(matrix: Matrix, vector: Vector) -> Vector:
    """Multiplies a matrix by a column."""
    a, b, c = vector
    x, y, z = (row[0] * a + row[1] * b + row[2] * c for row in matrix)
    return x, y, z


def times(left: Matrix, right: Matrix) -> Matrix:
    """Multiplies two matrices."""
    columns = _transposed(right)
    return _transposed((apply(left, columns[0]), apply(left, columns[1]), apply(left, columns[2])))


def inverse(matrix: Matrix) -> Matrix:
    """Inverts a matrix by its adjugate. Raises ZeroDivisionError if it is singular."""
    (a, b, c), (d, e, f), (g, h, i) = matrix
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    k = 1 / determinant
    return (
        ((e * i - f * h) * k, (c * h - b * i) * k, (b * f - c * e) * k),
        ((f * g - d * i) * k, (a * i - c * g) * k, (c * d - a * f) * k),
        ((d * h - e * g) * k, (b * g - a * h) * k, (a * e - b * d) * k),
    )


def _diagonal(vector: Vector) -> Matrix:
    return (vector[0], 0.0, 0.0), (0.0, vector[1], 0.0), (0.0, 0.0, vector[2])


def _transposed(matrix: Matrix) -> Matrix:
    first, second, third = zip(*matrix, strict=True)
    return first, second, third
