"""Loads every library that a picture may need, so that a process can render after it gives up opening files.

Plugins, littlecms, libspng and libwebp load at their first use. A process that has lowered RLIMIT_NOFILE could not load
them any more.
"""

import base64
import io
from collections.abc import Iterator

from PIL import Image, ImageCms

from functions.resize.formats import BY_NAME, avif_deep, heif_deep
from functions.resize.render import render
from shared.limits import Limits
from shared.renditions import Rendition

_SIZE = (16, 12)
_RENDITIONS = [
    Rendition("still", 8, 8, format="jpeg"),
    Rendition("transparent", 8, 8, format="png"),
    Rendition("animated", 8, 8, format="webp"),
]
_AVIF = [Rendition("animated", 8, 8, format="avif")]
# One colour, 16 x 16 pixels, written once with pillow-heif: the deployed package cannot write HEIC.
_HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAXxtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAA"
    "ACJpbG9jAAAAAERAAAEAAQAAAAABoAABAAAAAAAAADIAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRt"
    "AAAAAAABAAAA/GlwcnAAAADcaXBjbwAAAHVodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMA"
    "AAMAHroCQGEAAQApQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbqrprm4CGgwIAAAAyAAAADAIRiAAEABkQBwXPBiQAAABNjb2xybmNs"
    "eAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAAQAAAAChjbGFwAAAAEAAAAAEAAAAQAAAAAf///9AAAAAC////0AAAAAIAAAAQcGl4"
    "aQAAAAADCAgIAAAAGGlwbWEAAAAAAAAAAQABBYECAwWEAAAAOm1kYXQAAAAuKAGvEyFiY0D1JyL//wbaf/MkJ/012WFncrrBW/L6"
    "wPZkm8DzqpGegIdppzAVeA=="
)


def warm_up() -> None:
    """Renders a tiny picture of every readable format, and of every encoding, still and animated.

    HDR pictures of more than 8 bits have separate decoders, which are loaded here too.
    """
    avif_deep.library()
    heif_deep.library()
    for data in _pictures():
        render(data, _RENDITIONS, Limits())
    render(_encoded("GIF", save_all=True, append_images=[Image.new("RGB", _SIZE)]), _AVIF, Limits())


def _pictures() -> Iterator[bytes]:
    yield _HEIC
    yield _encoded("JPEG", exif=_exif(), icc_profile=_profile())
    yield _encoded("JPEG", progressive=True)
    yield _encoded("PNG")
    yield _encoded("GIF", save_all=True, append_images=[Image.new("RGB", _SIZE)])
    yield _encoded("WEBP")
    yield _encoded("AVIF", speed=10, max_threads=1)
    yield _encoded("TIFF", compression="tiff_lzw")
    yield _fax()
    yield _encoded("BMP")
    yield _encoded("ICO")


def _encoded(encoding: str, **options: object) -> bytes:
    BY_NAME[encoding].load_plugin()  # otherwise Pillow imports all its plugins to find this one
    body = io.BytesIO()
    Image.new("RGB", _SIZE, "gray").save(body, encoding, **options)
    return body.getvalue()


def _fax() -> bytes:
    body = io.BytesIO()
    Image.new("1", _SIZE).save(body, "TIFF", compression="group4")
    return body.getvalue()


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation
    return exif


def _profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
