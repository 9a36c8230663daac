"""Tone mapping of PQ and HLG to SDR (ITU-R BT.2100, BT.2408), by tables in which Pillow interpolates."""

import functools
import itertools
import math

from PIL import Image, ImageChops, ImageFilter

from functions.resize.primaries import BY_CODE, D50, SRGB, to_xyz
from functions.resize.space import DEFAULT_PEAK_NITS, Coded

PQ, HLG = 16, 18
# Reference white (BT.2408, 2.1), the light that PQ's highest value stands for, and HLG's reference display.
_WHITE_NITS, _PQ_NITS, _HLG_NITS = 203.0, 10_000.0, 1000.0
_HLG_GAMMA = 1.2
# The straight part of the curve above reference white, before it bends towards the peak.
_BEND = 0.65
# Tables continue above white, because Pillow interpolates between values on both sides. They hold values below 2.
_TABLE_END = 1.9
# Values per side of a table. Between two of 33 values the result is nearly linear.
_SIDE = 33


def tone_map(image: Image.Image, space: Coded) -> Image.Image:
    """Maps RGB or RGBA values in PQ or HLG to SDR: the same primaries, with sRGB's curve."""
    parts = image.split()
    red, green, blue, *alpha = parts
    brightest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    luminance = brightest
    if space.transfer == HLG:
        luminance = Image.merge("RGB", (red, green, blue)).filter(_luminances(space)).getchannel("R")
    table = _table(space)
    mapped = [Image.merge("RGB", (part, brightest, luminance)).filter(table).getchannel("R") for part in parts[:3]]
    return Image.merge(image.mode, (*mapped, *alpha))


@functools.lru_cache(maxsize=4)
def _table(space: Coded) -> ImageFilter.Color3DLUT:
    """Tabulates the result by a part's value, the value of the pixel's brightest part, and, for HLG, its luminance.

    A table by red, green and blue would interpolate greys between colours, and they would not stay neutral.
    """
    lights = [_light(index / (_SIDE - 1), space) for index in range(_SIDE)]
    hlg = space.transfer == HLG
    peak = (_HLG_NITS if hlg else space.peak_nits) / _WHITE_NITS
    # PQ's light does not depend on the luminance. HLG's does (BT.2100, table 5, OOTF).
    factors = [light ** (_HLG_GAMMA - 1) * _HLG_NITS / _WHITE_NITS for light in lights] if hlg else [1.0, 1.0]
    table: list[float] = []
    for factor, brightest in itertools.product(factors, lights):
        scale = factor * _compression(brightest * factor, peak)
        table.extend(value for light in lights for value in (min(encoded(light * scale), _TABLE_END), 0.0, 0.0))
    return ImageFilter.Color3DLUT((_SIDE, _SIDE, len(factors)), table)


@functools.lru_cache(maxsize=4)
def _luminances(space: Coded) -> ImageFilter.Color3DLUT:
    """Tabulates the luminance of HLG's scene light by red, green and blue, encoded as HLG."""
    weights = to_xyz(BY_CODE.get(space.primaries, SRGB), D50)[1]
    lights = [_light(index / (_SIDE - 1), space) for index in range(_SIDE)]
    table: list[float] = []
    for blue, green, red in itertools.product(lights, repeat=3):  # red varies fastest in Pillow's table
        luminance = weights[0] * red + weights[1] * green + weights[2] * blue
        table.extend((_hlg(luminance), 0.0, 0.0))
    return ImageFilter.Color3DLUT(_SIDE, table)


def _hlg(light: float) -> float:
    """Encodes scene light as HLG (BT.2100, table 5)."""
    return math.sqrt(3 * light) if light <= 1 / 12 else 0.17883277 * math.log(12 * light - 0.28466892) + 0.55991073


def _light(value: float, space: Coded) -> float:
    """Converts a value to light: PQ's to multiples of reference white, HLG's to scene light up to 1."""
    if space.narrow:
        value = min(max((value * 255 - 16) / 219, 0.0), 1.0)
    if space.transfer == HLG:  # BT.2100, table 5
        return value**2 / 3 if value <= 0.5 else (math.exp((value - 0.55991073) / 0.17883277) + 0.28466892) / 12
    power = math.pow(value, 1 / 78.84375)  # BT.2100, table 4
    nits = _PQ_NITS * math.pow(max(power - 0.8359375, 0.0) / (18.8515625 - 18.6875 * power), 1 / 0.1593017578125)
    return nits / _WHITE_NITS


def _compression(brightest: float, peak: float) -> float:
    """Returns the factor for a colour whose brightest part is `brightest`, in multiples of reference white.

    This is the Reference White Tone Mapping Operator of ISO 22028-5 for a display without headroom, as in Chromium. Up
    to reference white one factor multiplies all light, so SDR content keeps its contrast. From there a quadratic Bezier
    curve leads to `peak`, which becomes white. One factor for all parts keeps the hue.
    """
    peak = max(peak, 1.0)
    white = 1 - 0.5 * min(math.log2(peak) / math.log2(DEFAULT_PEAK_NITS / _WHITE_NITS), 1.0)
    if brightest <= 1:
        return white
    if brightest >= peak:
        return 1 / brightest
    middle = 1 + _BEND * (1 / white - 1), white + _BEND * (1 - white)
    curved, linear = 1 - 2 * middle[0] + peak, 2 * (middle[0] - 1)
    missing = brightest - 1
    # The root of curved t^2 + linear t = missing, in the form that also holds where `curved` is near 0.
    t = 2 * missing / (linear + math.sqrt(linear**2 + 4 * curved * missing))
    return ((1 - t) ** 2 * white + 2 * t * (1 - t) * middle[1] + t**2) / brightest


def encoded(light: float) -> float:
    """Encodes light as sRGB (IEC 61966-2-1), and continues above white."""
    return 12.92 * light if light <= 0.0031308 else 1.055 * math.pow(light, 1 / 2.4) - 0.055
