"""Every format that Darkroom reads, one module each.

To add a format, write a module with a `FORMAT` and name it in `FORMATS`.
"""

from functions.resize.formats import avif, bmp, gif, heif, ico, jpeg, png, tiff, webp
from functions.resize.formats.base import Format

# The first format that matches decides. Today no file matches two formats.
FORMATS: tuple[Format, ...] = (
    jpeg.FORMAT,
    png.FORMAT,
    gif.FORMAT,
    webp.FORMAT,
    avif.FORMAT,
    heif.FORMAT,
    tiff.FORMAT,
    bmp.FORMAT,
    ico.FORMAT,
)
BY_NAME = {format_.name: format_ for format_ in FORMATS}
