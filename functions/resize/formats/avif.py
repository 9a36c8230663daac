"""AVIF, by Pillow's libavif."""

import math
import struct
from functools import partial

from PIL import ImageFile

from functions.resize.formats import avif_deep, avif_minimized
from functions.resize.formats.avif_rewritten import with_limited_range, with_one_ipma
from functions.resize.formats.base import (
    Decoded,
    Encoder,
    Format,
    Opened,
    orientation_of,
    profile_of,
    seek_frames,
    unread,
    whole,
)
from functions.resize.formats.isobmff import AVIF_BRANDS, CODED_BRANDS, clean_aperture, first_of, properties
from functions.resize.space import Coded
from shared.limits import Limits

# Speed 8 takes 352 ms for 1600 px.
_SPEED = 8
# The limit of libavif (AVIF_DEFAULT_IMAGE_DIMENSION_LIMIT). Its error does not mention the limit.
_MAX_SIDE_PX = 32_768


def _matches(head: bytes) -> bool:
    return first_of(head, CODED_BRANDS) in AVIF_BRANDS or avif_minimized.matches(head)


def _open(data: bytes, _: Limits) -> Opened:
    said = 0
    if avif_minimized.matches(data):
        data, said = avif_minimized.expanded(data)
    found = properties(data)
    if max(struct.unpack_from(">II", found.item.get(b"ispe", b"").ljust(12, b"\0"), 4)) > _MAX_SIDE_PX:
        raise unread(f"an AVIF with a side of more than {_MAX_SIDE_PX:,} pixels")
    data = with_one_ipma(data)
    if found.track and b"colr:nclx" not in found.track:
        data = with_limited_range(data)
    image = FORMAT.pillow(data)
    frames = int(getattr(image, "n_frames", 1))
    box = clean_aperture(found.item.get(b"clap", b""), image.size) if frames == 1 else None
    width, height = (box[2] - box[0], box[3] - box[1]) if box else image.size
    space = profile_of(image) or found.space(animated=frames > 1)
    deep = data if isinstance(space, Coded) and space.is_hdr else None
    return Opened(
        width,
        height,
        decode=partial(_decode, image, box, deep),
        orientation=said or orientation_of(image.info.get("exif")),
        space=space,
        frames=frames,
        animate=partial(seek_frames, image, 0, frames),
        loops=int(image.info.get("loop", 0)),
    )


def _decode(
    image: ImageFile.ImageFile,
    clap: tuple[int, int, int, int] | None,
    deep: bytes | None,
    width_px: int,
    height_px: int,
) -> Decoded:
    """Decodes the picture and cuts it to its clean aperture, which the decoders ignore.

    `deep` is the file where all its bits count.
    """
    left, upper, right, lower = clap or (0, 0, *image.size)
    if deep is not None:
        scale = max(width_px / (right - left), height_px / (lower - upper))
        wide = avif_deep.decode(deep, image.size, (math.ceil(image.width * scale), math.ceil(image.height * scale)))
        if wide is not None:
            across, down = wide.width / image.width, wide.height / image.height
            return Decoded(wide, (left * across, upper * down, right * across, lower * down))
    image.load()
    return whole(image.crop(clap) if clap else image)


FORMAT = Format(
    "AVIF",
    ("PIL.AvifImagePlugin", "AvifImageFile"),
    ("image/avif",),
    _matches,
    _open,
    # One thread: the bytes are the same every time.
    encoder=Encoder(lambda quality: {"quality": quality, "speed": _SPEED, "max_threads": 1}, has_animation=True),
)
