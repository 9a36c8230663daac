"""Tone mapping of PQ and HLG to sRGB (ITU-R BT.2100, BT.2408), in linear light and in float."""

import functools
import math
from collections.abc import Callable
from typing import Any

from PIL import Image, ImageMath

from functions.resize.deep import Deep
from functions.resize.primaries import BT2020, BY_CODE, D50, SRGB, inverse, times, to_xyz
from functions.resize.space import DEFAULT_PEAK_NITS, HLG, Chromaticities, Coded

# Reference white (BT.2408, 2.1), the light that PQ's highest value stands for, and HLG's reference display.
_WHITE_NITS, _PQ_NITS, _HLG_NITS = 203.0, 10_000.0, 1000.0
_HLG_GAMMA = 1.2
# The straight part of the curve above reference white, before it bends towards the peak.
_BEND = 0.65
# Light from 0 to 1 is rounded to one of this many steps. A table has the value from 0 to 255 for each step.
_STEPS = 65_535
# Pictures are mapped in strips of about this many pixels, because a strip needs a dozen images of 32 bits a pixel.
_STRIP_PIXELS = 500_000

# An image inside ImageMath, or a number.
type _Values = Any


def tone_map(image: Image.Image | Deep, space: Coded) -> Image.Image:
    """Maps RGB or RGBA values in PQ or HLG to sRGB."""
    if isinstance(image, Deep):
        planes, white, alpha = (image.red, image.green, image.blue), image.white, []
    else:
        red, green, blue, *alpha = image.split()
        planes, white = (red, green, blue), 255
    size = image.width, image.height
    mapped = Image.new("RGB", size)
    step = max(1, _STRIP_PIXELS // size[0])
    for upper in range(0, size[1], step):
        part = (0, upper, size[0], min(upper + step, size[1]))
        mapped.paste(_mapped([plane.crop(part) for plane in planes], white, space), part)
    return Image.merge("RGBA", (*mapped.split(), *alpha)) if alpha else mapped


def _mapped(planes: list[Image.Image], white: int, space: Coded) -> Image.Image:
    primaries = BY_CODE.get(space.primaries, SRGB)
    wide = [_computed(lambda v: _signal(v, white, space.narrow), plane.convert("F")) for plane in planes]
    light = _hlg_light(wide, primaries) if space.transfer == HLG else [_computed(_pq_light, plane) for plane in wide]
    light = _in_primaries(light, primaries, BT2020)
    peak = (_HLG_NITS if space.transfer == HLG else space.peak_nits) / _WHITE_NITS
    factor = ImageMath.lambda_eval(
        lambda args: _compression(args["max"](args["max"](args["r"], args["g"]), args["b"]), peak, args["max"]),
        **dict(zip("rgb", light, strict=True)),
    )
    light = [ImageMath.lambda_eval(lambda args: args["v"] * args["f"], v=part, f=factor) for part in light]
    curve = _curve()
    return Image.merge(
        "RGB",
        [
            _computed(lambda v: v * _STEPS + 0.5, part).convert("I").point(curve, "L")
            for part in _in_primaries(light, BT2020, SRGB)
        ],
    )


def _computed(formula: Callable[[_Values], _Values], plane: Image.Image) -> Image.Image:
    result: Image.Image = ImageMath.lambda_eval(lambda args: formula(args["v"]), v=plane)
    return result


def _signal(value: _Values, white: int, narrow: bool) -> _Values:
    """Scales values so that black is 0 and white is 1."""
    return _clipped((value * (255 / white) - 16.0) * (1 / 219)) if narrow else value * (1 / white)


def _clipped(value: _Values) -> _Values:
    inside = (value > 0.0) * (value < 1.0)
    return value * inside + (value >= 1.0)


def _pq_light(value: _Values) -> _Values:
    """Converts PQ values to light in multiples of reference white (BT.2100, table 4)."""
    power = value ** (1 / 78.84375)
    above = (power - 0.8359375) * (power > 0.8359375)
    return (above / (power * -18.6875 + 18.8515625)) ** (1 / 0.1593017578125) * (_PQ_NITS / _WHITE_NITS)


def _hlg_light(planes: list[Image.Image], primaries: Chromaticities) -> list[Image.Image]:
    """Converts HLG values to light on HLG's reference display, in multiples of reference white (BT.2100, table 5)."""
    scene = [_computed(_hlg_scene, plane) for plane in planes]
    x, y = primaries.white
    weights = to_xyz(primaries, (x / y, 1.0, (1 - x - y) / y))[1]

    def gain(args: dict[str, _Values]) -> _Values:
        luminance = args["r"] * weights[0] + args["g"] * weights[1] + args["b"] * weights[2]
        return luminance ** (_HLG_GAMMA - 1) * (_HLG_NITS / _WHITE_NITS)

    factor = ImageMath.lambda_eval(gain, **dict(zip("rgb", scene, strict=True)))
    return [ImageMath.lambda_eval(lambda args: args["v"] * args["f"], v=part, f=factor) for part in scene]


def _hlg_scene(value: _Values) -> _Values:
    low = value * value * (1 / 3)
    high = (math.e ** ((value - 0.55991073) * (1 / 0.17883277)) + 0.28466892) * (1 / 12)
    return low * (value <= 0.5) + high * (value > 0.5)


def _compression(brightest: _Values, peak: float, largest: _Values) -> _Values:
    """Returns the factor for colours whose brightest part is `brightest`, in multiples of reference white.

    This is the Reference White Tone Mapping Operator of ISO 22028-5 for a display without headroom, as in Chromium. Up
    to reference white one factor multiplies all light, so SDR content keeps its contrast. From there a quadratic Bezier
    curve leads to `peak`, which becomes white. One factor for all parts keeps the hue.
    """
    bright = largest(brightest, 1.0)
    if peak <= 1:
        return 1.0 / bright
    white = 1 - 0.5 * min(math.log2(peak) / math.log2(DEFAULT_PEAK_NITS / _WHITE_NITS), 1.0)
    middle = 1 + _BEND * (1 / white - 1), white + _BEND * (1 - white)
    curved, linear = 1 - 2 * middle[0] + peak, 2 * (middle[0] - 1)
    missing = (bright - 1.0) * (bright < peak) + (bright >= peak) * (peak - 1)
    # The root of curved t^2 + linear t = missing, in the form that also holds where `curved` is near 0.
    t = missing * 2.0 / ((missing * (4 * curved) + linear**2) ** 0.5 + linear)
    rest = 1.0 - t
    return (rest * rest * white + t * rest * (2 * middle[1]) + t * t) / bright


def _in_primaries(light: list[Image.Image], source: Chromaticities, target: Chromaticities) -> list[Image.Image]:
    """Converts linear light. Each part is computed as differences from green, so that greys stay exactly grey."""
    if source == target:
        return light
    matrix = times(inverse(to_xyz(target, D50)), to_xyz(source, D50))
    named = dict(zip("rgb", light, strict=True))

    def part(row: tuple[float, float, float]) -> Image.Image:
        result: Image.Image = ImageMath.lambda_eval(
            lambda args: args["g"] + (args["r"] - args["g"]) * row[0] + (args["b"] - args["g"]) * row[2], **named
        )
        return result

    return [part(row) for row in matrix]


@functools.cache
def _curve() -> list[int]:
    """Returns sRGB's value for each step of light."""
    return [round(255 * encoded(step / _STEPS)) for step in range(_STEPS + 1)]


def encoded(light: float) -> float:
    """Encodes light from 0 to 1 as sRGB (IEC 61966-2-1)."""
    return 12.92 * light if light <= 0.0031308 else 1.055 * math.pow(light, 1 / 2.4) - 0.055
