"""The descriptor of a format, and the picture that its `open` returns."""

import functools
import importlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from PIL import Image, ImageFile

from functions.resize.damage import DECODER_ERRORS
from functions.resize.deep import Deep
from functions.resize.resample import Box
from functions.resize.space import Profile, Space
from shared.errors import Rejected
from shared.limits import Limits

_ORIENTATION = 0x0112


class Decoded(NamedTuple):
    """Pixels, and the rectangle that shows the picture (left, upper, right, lower in pixels)."""

    image: Image.Image | Deep
    box: Box


class Frame(NamedTuple):
    """A complete frame of an animation (disposal and blending done) and its duration, 0 if the file has none."""

    image: Image.Image
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Opened:
    """A picture whose header has been read and is within the limits. Sizes are as stored, not yet upright.

    `decode` takes the width and height in pixels that the largest rendition needs, as stored. It may return a reduced
    picture, but none smaller than that. `animate` yields the frames of an animation, which plays `loops` times; 0 is
    for ever. `format` is the name that log lines have for it.
    """

    width_px: int
    height_px: int
    decode: Callable[[int, int], Decoded]
    format: str = ""
    orientation: int = 1
    space: Space = None
    frames: int = 1
    animate: Callable[[], Iterator[Frame]] | None = None
    loops: int = 0


@dataclass(frozen=True, slots=True)
class Encoder:
    """How Pillow writes a format: its options for a quality, and whether it can store alpha and animations."""

    options: Callable[[int], dict[str, Any]]
    has_alpha: bool = True
    has_animation: bool = False


@dataclass(frozen=True, slots=True)
class Format:
    """One format that Darkroom reads. shared/media.py has its media types and extensions.

    `matches` tells the format by a file's first bytes. `declared_size` reads the width and height in pixels from the
    header, for formats whose plugin allocates or decodes on open; else None. For damaged files `open` raises the
    exceptions of the decoders. Each function that takes Limits raises Rejected for a picture over them.
    """

    name: str
    plugin: tuple[str, str]
    media_types: tuple[str, ...]
    matches: Callable[[bytes], bool]
    open: Callable[[bytes, Limits], Opened]
    declared_size: Callable[[bytes], tuple[int, int]] | None = None
    encoder: Encoder | None = None

    def load_plugin(self) -> None:
        """Imports Pillow's module for the format, which registers itself there."""
        _plugin(*self.plugin)

    def pillow(self, data: bytes) -> ImageFile.ImageFile:
        """Opens `data` with this format's plugin and no other. Pillow has read the header, and decoded nothing yet."""
        return _plugin(*self.plugin)(io.BytesIO(data))


@functools.cache
def _plugin(module: str, name: str) -> Callable[[io.BytesIO], ImageFile.ImageFile]:
    """Imports Pillow's reader of one format at its first picture, so that a cold start pays for no other."""
    reader: Any = getattr(importlib.import_module(module), name)
    return reader  # type: ignore[no-any-return]


def starts_with(*starts: bytes) -> Callable[[bytes], bool]:
    """Returns a `matches` that compares a file's first bytes with each of `starts`."""
    return lambda head: head.startswith(starts)


def whole(image: Image.Image | Deep) -> Decoded:
    """Returns `image` as a decoded picture without a border."""
    return Decoded(image, (0.0, 0.0, float(image.width), float(image.height)))


def loaded(image: ImageFile.ImageFile) -> Decoded:
    """Decodes `image` with Pillow."""
    image.load()
    return whole(image)


def seek_frames(image: ImageFile.ImageFile, first: int, count: int) -> Iterator[Frame]:
    """Decodes the frames `first` to `first + count` with Pillow."""
    for index in range(first, first + count):
        image.seek(index)
        image.load()
        yield Frame(image.copy(), image.info.get("duration", 0))


def profile_of(image: Image.Image) -> Profile | None:
    """Returns the ICC profile that Pillow found."""
    profile = image.info.get("icc_profile")
    return Profile(profile) if isinstance(profile, bytes) and profile else None


def orientation_of(exif_bytes: object) -> int:
    """Returns EXIF's orientation, 1 to 8. A broken EXIF block counts as 1 and does not reject the picture."""
    if not isinstance(exif_bytes, bytes):
        return 1
    exif = Image.Exif()
    try:
        exif.load(exif_bytes)
        orientation = exif.get(_ORIENTATION, 1)
    except DECODER_ERRORS:
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


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


def unread(words: str) -> Rejected:
    """Returns the rejection of a picture or film that Darkroom does not read. `words` name its kind."""
    return Rejected(
        "unsupported-format",
        f"This is {words}, which Darkroom does not read. Export it as JPEG or PNG and upload that.",
    )
