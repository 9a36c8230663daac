"""Renders pictures of every kind, and reads colours and frames from the result."""

import io

from PIL import Image

from functions.resize.render import render
from functions.resize.rendered import Picture, Rendered
from shared.limits import Limits
from shared.renditions import DEFAULT_RENDITIONS
from tests.support import pictures

LIMITS = Limits()
type Colour = tuple[int, int, int]


def made(data: bytes, limits: Limits = LIMITS) -> Rendered:
    return render(data, DEFAULT_RENDITIONS, limits)


def opened(picture: Picture) -> Image.Image:
    image = Image.open(io.BytesIO(picture.body))
    image.load()
    return image


def frames(picture: Picture) -> list[tuple[Image.Image, int]]:
    """Return each frame of a rendition with its duration in milliseconds."""
    image = Image.open(io.BytesIO(picture.body))
    shown = []
    for index in range(getattr(image, "n_frames", 1)):
        image.seek(index)
        image.load()
        shown.append((image.copy(), int(image.info.get("duration", 0))))
    return shown


def colour(image: Image.Image, at: tuple[float, float]) -> Colour:
    """Return the mean colour of a few pixels around a position, given as parts of width and height."""
    x, y = int(at[0] * image.width), int(at[1] * image.height)
    small = image.convert("RGB").crop((x - 4, y - 4, x + 5, y + 5)).resize((1, 1), Image.Resampling.BOX)
    pixel = small.getpixel((0, 0))
    assert isinstance(pixel, tuple)
    return int(pixel[0]), int(pixel[1]), int(pixel[2])


def near(left: Colour, right: Colour, within: int = 12) -> bool:
    return all(abs(a - b) <= within for a, b in zip(left, right, strict=True))


def shows_scene(image: Image.Image, within: int = 12) -> bool:
    return all(
        near(colour(image, at), wanted, within)
        for at, wanted in (
            (pictures.DISC_AT, pictures.DISC),
            (pictures.HILL_AT, pictures.HILL),
            (pictures.SKY_AT, pictures.SKY),
        )
    )


STILLS = {
    "jpeg": pictures.jpeg(),
    "progressive": pictures.jpeg(progressive=True),
    "progressive 4:4:4": pictures.jpeg(progressive=True, subsampling=0),
    "large progressive": pictures.jpeg(3400, 2550, progressive=True),
    "large": pictures.jpeg(3400, 2550),
    "mpo": pictures.mpo(),
    "cmyk": pictures.cmyk_jpeg(with_profile=False),
    "png": pictures.encoded(pictures.scene(), "PNG"),
    "palette png": pictures.encoded(pictures.scene(grain=0).quantize(64), "PNG"),
    "gif": pictures.encoded(pictures.scene(grain=0), "GIF"),
    "webp": pictures.encoded(pictures.scene(), "WEBP", quality=90),
    "lossless webp": pictures.encoded(pictures.scene(), "WEBP", lossless=True),
    "avif": pictures.encoded(pictures.scene(), "AVIF", quality=90, speed=10),
    "heic": pictures.heic(),
    "tiff": pictures.encoded(pictures.scene(), "TIFF"),
    "lzw tiff": pictures.encoded(pictures.scene(), "TIFF", compression="tiff_lzw"),
    "bmp": pictures.encoded(pictures.scene(), "BMP"),
    "ico": pictures.encoded(pictures.scene(256, 192), "ICO", sizes=[(256, 192)]),
}
