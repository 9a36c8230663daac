"""The standards' formulas for colour in float, as a reference for tests. They share no code with the engine.

Linear light is in multiples of SDR white. Matrices come from the chromaticities that ITU-R and SMPTE publish.
"""

import math
from collections.abc import Callable, Sequence

type Triple = tuple[float, float, float]

# BT.2020 and Display P3 to BT.709, as ITU-R BT.2087-0 and common practice print them.
TO_SRGB: dict[int, tuple[Triple, Triple, Triple]] = {
    1: ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    9: ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083), (-0.0182, -0.1006, 1.1187)),
    12: ((1.2249, -0.2247, 0.0), (-0.0420, 1.0419, 0.0), (-0.0197, -0.0786, 1.0979)),
}
# To BT.2020 from BT.709 (ITU-R BT.2087-0) and from Display P3, and from BT.2020 itself.
TO_BT2020: dict[int, tuple[Triple, Triple, Triple]] = {
    1: ((0.6274, 0.3293, 0.0433), (0.0691, 0.9195, 0.0114), (0.0164, 0.0880, 0.8956)),
    9: ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    12: ((0.7538, 0.1986, 0.0476), (0.0457, 0.9418, 0.0125), (-0.0012, 0.0176, 0.9836)),
}
LUMINANCE: dict[int, Triple] = {
    1: (0.2126, 0.7152, 0.0722),
    9: (0.2627, 0.6780, 0.0593),
    12: (0.2290, 0.6917, 0.0793),
}


def srgb_light(value: float) -> float:
    """IEC 61966-2-1."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def pq_light(value: float) -> float:
    """SMPTE ST 2084, in multiples of 203 cd/m2."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 4096 * 128, 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    power = math.pow(value, 1 / m2)
    return 10_000 / 203 * math.pow(max(power - c1, 0) / (c2 - c3 * power), 1 / m1)


def hlg_scene(value: float) -> float:
    """ARIB STD-B67, scene light up to 1."""
    return value * value / 3 if value <= 0.5 else (math.exp((value - 0.55991073) / 0.17883277) + 0.28466892) / 12


# By the code of the transfer in ITU-T H.273: PNG's reading, with BT.1886 for the transfers of television.
LIGHT: dict[int, Callable[[float], float]] = {
    1: lambda value: value**2.4,
    4: lambda value: value**2.2,
    5: lambda value: value**2.8,
    8: lambda value: value,
    13: srgb_light,
    14: lambda value: value**2.4,
}
PQ, HLG = 16, 18


def tone_mapped(light: float, peak: float) -> float:
    """The reference white tone mapping operator: 0.5 at reference white for a peak of 1000 cd/m2 and more."""
    white = 1 - 0.5 * min(math.log2(peak) / math.log2(1000 / 203), 1)
    if light <= 1:
        return light * white
    if light >= peak:
        return 1.0
    across, up = 0.35 + 0.65 / white, 0.35 * white + 0.65
    low, high = 0.0, 1.0
    for _ in range(60):  # bisection: the curve rises steadily
        t = (low + high) / 2
        low, high = (t, high) if (1 - t) ** 2 + 2 * t * (1 - t) * across + t * t * peak < light else (low, t)
    return (1 - t) ** 2 * white + 2 * t * (1 - t) * up + t * t


def shown(values: Sequence[float], primaries: int, transfer: int, peak_nits: float = 1000) -> tuple[int, int, int]:
    """Converts values from 0 to 1 to the values from 0 to 255 that an sRGB display shows."""
    if transfer in {PQ, HLG}:
        light = [pq_light(value) if transfer == PQ else hlg_scene(value) for value in values]
        if transfer == HLG:
            luminance = sum(part * value for part, value in zip(LUMINANCE[primaries], light, strict=True))
            light = [value * luminance**0.2 * 1000 / 203 for value in light]
        wide = [sum(part * value for part, value in zip(row, light, strict=True)) for row in TO_BT2020[primaries]]
        brightest = max(*wide, 1e-12)
        light = [value * tone_mapped(brightest, peak_nits / 203) / brightest for value in light]
    else:
        light = [LIGHT[transfer](value) for value in values]
    red, green, blue = (
        srgb(sum(part * value for part, value in zip(row, light, strict=True))) for row in TO_SRGB[primaries]
    )
    return red, green, blue


def srgb(light: float) -> int:
    """Encodes light by IEC 61966-2-1, 0 to 255."""
    light = min(max(light, 0.0), 1.0)
    return round(255 * (12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055))
