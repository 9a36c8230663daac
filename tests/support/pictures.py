"""Pictures of every kind, drawn by code: tests and demos need no file from anywhere.

Each function returns the bytes of a file. All files show the same scene: a sky, a red disc at the upper left, a green
hill at the lower right, and grain. A wrong rotation, a wrong colour or a missing half shows in a few pixels.
"""

import io
import struct
from typing import Any

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from tests.support.icc import ADOBE_RGB, DISPLAY_P3, cmyk_profile, rgb_profile

SKY, DISC, HILL = (96, 150, 214), (206, 48, 42), (70, 128, 60)
# Positions of the colours as parts of width and height, for tests that look at one pixel.
DISC_AT, HILL_AT, SKY_AT = (0.25, 0.3), (0.8, 0.85), (0.7, 0.15)
_GPS_DEGREES = (47.0, 33.0, 12.34)


def scene(width_px: int = 800, height_px: int = 600, grain: int = 6, shift: float = 0.0) -> Image.Image:
    """Draw the scene. `grain` is the noise's standard deviation; `shift` moves the disc by a part of the width."""
    image = Image.new("RGB", (width_px, height_px), SKY)
    draw = ImageDraw.Draw(image)
    x, y, radius = (DISC_AT[0] + shift) * width_px, DISC_AT[1] * height_px, 0.16 * min(width_px, height_px)
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), DISC)
    draw.ellipse((0.35 * width_px, 0.6 * height_px, 1.4 * width_px, 1.6 * height_px), HILL)
    image = image.filter(ImageFilter.BoxBlur(1))
    if grain:
        # effect_noise has no seed, but this noise must be the same every time.
        noise = Image.frombytes("L", (256, 256), _noise(256 * 256, grain))
        layer = Image.new("L", image.size, 128)
        for left in range(0, width_px, 256):
            for upper in range(0, height_px, 256):
                layer.paste(noise, (left, upper))
        image = ImageChops.add(image, Image.merge("RGB", (layer,) * 3), scale=1, offset=-128)
    return image


def _noise(count: int, deviation: int) -> bytes:
    state, values = 12345, bytearray()
    for _ in range(count):
        total = 0
        for _ in range(3):
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            total += (state >> 16) % (2 * deviation + 1) - deviation
        values.append(min(255, max(0, 128 + total)))
    return bytes(values)


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:  # noqa: A002
    """Return the file that Pillow writes for `image`."""
    body = io.BytesIO()
    image.save(body, format, **options)
    return body.getvalue()


def plain_jpeg(width_px: int = 640, height_px: int = 480, colour: str | tuple[int, int, int] = "teal") -> bytes:
    """Return a JPEG of one colour, for tests that do not look at pixels."""
    return encoded(Image.new("RGB", (width_px, height_px), colour), "JPEG")


def jpeg(width_px: int = 800, height_px: int = 600, **options: Any) -> bytes:
    """Return a photo as JPEG; `options` are Pillow's: `progressive`, `quality`, `exif`, `icc_profile`."""
    return encoded(scene(width_px, height_px), "JPEG", **{"quality": 90, **options})


def phone_jpeg(orientation: int = 1, width_px: int = 800, height_px: int = 600) -> bytes:
    """Return a photo as a phone writes it: rotated, with EXIF (orientation, camera, GPS), XMP and a thumbnail."""
    unturn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    image = scene(width_px, height_px)
    if orientation in unturn:
        image = image.transpose(unturn[orientation])
    return encoded(image, "JPEG", quality=90, exif=exif(orientation), xmp=b"<x:xmpmeta>secret place</x:xmpmeta>")


def exif(orientation: int = 1) -> Image.Exif:
    """Return EXIF with an orientation, a camera's name and a place."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010F] = "Secret Camera"
    tags[0x8825] = {1: "N", 2: _GPS_DEGREES, 3: "E", 4: _GPS_DEGREES}
    return tags


def heic(width_px: int = 800, height_px: int = 600) -> bytes:
    """Return a photo as HEIC. pillow-heif writes it; the deployed function only reads HEIC and does not need it."""
    import pillow_heif

    body = io.BytesIO()
    pillow_heif.from_pillow(scene(width_px, height_px)).save(body, quality=70)
    return body.getvalue()


def display_p3_jpeg() -> bytes:
    """Return a photo in Display P3. Its numbers are duller than its colours, so ignoring the profile shows."""
    return encoded(scene(), "JPEG", quality=92, icc_profile=rgb_profile(DISPLAY_P3, "Display P3"))


def adobe_rgb_jpeg() -> bytes:
    """Return a photo in AdobeRGB."""
    return encoded(scene(), "JPEG", quality=92, icc_profile=rgb_profile(ADOBE_RGB, "Adobe RGB (1998)"))


def cmyk_jpeg(with_profile: bool = True) -> bytes:
    """Return a picture for print: CMYK with Adobe's inverted values, with or without the printer's profile."""
    options = {"icc_profile": cmyk_profile()} if with_profile else {}
    return encoded(scene().convert("CMYK"), "JPEG", quality=92, **options)


def animated_gif(frames: int = 8, loop: int | None = 0, duration_ms: int = 120) -> bytes:
    """Return an animation of the disc moving to the right. A `loop` of None plays it once."""
    pictures = [scene(320, 240, grain=0, shift=0.4 * i / max(1, frames - 1)) for i in range(frames)]
    options = {} if loop is None else {"loop": loop}
    return encoded(
        pictures[0], "GIF", save_all=True, append_images=pictures[1:], duration=duration_ms, disposal=1, **options
    )


def animated(format: str, frames: int = 4, **options: Any) -> bytes:  # noqa: A002
    """Return the same animation as WEBP, PNG (APNG) or AVIF, with frames of 100, 150, 200 … ms, played twice."""
    pictures = [scene(160, 120, grain=0, shift=0.4 * i / max(1, frames - 1)) for i in range(frames)]
    durations = [100 + 50 * i for i in range(frames)]
    options = {"save_all": True, "append_images": pictures[1:], "duration": durations, "loop": 2} | options
    return encoded(pictures[0], format, **options)


def transparent(format: str = "PNG", width_px: int = 800, height_px: int = 600) -> bytes:  # noqa: A002
    """Return the disc on a transparent ground. Its pixels are black and must not show at the disc's edge."""
    image = Image.new("RGBA", (width_px, height_px), (0, 0, 0, 0))
    x, y, radius = DISC_AT[0] * width_px, DISC_AT[1] * height_px, 0.16 * min(width_px, height_px)
    ImageDraw.Draw(image).ellipse((x - radius, y - radius, x + radius, y + radius), (*DISC, 255))
    return encoded(image, format)


def sixteen_bit_png(width_px: int = 600, height_px: int = 450) -> bytes:
    """Return a grey ramp from black (left) to white (right) with 16 bits per pixel."""
    row = b"".join(struct.pack("<H", round(65_535 * x / (width_px - 1))) for x in range(width_px))
    return encoded(Image.frombytes("I;16", (width_px, height_px), row * height_px), "PNG")


def mpo(width_px: int = 800, height_px: int = 600) -> bytes:
    """Return two photos in one JPEG, as stereo cameras and phones write them."""
    return encoded(scene(width_px, height_px), "MPO", save_all=True, append_images=[scene(200, 150)])


NOT_PICTURES: dict[str, bytes] = {
    "empty": b"",
    "text": b"Dear uploader, this is a letter.\n" * 20,
    "html": b"<!doctype html><html><body><img src=x></body></html>",
    "svg": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
    "video": b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(64),
    "zip": b"PK\3\4" + bytes(64),
}
