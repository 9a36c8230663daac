"""Recognises a file's format by its first bytes, without its name and declared type."""

import re

from functions.resize.formats import FORMATS
from functions.resize.formats.base import Format, unread
from functions.resize.formats.isobmff import brands
from functions.resize.formats.tiff import CANON_RAW
from shared.errors import Rejected

READABLE = "JPEG, PNG, GIF, WebP, AVIF, HEIC, TIFF, BMP or ICO"

# Formats that people send but Darkroom does not read. The rejection names the format.
_UNREAD = (
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript file"),
    (b"\xc5\xd0\xd3\xc6", "an EPS file"),
    (b"8BPS", "a Photoshop file"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"DDS ", "a DDS texture"),
    (b"icns", "an Apple icon file"),
    (b"BLP", "a BLP texture"),
    (b"\x01\xda", "an SGI picture"),
    (b"\0\0\2\0", "a cursor file"),
    (b"FUJIFILMCCD-RAW", "a raw camera file"),
    (CANON_RAW, "a raw camera file"),
    (b"IIU\0", "a raw camera file"),
    (b"MM\0+", "a BigTIFF file with its high bytes first"),  # Pillow reads it as an ordinary TIFF and finds nothing
    (b"\x1a\x45\xdf\xa3", "a video"),
    (b"gimp xcf", "a GIMP file"),
    (b"#?RADIANCE", "a Radiance picture"),
    (b"v/1\x01", "an OpenEXR picture"),
)
_SVG = re.compile(rb"^(?:\xef\xbb\xbf)?\s*(?:<\?xml.*?)?(?:<!--.*?-->\s*|<!DOCTYPE[^>]*>\s*)*<svg[\s>]", re.S | re.I)
_SNIFF_BYTES = 4096
_NAMES_BY_BRAND = {b"crx ": "a raw camera file", b"mif3": "a HEIF with a minimized header"}


def sniff(data: bytes) -> Format:
    """Returns the format of the picture in `data`.

    Raises Rejected: `unsupported-format` for a known format that Darkroom does not read, else `not-an-image`.
    """
    head = data[:_SNIFF_BYTES]
    for format_ in FORMATS:
        if format_.matches(head):
            return format_
    if major := brands(head)[:1]:
        words = _NAMES_BY_BRAND.get(major[0], "a video")
        raise Rejected(
            "unsupported-format",
            f"This is {words}, which Darkroom does not read. Upload a picture: {READABLE}.",
        )
    if known := _name_of_unread(head):
        raise unread(known)
    if not data:
        raise Rejected("not-an-image", "The file is empty: 0 bytes arrived. Check the original and upload it again.")
    raise Rejected("not-an-image", f"This file is not a picture. Upload a {READABLE} file.")


def _name_of_unread(head: bytes) -> str | None:
    for start, words in _UNREAD:
        if head.startswith(start):
            return words
    if _SVG.search(head):
        return "an SVG drawing"
    return "a video" if head.startswith(b"RIFF") and head[8:12] == b"AVI " else None
