"""AVIF, by Pillow's libavif."""

from functools import partial

from PIL import ImageFile

from functions.resize.formats.avif_rewritten import with_limited_range, with_one_ipma
from functions.resize.formats.base import (
    Decoded,
    Encoder,
    Format,
    Opened,
    loaded,
    orientation_of,
    profile_of,
    seek_frames,
    whole,
)
from functions.resize.formats.isobmff import AVIF_BRANDS, CODED_BRANDS, clean_aperture, first_of, properties
from shared.limits import Limits

# Speed 8 takes 352 ms for 1600 px.
_SPEED = 8


def _matches(head: bytes) -> bool:
    return first_of(head, CODED_BRANDS) in AVIF_BRANDS


def _open(data: bytes, _: Limits) -> Opened:
    found = properties(data)
    data = with_one_ipma(data)
    if found.track and b"colr:nclx" not in found.track:
        data = with_limited_range(data)
    image = FORMAT.pillow(data)
    frames = int(getattr(image, "n_frames", 1))
    box = clean_aperture(found.item.get(b"clap", b""), image.size) if frames == 1 else None
    width, height = (box[2] - box[0], box[3] - box[1]) if box else image.size
    return Opened(
        width,
        height,
        decode=lambda *_: _decode(image, box),
        orientation=orientation_of(image.info.get("exif")),
        space=profile_of(image) or found.space(animated=frames > 1),
        frames=frames,
        animate=partial(seek_frames, image, 0, frames),
        loops=int(image.info.get("loop", 0)),
    )


def _decode(image: ImageFile.ImageFile, box: tuple[int, int, int, int] | None) -> Decoded:
    """Decodes the picture and cuts it to its clean aperture, which Pillow leaves out."""
    decoded = loaded(image)
    return whole(decoded.image.crop(box)) if box else decoded


FORMAT = Format(
    "AVIF",
    ("PIL.AvifImagePlugin", "AvifImageFile"),
    ("image/avif",),
    _matches,
    _open,
    # One thread: the bytes are the same every time.
    encoder=Encoder(lambda quality: {"quality": quality, "speed": _SPEED, "max_threads": 1}, has_animation=True),
)
