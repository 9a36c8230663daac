"""Pictures that look a little like photos, drawn from a seed: landscapes, seas, nights and lights out of focus.

The gallery's tests and screenshots show them, so that no photo of anybody's is part of the project.
"""

import io
import itertools
import math
import random
from collections.abc import Callable

from PIL import Image, ImageChops, ImageDraw, ImageFilter

type Colour = tuple[int, int, int]
type Scene = Callable[[random.Random, int, int], Image.Image]

# Sky from zenith to horizon, then the land from far to near.
PALETTES: tuple[tuple[tuple[Colour, ...], tuple[Colour, ...]], ...] = (
    (((38, 51, 92), (143, 98, 137), (246, 164, 118), (255, 215, 160)), ((168, 108, 120), (46, 34, 56))),
    (((92, 146, 196), (168, 203, 226), (236, 240, 232)), ((136, 164, 176), (36, 66, 60))),
    (((17, 24, 52), (38, 62, 104), (92, 118, 150)), ((48, 70, 100), (8, 14, 26))),
    (((196, 216, 222), (228, 226, 214), (246, 232, 208)), ((178, 186, 180), (72, 84, 72))),
    (((120, 60, 70), (224, 112, 76), (252, 190, 106)), ((150, 70, 66), (44, 20, 34))),
    (((86, 150, 160), (160, 204, 196), (250, 236, 206)), ((118, 160, 150), (22, 58, 62))),
)


def photo(seed: int, long_px: int = 1600, *, grain: bool = True) -> Image.Image:
    """Draw picture number `seed`, always the same, with `long_px` pixels on its longer side."""
    rng = random.Random(seed)
    ratio = rng.choice((3 / 2, 3 / 2, 4 / 3, 4 / 3, 3 / 4, 2 / 3, 1, 16 / 9))
    width, height = (long_px, round(long_px / ratio)) if ratio >= 1 else (round(long_px * ratio), long_px)
    scene: Scene = (mountains, sea, dunes, lights, mountains, forest, night)[seed % 7]
    picture = scene(rng, width, height)
    return _developed(picture, rng, grain)


def jpeg(seed: int, long_px: int = 1600, *, grain: bool = True) -> bytes:
    """Return picture number `seed` as a JPEG file."""
    file = io.BytesIO()
    photo(seed, long_px, grain=grain).save(file, "JPEG", quality=88)
    return file.getvalue()


def mountains(rng: random.Random, width: int, height: int) -> Image.Image:
    """Draw ridges that grow paler with distance, under a low sun."""
    sky, (far, near) = rng.choice(PALETTES)
    picture = _sky(sky, width, height)
    _glow(picture, rng.uniform(0.2, 0.8) * width, height * rng.uniform(0.4, 0.55), min(width, height) * 0.5, sky[-1])
    for layer in range(6):
        part = layer / 5
        ridge = _ridge(rng, width, roughness=0.52, height=height * (0.2 - 0.05 * part))
        _land(picture, ridge, height * (0.52 + 0.38 * part), _mix(far, near, part), blur=2 - 2 * part)
    return picture


def dunes(rng: random.Random, width: int, height: int) -> Image.Image:
    """Draw smooth sand, lit from one side."""
    sky, _ = rng.choice(PALETTES[:2] + PALETTES[3:])
    picture = _sky(sky[:-1], width, height)
    for layer in range(5):
        part = layer / 4
        ridge = _ridge(rng, width, roughness=0.3, height=height * 0.22)
        _land(picture, ridge, height * (0.5 + 0.4 * part), _mix((244, 206, 158), (132, 66, 40), part), blur=0.6)
    return picture


def sea(rng: random.Random, width: int, height: int) -> Image.Image:
    """Draw a horizon, a sun, and its reflection on the water."""
    sky, (far, near) = rng.choice(PALETTES)
    horizon = round(height * rng.uniform(0.45, 0.6))
    picture = _sky(sky, width, height)
    sun = width * rng.uniform(0.3, 0.7)
    _glow(picture, sun, horizon - height * 0.08, min(width, height) * 0.45, (255, 238, 200))
    water = _sky((_mix(sky[-1], far, 0.5), far, near), width, height - horizon)
    draw = ImageDraw.Draw(water)
    for _ in range(900):
        depth = rng.random() ** 1.6
        y, length = depth * (height - horizon), width * (0.01 + 0.07 * depth) * rng.random()
        x = rng.gauss(sun, width * (0.03 + 0.12 * depth)) if rng.random() < 0.7 else rng.random() * width
        tone = _mix(sky[-1], (255, 255, 255), 0.3) if abs(x - sun) < width * 0.2 else _mix(far, sky[0], 0.4)
        draw.line((x - length, y, x + length, y), fill=tone, width=max(1, round(height * 0.003 * (0.4 + depth))))
    picture.paste(water.filter(ImageFilter.GaussianBlur(height / 900)), (0, horizon))
    return picture


def night(rng: random.Random, width: int, height: int) -> Image.Image:
    """Draw stars over a dark ridge."""
    picture = _sky(((6, 9, 24), (20, 34, 66), (66, 92, 120)), width, height)
    _glow(picture, width * rng.random(), height * 0.3, max(width, height) * 0.7, (96, 82, 140))
    draw = ImageDraw.Draw(picture)
    for _ in range(700):
        x, y, size = rng.random() * width, rng.random() * height * 0.8, max(0.5, rng.expovariate(1.1)) * width / 1600
        light = rng.randint(120, 255)
        draw.ellipse((x - size, y - size, x + size, y + size), fill=(light, light, min(255, light + 20)))
    for part in (0.0, 1.0):
        _land(picture, _ridge(rng, width, 0.5, height * 0.16), height * (0.76 + 0.12 * part), (12, 14, 26), blur=0)
    return picture


def forest(rng: random.Random, width: int, height: int) -> Image.Image:
    """Draw trunks in mist."""
    sky, (far, near) = rng.choice((PALETTES[1], PALETTES[3], PALETTES[5]))
    picture = _sky((sky[-1], sky[1], far), width, height)
    _glow(picture, width * 0.5, height * 0.3, min(width, height) * 0.8, (255, 248, 226))
    for layer in range(6):
        part = layer / 5
        trunks = Image.new("L", (width, height), 0)
        draw = ImageDraw.Draw(trunks)
        for _ in range(16 - 2 * layer):
            x, thick, lean = (
                rng.random() * width,
                width * (0.004 + 0.02 * part) * rng.uniform(0.6, 1.4),
                rng.gauss(0, 0.02),
            )
            foot = height * (0.72 + 0.3 * part)
            draw.polygon(
                (
                    (x - thick, foot),
                    (x + thick, foot),
                    (x + lean * width + thick * 0.6, 0),
                    (x + lean * width - thick * 0.6, 0),
                ),
                255,
            )
        tone = _mix(_mix(far, sky[-1], 0.5), near, part)
        picture.paste(tone, mask=trunks.filter(ImageFilter.GaussianBlur(max(0.6, 5 * (1 - part)) * width / 1600)))
        _land(picture, _ridge(rng, width, 0.4, height * 0.05), height * (0.7 + 0.28 * part), tone, blur=8 * (1 - part))
    return picture


def lights(rng: random.Random, width: int, height: int) -> Image.Image:
    """Draw the lights of a street at night, out of focus."""
    picture = _sky(((10, 10, 26), (32, 22, 44), (14, 12, 22)), width, height)
    for _ in range(70):
        spot = Image.new("RGB", (width, height))
        radius = min(width, height) * rng.uniform(0.015, 0.075)
        x, y = rng.random() * width, rng.gauss(height * 0.5, height * 0.22)
        tone = rng.choice(
            ((255, 150, 60), (255, 206, 120), (90, 190, 255), (255, 80, 90), (150, 240, 200), (240, 120, 220))
        )
        box = [round(v) for v in (x - radius, y - radius, x + radius, y + radius)]
        ImageDraw.Draw(spot).ellipse(box, fill=_mix((0, 0, 0), tone, rng.uniform(0.2, 0.7)))
        area = (max(0, box[0] - 8), max(0, box[1] - 8), min(width, box[2] + 8), min(height, box[3] + 8))
        if area[0] < area[2] and area[1] < area[3]:
            soft = spot.crop(area).filter(ImageFilter.GaussianBlur(width / 700))
            picture.paste(ImageChops.screen(picture.crop(area), soft), area[:2])
    return picture


def _developed(picture: Image.Image, rng: random.Random, grain: bool) -> Image.Image:
    """Add grain and dark corners, like a lens and a sensor."""
    width, height = picture.size
    vignette = (
        ImageChops.invert(Image.radial_gradient("L"))
        .resize(picture.size)
        .point([min(255, 120 + v) for v in range(256)])
    )
    picture = ImageChops.multiply(picture, Image.merge("RGB", (vignette,) * 3))
    if not grain:
        return picture
    noise = Image.effect_noise((width // 2, height // 2), rng.uniform(6, 12)).resize(picture.size)
    return ImageChops.add(picture, Image.merge("RGB", (noise,) * 3), offset=-128)


def _sky(stops: tuple[Colour, ...], width: int, height: int) -> Image.Image:
    column = Image.new("RGB", (1, len(stops)))
    column.putdata(stops)
    # Sampled between the centres of the first and the last stop, so that neither end is flat.
    return column.resize((width, height), Image.Resampling.BICUBIC, box=(0, 0.4, 1, len(stops) - 0.4))


def _glow(picture: Image.Image, x: float, y: float, radius: float, tone: Colour) -> None:
    size = round(radius * 2)
    mask = (
        ImageChops.invert(Image.radial_gradient("L"))
        .point([round(max(0, v - 75) ** 2 / 127) for v in range(256)])
        .resize((size, size))
    )
    picture.paste(tone, (round(x - radius), round(y - radius)), mask)


def _ridge(rng: random.Random, width: int, roughness: float, height: float) -> list[float]:
    """Return a line across `width` pixels by midpoint displacement, centred on zero, up to about `height`."""
    line = [rng.uniform(-1, 1), rng.uniform(-1, 1)]
    step = 1.0
    while len(line) < min(width, 500):
        step *= roughness
        middles = [(a + b) / 2 + rng.uniform(-step, step) for a, b in itertools.pairwise(line)]
        line = [v for pair in zip(line, middles, strict=False) for v in pair] + [line[-1]]
    return [v * height for v in line]


def _land(picture: Image.Image, ridge: list[float], base: float, tone: Colour, blur: float) -> None:
    width, height = picture.size
    mask = Image.new("L", picture.size)
    step = width / (len(ridge) - 1)
    ImageDraw.Draw(mask).polygon(
        [(i * step, base - v) for i, v in enumerate(ridge)] + [(width, height), (0, height)], 255
    )
    mask = mask.filter(ImageFilter.GaussianBlur(max(blur, 0.7) * width / 1200))
    shade = _sky((_mix(tone, (255, 255, 255), 0.06), tone, _mix(tone, (0, 0, 0), 0.25)), width, height)
    picture.paste(shade, mask=mask)


def _mix(one: Colour, other: Colour, part: float) -> Colour:
    red, green, blue = (math.floor(a + (b - a) * part) for a, b in zip(one, other, strict=True))
    return red, green, blue
