"""The engine and its peers: functions that turn a file's bytes and box sides (1600, 400) into JPEG files of quality 80.

Every peer is used in the fastest way of its documentation: shrink on load, one decode for all renditions, one thread.
Naive Pillow and ImageMagick are used as in most code.
"""

import io
import os
from collections.abc import Callable, Sequence
from typing import Any

os.environ["VIPS_CONCURRENCY"] = "1"

type Candidate = Callable[[bytes, Sequence[int]], list[bytes]]

QUALITY = 80


def darkroom(data: bytes, sides: Sequence[int]) -> list[bytes]:
    """Renders with the engine as on x86_64."""
    from functions.resize.memory import kept_memory
    from functions.resize.render import render
    from shared.limits import Limits
    from shared.renditions import Rendition

    renditions = [Rendition(f"s{side}", side, side, format="jpeg", quality=QUALITY) for side in sides]
    with kept_memory():
        return [picture.body for picture in render(data, renditions, Limits()).pictures]


def darkroom_arm64(data: bytes, sides: Sequence[int]) -> list[bytes]:
    """Renders with the engine as on arm64, with Pillow's resampler."""
    from functions.resize import resample

    chosen = resample.resampler
    resample.resampler = lambda: resample.with_pillow  # type: ignore[assignment]
    try:
        return darkroom(data, sides)
    finally:
        resample.resampler = chosen


def naive(data: bytes, sides: Sequence[int]) -> list[bytes]:
    """Renders with Pillow as in most code: decodes and resizes the whole picture for each rendition."""
    from PIL import Image

    made = []
    for side in sides:
        image = _opened(data).convert("RGB")
        scale = min(side / image.width, side / image.height, 1)
        size = (round(image.width * scale), round(image.height * scale))
        made.append(_jpeg(image.resize(size, Image.Resampling.LANCZOS)))
    return made


def pyvips(data: bytes, sides: Sequence[int]) -> list[bytes]:
    """Renders with libvips: thumbnail_buffer, the small rendition from the large one."""
    import pyvips as vips

    vips.cache_set_max(0)
    image: Any = vips.Image.thumbnail_buffer(data, sides[0], height=sides[0], size="down")
    if len(sides) == 1:
        return [image.jpegsave_buffer(Q=QUALITY)]
    image = image.copy_memory()
    made = [image.jpegsave_buffer(Q=QUALITY)]
    return made + [image.thumbnail_image(s, height=s).jpegsave_buffer(Q=QUALITY) for s in sides[1:]]


def opencv(data: bytes, sides: Sequence[int]) -> list[bytes]:
    """Renders with OpenCV: a reduced decode if it leaves enough pixels, then INTER_AREA."""
    import cv2
    import numpy as np
    from PIL import Image

    cv2.setNumThreads(1)
    with Image.open(io.BytesIO(data)) as header:
        longest, jpeg = max(header.size), header.format == "JPEG"
    flag = cv2.IMREAD_COLOR
    if jpeg:
        for factor in (8, 4, 2):
            if longest // factor >= sides[0]:
                flag = getattr(cv2, f"IMREAD_REDUCED_COLOR_{factor}")
                break
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    if image is None:
        raise ValueError("cannot be read")
    made = []
    for side in sides:
        scale = min(side / image.shape[1], side / image.shape[0], 1)
        size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        made.append(bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]))
    return made


def imagemagick(data: bytes, sides: Sequence[int]) -> list[bytes]:
    """Renders with ImageMagick through Wand as in 2016: decode, clone, resize."""
    from wand.image import Image

    made = []
    with Image(blob=data) as original:
        for side in sides:
            with original.clone() as image:
                image.transform(resize=f"{side}x{side}>")
                image.format, image.compression_quality = "jpeg", QUALITY
                made.append(image.make_blob())
    return made


def floor(data: bytes, sides: Sequence[int]) -> list[bytes]:
    """Renders without a resize: decodes at Darkroom's scale, and encodes pictures that were made in advance."""
    from functions.resize.opening import open_picture
    from shared.limits import Limits
    from shared.renditions import Rendition, fit

    opened = open_picture(data, Limits())
    opened.decode(*fit(opened.width_px, opened.height_px, Rendition("largest", sides[0], sides[0])))
    return [_jpeg(picture) for picture in _ready(data, tuple(sides))]


_made_before: dict[tuple[int, tuple[int, ...]], list[Any]] = {}


def _ready(data: bytes, sides: tuple[int, ...]) -> list[Any]:
    key = (hash(data), sides)
    if key not in _made_before:
        _made_before[key] = [_opened(body) for body in darkroom(data, sides)]
    return _made_before[key]


def _opened(data: bytes) -> Any:
    from PIL import Image

    if data[4:8] == b"ftyp" and data[8:11] != b"avi":
        import pi_heif

        pi_heif.register_heif_opener()
    Image.MAX_IMAGE_PIXELS = None
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def _jpeg(image: Any) -> bytes:
    body = io.BytesIO()
    image.save(body, "JPEG", quality=QUALITY)
    return body.getvalue()


CANDIDATES: dict[str, Candidate] = {
    "Darkroom": darkroom,
    "Darkroom, arm64 path": darkroom_arm64,
    "floor": floor,
    "pyvips": pyvips,
    "OpenCV": opencv,
    "naive Pillow": naive,
    "ImageMagick (Wand)": imagemagick,
}
