"""BMPs of every layout: bit fields, alpha, few bits, run lengths. Pillow reads only some of them."""

import struct
from collections.abc import Sequence

import pytest
from PIL import Image

from functions.resize.render import render
from shared.errors import Rejected
from shared.limits import Limits
from shared.renditions import Rendition
from tests.support import pictures
from tests.support.rendered import LIMITS, made, opened

type Pixel = tuple[int, ...]

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]


def bmp(
    size: tuple[int, int], bits: int, pixels: bytes, compression: int = 0, after: bytes = b"", palette: bytes = b"",
    header_bytes: int = 40,
) -> bytes:  # fmt: skip
    """A file whose `after` begins where the header's 40 bytes that all have end."""
    width, height = size
    info = struct.pack(
        "<IiiHHIIiiII", header_bytes, width, height, 1, bits, compression, len(pixels), 0, 0, len(palette) // 4, 0
    )
    head = info + after.ljust(header_bytes - 40, b"\0") + palette
    return struct.pack("<2sIII", b"BM", 14 + len(head) + len(pixels), 0, 14 + len(head)) + head + pixels


def masks(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def seen(data: bytes) -> list[Pixel]:
    """The four pixels of a picture of 4 x 4, in the row at the top."""
    (picture,) = render(data, [Rendition("x", 4, 4, format="png")], LIMITS).pictures
    image = opened(picture)
    assert image.size == (4, 4)
    return [image.getpixel((x, 0)) for x in range(4)]  # type: ignore[misc]


def packed(values: Sequence[int], form: str, rows: int = 4) -> bytes:
    return struct.pack(f"<{len(values)}{form}", *values) * rows


@pytest.mark.parametrize("header_bytes", [40, 52, 56, 108, 124])
@pytest.mark.parametrize(
    ("form", "fields"),
    [
        ("H", (0xF800, 0x07E0, 0x001F)),
        ("H", (0x000F, 0x00F0, 0x0F00)),
        ("I", (0xFF000000, 0xFF0, 0xFF0000)),
        ("I", (0x3FF00000, 0xFFC00, 0x3FF)),
        ("I", (0x00FF0000, 0x0000FF00, 0x000000FF)),
    ],
)
def test_bit_fields_of_any_layout_are_read(form: str, fields: tuple[int, int, int], header_bytes: int) -> None:
    values = [fields[0], fields[1], fields[2], fields[0] | fields[1] | fields[2]]
    bits = 16 if form == "H" else 32
    if header_bytes == 40:  # the masks follow the header
        data = bmp((4, 4), bits, packed(values, form), 3, palette=masks(*fields))
    else:
        data = bmp((4, 4), bits, packed(values, form), 3, masks(*fields), header_bytes=header_bytes)
    wanted = [tuple(255 * (value & mask) // mask for mask in fields) for value in values]
    for found, right in zip(seen(data), wanted, strict=True):
        assert found == pytest.approx(right, abs=1)


@pytest.mark.parametrize(("compression", "header_bytes"), [(3, 124), (3, 56), (0, 124), (6, 40)])
def test_alpha_is_kept(compression: int, header_bytes: int) -> None:
    fields = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    values = [0x00FF0000, 0x80FF0000, 0xFFFF0000, 0xFF00FF00]
    if header_bytes == 40:
        data = bmp((4, 4), 32, packed(values, "I"), compression, palette=masks(*fields))
    else:
        data = bmp((4, 4), 32, packed(values, "I"), compression, masks(*fields), header_bytes=header_bytes)
    assert [pixel[3] for pixel in seen(data)] == [0, 128, 255, 255]
    assert seen(data)[2:] == [(255, 0, 0, 255), (0, 255, 0, 255)]


def palette(*colours: tuple[int, int, int]) -> bytes:
    return b"".join(bytes((blue, green, red, 0)) for red, green, blue in colours)


def test_two_bits_a_pixel_are_read() -> None:
    row = bytes((0b00_01_10_11, 0, 0, 0))
    assert seen(bmp((4, 4), 2, row * 4, palette=palette(*COLOURS))) == COLOURS


def test_run_lengths_with_a_gap_leave_the_first_colour() -> None:
    """The lowest row comes first. A move by one to the right skips a pixel; lines may end early."""
    top = bytes((0, 2, 1, 0, 2, 2, 1, 3, 0, 0))
    rows = b"".join((bytes((4, 1, 0, 0)), bytes((1, 1, 0, 0)), bytes((0, 3, 1, 2, 3, 0, 0, 0)), top, bytes((0, 1))))
    data = bmp((4, 4), 8, rows, 1, palette=palette(*COLOURS))
    assert seen(data) == [COLOURS[0], COLOURS[2], COLOURS[2], COLOURS[3]]
    (picture,) = render(data, [Rendition("x", 4, 4, format="png")], LIMITS).pictures
    image = opened(picture)
    assert [image.getpixel((x, 1)) for x in range(4)] == [COLOURS[1], COLOURS[2], COLOURS[3], COLOURS[0]]
    assert [image.getpixel((x, 2)) for x in range(4)] == [COLOURS[1], COLOURS[0], COLOURS[0], COLOURS[0]]


def test_run_lengths_of_four_bits_are_read() -> None:
    rows = bytes((4, 0x01, 0, 0)) * 3 + bytes((0, 4, 0x01, 0x23, 0, 0)) + bytes((0, 1))
    assert seen(bmp((4, 4), 4, rows, 2, palette=palette(*COLOURS))) == COLOURS


@pytest.mark.parametrize("compression", [1, 3])
def test_a_picture_without_its_last_pixels_is_damaged(compression: int) -> None:
    whole = bmp((4, 4), 32, packed([0] * 4, "I"), 3, palette=masks(0xFF0000, 0xFF00, 0xFF))
    cut = bmp((4, 4), 8, bytes((4, 1, 0, 0)), 1, palette=palette(*COLOURS)) if compression == 1 else whole[:-4]
    with pytest.raises(Rejected, match="damaged-image"):
        made(cut)


def test_an_empty_bit_mask_is_damage() -> None:
    with pytest.raises(Rejected, match=r"damaged-image: .*its masks make no sense"):
        made(bmp((4, 4), 32, packed([0] * 4, "I"), 3, palette=masks(0, 0xFF00, 0xFF)))


def test_more_runs_than_any_picture_has_cost_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.resize.formats.bmp_pixels._MAX_RUNS", 50)
    with pytest.raises(Rejected, match=r"damaged-image: .*more than 50 runs"):
        made(bmp((4, 4), 8, bytes((0, 2, 0, 0)) * 60, 1, palette=palette(*COLOURS)))


def test_the_pixel_limit_applies_to_bmps_that_pillow_cannot_read() -> None:
    with pytest.raises(Rejected, match="too-many-pixels"):
        made(bmp((4, 4), 32, packed([0] * 4, "I"), 3, palette=masks(0xFF0000, 0xFF00, 0xFF)), Limits(max_pixels=15))


def test_a_plain_picture_is_the_same_by_either_reader() -> None:
    image = pictures.scene(64, 48)
    fields = masks(0xFF0000, 0xFF00, 0xFF)
    pixels = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM).convert("RGB").tobytes("raw", "BGRX")
    both = bmp((64, 48), 32, pixels), bmp((64, 48), 32, pixels, 3, palette=fields)
    views = [render(data, [Rendition("x", 64, 48, format="png")], LIMITS).pictures[0].body for data in both]
    assert views[0] == views[1]


@pytest.mark.parametrize(
    ("bits", "compression", "header_bytes"),
    [(0, 4, 40), (0, 5, 124), (24, 4, 64), (1, 3, 64), (64, 0, 40)],
    ids=["JPEG inside", "PNG inside", "OS/2's 24-bit runs", "OS/2's Huffman coding", "64 bits"],
)
def test_a_bmp_in_an_unusual_coding_is_not_called_damaged(bits: int, compression: int, header_bytes: int) -> None:
    data = bmp((4, 4), bits, bytes(512), compression, header_bytes=header_bytes)
    with pytest.raises(Rejected, match=rf"unsupported-format: .* BMP in an unusual coding \({compression}, {bits}"):
        made(data)
