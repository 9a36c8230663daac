"""The format of a file by its first bytes: every header and brand, and texts that look similar."""

import struct

import pytest
from PIL import Image

from functions.resize.formats.sniff import sniff
from shared.errors import Rejected
from tests.support import pictures
from tests.support.rendered import STILLS, made, opened, shows_scene

SCENE = pictures.scene(64, 48, grain=0)
ROWS = SCENE.tobytes("raw", "BGR", 0, -1)  # 192 bytes a row: no padding


def bmp(header_bytes: int) -> bytes:
    """Return the scene as a BMP with a header of this size, as in Windows or OS/2."""
    if header_bytes == 12:
        header = struct.pack("<IHHHH", 12, 64, 48, 1, 24)
    else:
        header = struct.pack("<IiiHHIIiiII", header_bytes, 64, 48, 1, 24, 0, len(ROWS), 0, 0, 0, 0)
        header = header.ljust(header_bytes, b"\0")
    start = 14 + header_bytes
    return b"BM" + struct.pack("<IHHI", start + len(ROWS), 0, 0, start) + header + ROWS


@pytest.mark.parametrize("header_bytes", [12, 40, 52, 56, 64, 108, 124])
def test_a_bmp_with_any_known_header_is_rendered(header_bytes: int) -> None:
    rendered = made(bmp(header_bytes))
    assert rendered.format == "bmp"
    assert shows_scene(opened(rendered.pictures[0]))


def test_the_bmp_header_that_pillow_cannot_read_is_unsupported() -> None:
    with pytest.raises(Rejected, match=r"Unsupported BMP header type \(16\)"):
        made(bmp(16))


def test_a_text_that_starts_with_bm_is_not_a_bmp() -> None:
    with pytest.raises(Rejected, match="not-an-image"):
        made(b"BMW drivers park wherever they like, and so on and on.\n" * 3)


def branded(data: bytes, major: bytes, *compatible: bytes) -> bytes:
    """Return an ISO media file with other brands in a box of the same length, because offsets count from the start."""
    size = int.from_bytes(data[:4])
    brands = b"".join(compatible).ljust(size - 16, b"\0")
    assert len(brands) == size - 16
    return data[:8] + major + bytes(4) + brands + data[size:]


@pytest.mark.parametrize(
    ("name", "brands", "format"),
    [
        ("heic", (b"mif1", b"mif1"), "heif"),
        ("heic", (b"mif1", b"miaf", b"heic"), "heif"),
        ("avif", (b"mif1", b"miaf", b"avif"), "avif"),
        ("avif", (b"isom", b"miaf", b"avif"), "avif"),
    ],
)
def test_a_heif_or_avif_is_recognised_by_any_of_its_brands(name: str, brands: tuple[bytes, ...], format: str) -> None:  # noqa: A002
    rendered = made(branded(STILLS[name], *brands))
    assert rendered.format == format
    assert shows_scene(opened(rendered.pictures[0]))


def test_an_image_sequence_is_not_a_video() -> None:
    """The decoder decides whether the sequence contains a picture."""
    assert sniff(branded(STILLS["heic"], b"msf1", b"msf1")).name == "HEIF"


def test_a_video_is_rejected_whatever_its_other_brands_are() -> None:
    film = branded(STILLS["avif"], b"isom", b"mp42")
    end = int.from_bytes(film[:4])
    with pytest.raises(Rejected, match="This is a video"):
        made(film[:end] + b"\0\0\0\x0cfreeavif" + film[end:])


@pytest.mark.parametrize(
    ("mode", "options", "start"),
    [
        ("I;16B", {}, b"MM\0*"),
        ("I;16", {}, b"II*\0"),
        ("I;16", {"big_tiff": True}, b"II+\0"),
    ],
)
def test_tiff_and_bigtiff_of_either_byte_order_are_recognised(
    mode: str, options: dict[str, bool], start: bytes
) -> None:
    order = ">" if mode == "I;16B" else "<"
    row = struct.pack(f"{order}64H", *(65_535 * x // 63 for x in range(64)))
    data = pictures.encoded(Image.frombytes(mode, (64, 48), row * 48), "TIFF", **options)
    assert data.startswith(start)
    view = opened(made(data).pictures[1])
    for x in (4, 32, 60):
        grey = view.getpixel((x, 24))
        assert isinstance(grey, int)
        assert abs(grey - 255 * x // 63) < 4


def test_a_bigtiff_that_pillow_cannot_read_is_unsupported_not_damaged() -> None:
    data = pictures.encoded(Image.new("I;16B", (64, 48)), "TIFF", big_tiff=True)
    assert data.startswith(b"MM\0+")
    with pytest.raises(Rejected, match="unsupported-format: This is a BigTIFF file"):
        made(data)
