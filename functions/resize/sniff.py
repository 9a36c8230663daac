"""What a file is, by its first bytes. Names and declared types are never asked."""

import re
from typing import Literal

from shared.errors import Rejected

type Kind = Literal["JPEG", "PNG", "GIF", "WEBP", "AVIF", "HEIF", "TIFF", "BMP", "ICO"]

READABLE = "JPEG, PNG, GIF, WebP, AVIF, HEIC, TIFF, BMP or ICO"

_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_AVIF_BRANDS = {b"avif", b"avis"}
PNG_START = b"\x89PNG\r\n\x1a\n"
_STARTS: tuple[tuple[bytes, Kind], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (PNG_START, "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"\0\0\1\0", "ICO"),
)
_CANON_RAW = b"II*\0\x10\0\0\0CR"  # a TIFF whose first picture is a preview
# Pictures and films that people do send and Darkroom does not read: they deserve their name in the answer.
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
    (_CANON_RAW, "a raw camera file"),
    (b"IIU\0", "a raw camera file"),
    (b"MM\0+", "a BigTIFF file with its high bytes first"),  # Pillow takes it for a small one and finds nothing
    (b"\x1a\x45\xdf\xa3", "a video"),
    (b"gimp xcf", "a GIMP file"),
    (b"#?RADIANCE", "a Radiance picture"),
    (b"v/1\x01", "an OpenEXR picture"),
)
_SVG = re.compile(rb"^(?:\xef\xbb\xbf)?\s*(?:<\?xml.*?)?(?:<!--.*?-->\s*|<!DOCTYPE[^>]*>\s*)*<svg[\s>]", re.S | re.I)
_SNIFF_BYTES = 4096


def sniff(data: bytes) -> Kind:
    """The format of the picture in `data`.

    Raises Rejected: `not-an-image`, or `unsupported-format` where it is one that Darkroom does not read.
    """
    head = data[:_SNIFF_BYTES]
    for start, kind in _STARTS:
        if head.startswith(start) and head[:10] != _CANON_RAW:
            return kind
    if head.startswith(b"BM") and head[14:18] in _BMP_HEADERS:
        return "BMP"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        return _of_brands(head)
    words = next((words for start, words in _UNREAD if head.startswith(start)), None)
    if words is None and _SVG.search(head):
        words = "an SVG drawing"
    if words is None and head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        words = "a video"
    if words is not None:
        raise unread(words)
    if not data:
        raise Rejected("not-an-image", "The file is empty: 0 bytes arrived. Check the original and upload it again.")
    raise Rejected("not-an-image", f"This file is not a picture. Upload a {READABLE} file.")


def unread(words: str) -> Rejected:
    """The rejection of a picture, or of a film, that Darkroom does not read; `words` say what it is."""
    return Rejected(
        "unsupported-format",
        f"This is {words}, which Darkroom does not read. Export it as JPEG or PNG and upload that.",
    )


# The sizes of the headers that BMP has had: without one of them "BM" is the beginning of some text.
_BMP_HEADERS = {size.to_bytes(4, "little") for size in (12, 16, 40, 52, 56, 64, 108, 124)}


def _of_brands(head: bytes) -> Kind:
    """The kind of an ISO base media file, by its major brand and then by those it is compatible with."""
    box_bytes = int.from_bytes(head[:4])
    brands = [head[8:12]] + [head[at : at + 4] for at in range(16, min(box_bytes, len(head)) - 3, 4)]
    for brand in brands:
        if brand in _AVIF_BRANDS:
            return "AVIF"
        if brand in _HEIF_BRANDS:
            return "HEIF"
    if brands[0] in {b"mif1", b"msf1"}:
        return "HEIF"
    words = "a raw camera file" if brands[0] == b"crx " else "a video"
    raise Rejected(
        "unsupported-format",
        f"This is {words}, which Darkroom does not read. Upload a picture: {READABLE}.",
    )
