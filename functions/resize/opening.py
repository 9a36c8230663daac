"""Opening: a file's bytes in, what its header says out, every limit checked before a pixel is decoded.

Each format's plugin is called by name. Pillow's own search, which would try all the formats it knows, is not used:
a file must never reach a rarely used plugin, or a program such as Ghostscript.
"""

import functools
import importlib
import io
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageFile

from functions.resize import gif, ico, jpeg, png, tiff, webp
from functions.resize.sniff import PNG_START, Kind, sniff, unread
from shared.errors import Rejected
from shared.limits import Limits

_PLUGINS: dict[Kind, tuple[str, str]] = {
    "JPEG": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile"),
    "WEBP": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "AVIF": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "HEIF": ("pi_heif.as_plugin", "HeifImageFile"),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "ICO": ("PIL.IcoImagePlugin", "IcoImageFile"),
}
_ORIENTATION = 0x0112
_ANIMATED: set[Kind] = {"GIF", "PNG", "WEBP", "AVIF"}
# What Pillow, libheif and our own readers raise over files that are not what they should be.
_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    LookupError,
    ArithmeticError,
    TypeError,
    AttributeError,
    AssertionError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class Opened:
    """A picture whose header was read and found to be within the limits. Sizes are as stored, not yet upright."""

    kind: Kind
    data: bytes
    image: ImageFile.ImageFile
    width_px: int
    height_px: int
    frames: int
    orientation: int
    profile: bytes | None
    structure: jpeg.Structure | None = None
    header: png.Header | None = None


@contextmanager
def damage_is_rejected() -> Iterator[None]:
    """Turns whatever a decoder raises over a broken file into Rejected `damaged-image`."""
    try:
        yield
    except Image.DecompressionBombError as error:  # a frame or an icon inside is larger than the file says
        raise Rejected(
            "too-many-pixels",
            f"A picture inside the file is too large: {_reason(error).lower()}. Save it as JPEG or PNG and "
            "upload that.",
        ) from error
    except _DECODER_ERRORS as error:
        raise Rejected(
            "damaged-image",
            f"The picture is damaged or incomplete ({_reason(error)}). Open the original to see whether it is whole, "
            "save it again and upload that.",
        ) from error
    except MemoryError as error:
        raise Rejected(
            "too-much-memory",
            "The picture asks for more memory than any picture of its size should. Save it again as JPEG or PNG and "
            "upload that.",
        ) from error


def _reason(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0][:100] or type(error).__name__


def open_picture(data: bytes, limits: Limits) -> Opened:
    """Reads the header of the picture in `data` and holds it against `limits`. Raises Rejected."""
    if len(data) > limits.max_bytes:
        raise Rejected(
            "too-many-bytes",
            f"The file has {len(data):,} bytes and at most {limits.max_bytes:,} are taken. Upload a smaller copy.",
        )
    kind = sniff(data)
    with damage_is_rejected():
        data = ico.largest(data) if kind == "ICO" else data
        header = png.read(data) if data.startswith(PNG_START) else None
        structure = jpeg.read(data) if kind == "JPEG" else None
        check_size(*_claimed_size(kind, data, header), 1, limits)
        if structure and (lack := jpeg.missing(structure)):
            raise ValueError(lack)
        data = png.bare(data, header) if header else data
        image = _image(kind, data, header)
        width, height = image.size
        check_size(width, height, 1, limits)
        check_size(*tiff.tile_size(image), 1, limits)
        frames = _frames(kind, image, data, limits)
        profile = header.profile if header else image.info.get("icc_profile")
        orientation = _orientation(kind, header.exif if header else image.info.get("exif"))
    if 1 < frames <= limits.max_frames:
        check_size(width, height, frames, limits)
    else:
        frames = 1
    profile = profile if isinstance(profile, bytes) else None
    return Opened(kind, data, image, width, height, frames, orientation, profile, structure, header)


def _claimed_size(kind: Kind, data: bytes, header: png.Header | None) -> tuple[int, int]:
    """The size that a file claims whose plugin allocates or decodes to open it; 1 x 1 of all others."""
    if header:
        return header.width_px, header.height_px
    sizes: dict[Kind, Callable[[bytes], tuple[int, int]]] = {"WEBP": webp.size, "GIF": gif.size, "ICO": ico.size}
    return sizes[kind](data) if kind in sizes else (1, 1)


def _image(kind: Kind, data: bytes, header: png.Header | None) -> ImageFile.ImageFile:
    """The picture as Pillow opens it, nothing decoded yet. Raises Rejected if its kind is none that can be read."""
    try:
        image = plugin("PNG" if header else kind)(io.BytesIO(data))
    except SyntaxError as error:
        if str(error) == tiff.UNKNOWN_PIXELS:
            raise unread("a TIFF with an unusual kind of pixels") from error
        raise
    if kind == "TIFF" and tiff.is_raw(image):
        raise unread("a raw camera file")
    if header and "transparency" in image.info:
        image.info["transparency"] = png.transparent_value(header, image.info["transparency"])
    return image


def check_size(width_px: int, height_px: int, frames: int, limits: Limits) -> None:
    """Raises Rejected `side-too-long` or `too-many-pixels` if a picture of this size is over the limits."""
    if width_px < 1 or height_px < 1:
        raise ValueError("it has no pixels")
    if max(width_px, height_px) > limits.max_side_px:
        raise Rejected(
            "side-too-long",
            f"The picture is {width_px:,} x {height_px:,} pixels and a side may have at most {limits.max_side_px:,}. "
            "Upload a smaller copy.",
        )
    pixels = width_px * height_px * frames
    if pixels > limits.max_pixels:
        of = f" in {frames:,} frames" if frames > 1 else ""
        raise Rejected(
            "too-many-pixels",
            f"The picture has {width_px:,} x {height_px:,} pixels{of}, {pixels:,} in all, and at most "
            f"{limits.max_pixels:,} are taken. Upload a smaller copy.",
        )


@functools.cache
def plugin(kind: Kind) -> Callable[[io.BytesIO], ImageFile.ImageFile]:
    """Pillow's reader of one format, imported when its first picture comes: cold starts pay for no other."""
    module, name = _PLUGINS[kind]
    reader: Any = getattr(importlib.import_module(module), name)
    return reader  # type: ignore[no-any-return]


def _frames(kind: Kind, image: ImageFile.ImageFile, data: bytes, limits: Limits) -> int:
    """How many frames an animation has, counted no further than needed; 1 for what does not move."""
    if kind not in _ANIMATED:
        return 1
    if kind == "GIF":  # Pillow would decode its way to the end
        return gif.count_frames(data, limits.max_frames + 1)
    frames = int(getattr(image, "n_frames", 1))
    if kind == "PNG" and image.info.get("default_image"):
        frames -= 1
    return frames


def _orientation(kind: Kind, exif_bytes: object) -> int:
    """EXIF's orientation, 1 to 8. Pillow turns a TIFF and libheif a HEIC upright on their own."""
    if kind in {"TIFF", "HEIF"} or not isinstance(exif_bytes, bytes):
        return 1
    exif = Image.Exif()
    try:
        exif.load(exif_bytes)
        orientation = exif.get(_ORIENTATION, 1)
    except _DECODER_ERRORS:  # a broken note about a picture does not make it a broken picture
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1
