"""Small ICC profiles, made here from published primaries (ICC.1:2001-04 structure): tests ship nobody's profile."""

import struct

# CIE xy of red, green, blue, and gamma as the standards give them.
DISPLAY_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), 2.2)
SRGB = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), 2.2)
ADOBE_RGB = ((0.640, 0.330), (0.210, 0.710), (0.150, 0.060), 2.2)
_D65 = (0.3127, 0.3290)
_D50 = (0.9642, 1.0, 0.8249)
_BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))

type Matrix = tuple[tuple[float, ...], ...]
type Primaries = tuple[tuple[float, float], tuple[float, float], tuple[float, float], float]


def rgb_profile(space: Primaries, name: str, black: float = 0.0) -> bytes:
    """Return a matrix profile of an RGB space with the white point D65; `black` is its darkest light (white is 1)."""
    *corners, gamma = space
    columns = [_xyz(xy) for xy in corners]
    primaries = tuple(zip(*columns, strict=True))
    white = _xyz(_D65)
    amounts = _apply(_inverse(primaries), white)
    scaled = tuple(tuple(v * a for v, a in zip(row, amounts, strict=True)) for row in primaries)
    cone_from, cone_to = _apply(_BRADFORD, white), _apply(_BRADFORD, _D50)
    diagonal = tuple(tuple(cone_to[i] / cone_from[i] if i == j else 0.0 for j in range(3)) for i in range(3))
    adapt = _times(_inverse(_BRADFORD), _times(diagonal, _BRADFORD))
    red, green, blue = zip(*_times(adapt, scaled), strict=True)
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))
    if black:
        table = [round(65_535 * (black + (1 - black) * (i / 255) ** gamma)) for i in range(256)]
        curve = b"curv" + bytes(4) + struct.pack(">I256H", 256, *table)
    return _profile(
        b"mntr",
        b"RGB ",
        b"XYZ ",
        {
            b"desc": _description(name),
            b"wtpt": _xyz_tag(_D50),
            b"rXYZ": _xyz_tag(red),
            b"gXYZ": _xyz_tag(green),
            b"bXYZ": _xyz_tag(blue),
            b"rTRC": curve,
            b"gTRC": curve,
            b"bTRC": curve,
        },
    )


def grey_profile(gamma: float) -> bytes:
    """Return a grey profile whose light is the value to the power of `gamma`."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))
    return _profile(
        b"mntr",
        b"GRAY",
        b"XYZ ",
        {b"desc": _description("Grey"), b"wtpt": _xyz_tag(_D50), b"kTRC": curve},
    )


# The shares of red, green and blue light that each ink transmits: cyan, magenta, yellow, black.
_INKS = ((0.05, 0.62, 0.86), (0.84, 0.08, 0.40), (0.97, 0.88, 0.08), (0.14, 0.14, 0.14))


def cmyk_profile(name: str = "Test CMYK") -> bytes:
    """Return a printer's profile with two grid points per ink: Lab of the sixteen corners, dull as inks on paper."""
    clut = bytearray()
    for corner in range(16):
        light = [1.0, 1.0, 1.0]
        for ink, passes in enumerate(_INKS):
            if corner >> (3 - ink) & 1:
                light = [a * b for a, b in zip(light, passes, strict=True)]
        lightness, a, b = _lab(light)
        clut += bytes((_byte(lightness * 2.55), _byte(a + 128), _byte(b + 128)))
    identity = bytes(range(256))
    matrix = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    lut = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + matrix + identity * 4 + bytes(clut) + identity * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"desc": _description(name), b"wtpt": _xyz_tag(_D50), b"A2B0": lut})


def _lab(srgb: list[float]) -> tuple[float, float, float]:
    """Return CIE Lab (D50) of gamma-coded sRGB values from 0 to 1."""
    red, green, blue = (value**2.2 for value in srgb)
    xyz = (
        0.4361 * red + 0.3851 * green + 0.1431 * blue,
        0.2225 * red + 0.7169 * green + 0.0606 * blue,
        0.0139 * red + 0.0971 * green + 0.7141 * blue,
    )
    x, y, z = (v / w for v, w in zip(xyz, _D50, strict=True))
    fx, fy, fz = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def _byte(value: float) -> int:
    return min(255, max(0, round(value)))


def _xyz(xy: tuple[float, float]) -> tuple[float, float, float]:
    x, y = xy
    return x / y, 1.0, (1 - x - y) / y


def _apply(matrix: Matrix, vector: tuple[float, ...]) -> tuple[float, float, float]:
    a, b, c = (sum(m * v for m, v in zip(row, vector, strict=True)) for row in matrix)
    return a, b, c


def _times(left: Matrix, right: Matrix) -> Matrix:
    columns = [_apply(left, column) for column in zip(*right, strict=True)]
    return tuple(zip(*columns, strict=True))


def _inverse(m: Matrix) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = m
    det = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    cofactors = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    return tuple((x / det, y / det, z / det) for x, y, z in cofactors)


def _xyz_tag(values: tuple[float, ...]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(v * 65536) for v in values))


def _description(name: str) -> bytes:
    text = name.encode("ascii") + b"\0"
    return b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(12 + 67)


def _profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    offset = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for signature, tag in tags.items():
        padded = tag + bytes(-len(tag) % 4)
        table += struct.pack(">4sII", signature, offset + len(body), len(tag))
        body += padded
    header = struct.pack(
        ">I4sI4s4s4s6H4s4sIIIIII3i",
        offset + len(body), b"lcms", 0x02100000, kind, space, connection, 2026, 1, 1, 0, 0, 0, b"acsp",
        b"\0\0\0\0", 0, 0, 0, 0, 0, 0, *(round(v * 65536) for v in _D50),
    )  # fmt: skip
    return header.ljust(128, b"\0") + table + body
