"""Unusual but undamaged PNGs, alone and inside icons. Browsers show them, so the gallery must too."""

import struct
import zlib

import pytest
from PIL import Image

from functions.resize.render import render
from shared.errors import Rejected
from shared.limits import Limits
from shared.renditions import Rendition
from tests.support import pictures
from tests.support.icc import DISPLAY_P3, rgb_profile
from tests.support.rendered import LIMITS, colour, made, near, opened, shows_scene
from tests.support.spaces import chunk, png_of

SMALL, LARGE = (pictures.encoded(pictures.scene(*size), "PNG", compress_level=1) for size in ((240, 180), (2400, 1800)))


def with_chunk(data: bytes, added: bytes, before: bytes = b"IDAT") -> bytes:
    at = data.index(before) - 4
    return data[:at] + added + data[at:]


def grey_png(depth: int, row: bytes, key: int) -> bytes:
    """Return 16 x 16 greys, of which the value `key` is transparent; every row is the same."""
    return png_of(16, 16, (depth, 0, 0, 0, 0), (b"\0" + row) * 16, chunk(b"tRNS", key.to_bytes(2)))


NOTES = {
    "profile by an unknown method": chunk(b"iCCP", b"x\0\x05abc"),
    "profile cut": chunk(b"iCCP", b"x\0\0" + zlib.compress(b"x" * 999)[:9]),
    "profile empty": chunk(b"iCCP", b""),
    "profile that inflates without end": chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(99_000_000))),
    "resolution too short": chunk(b"pHYs", b"12"),
    "checksum of a date": chunk(b"tIME", b"\x07\xe8\1\1\1\1\1")[:-4] + b"\0\0\0\0",
    "text that inflates without end": chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(99_000_000))),
    "exif empty": chunk(b"eXIf", b""),
}


@pytest.mark.parametrize("name", NOTES)
@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])
def test_a_broken_text_chunk_does_not_reject_the_picture(data: bytes, name: str) -> None:
    assert shows_scene(opened(made(with_chunk(data, NOTES[name])).pictures[0]))


def test_a_profile_may_be_as_large_as_those_of_printers() -> None:
    profile = rgb_profile(DISPLAY_P3, "Display P3")
    long = profile + bytes(3_000_000)  # decoders ignore bytes after the last tag
    wide = made(with_chunk(SMALL, chunk(b"iCCP", b"x\0\0" + zlib.compress(profile)))).pictures[1]
    assert made(with_chunk(SMALL, chunk(b"iCCP", b"x\0\0" + zlib.compress(long)))).pictures[1].body == wide.body
    assert not near(colour(opened(wide), pictures.DISC_AT), pictures.DISC)


def test_the_orientation_may_follow_the_pixels() -> None:
    stored = pictures.encoded(pictures.scene().transpose(Image.Transpose.ROTATE_90), "PNG")
    exif = pictures.exif(6).tobytes()[6:]
    rendered = made(with_chunk(stored, chunk(b"eXIf", exif), before=b"IEND"))
    assert (rendered.width_px, rendered.height_px) == (800, 600)
    assert shows_scene(opened(rendered.pictures[1]))


@pytest.mark.parametrize(
    ("depth", "row", "key"), [(1, b"\xff\0", 1), (2, b"\xaa\xaa\x55\x55", 2), (4, b"\x99" * 4 + bytes(4), 9)]
)
def test_the_transparent_grey_is_scaled_with_the_bit_depth(depth: int, row: bytes, key: int) -> None:
    view = opened(made(grey_png(depth, row, key)).pictures[1]).convert("RGBA").getchannel("A")
    assert (view.getpixel((2, 8)), view.getpixel((13, 8))) == (0, 255)


def test_a_sixteen_bit_transparent_colour_is_compared_with_all_its_bits() -> None:
    row = struct.pack(">3H", 255, 255, 255) * 8 + struct.pack(">3H", 65_535, 65_535, 65_535) * 8
    key = chunk(b"tRNS", struct.pack(">3H", 255, 255, 255))
    data = png_of(16, 16, (16, 2, 0, 0, 0), (b"\0" + row) * 16, key)
    view = opened(made(data).pictures[1]).convert("RGBA").getchannel("A")
    assert (view.getpixel((2, 8)), view.getpixel((13, 8))) == (0, 255)


def test_a_png_with_more_than_200_000_chunks_is_rejected() -> None:
    with pytest.raises(Rejected, match="200,000 chunks"):
        made(with_chunk(SMALL, chunk(b"abCd", b"") * 200_001))


def icon(*entries: tuple[int, int, bytes]) -> bytes:
    """Return an ICO; each picture has a side of at most 256, its bits per pixel, and its file or bitmap."""
    offset = 6 + 16 * len(entries)
    table, bodies = struct.pack("<HHH", 0, 1, len(entries)), b""
    for side, bits, body in entries:
        table += struct.pack("<BBBBHHII", side & 255, side & 255, 0, 0, 1, bits, len(body), offset + len(bodies))
        bodies += body
    return table + bodies


def test_an_icon_over_the_limit_is_rejected_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", lambda *_: pytest.fail("decoded"))
    with pytest.raises(Rejected, match=r"too-many-pixels: .*43,200 in all, and at most 40,000"):
        made(icon((256, 32, SMALL)), Limits(max_pixels=40_000))
    bitmap = struct.pack("<IiiHHIIiiII", 40, 60_000, 120_000, 1, 1, 0, 0, 0, 0, 0, 0) + bytes(1000)
    with pytest.raises(Rejected, match=r"too-many-pixels: .*3,600,000,000 in all"):
        made(icon((256, 1, bitmap)))


def test_an_icon_with_a_damaged_picture_is_damaged() -> None:
    broken = bytearray(SMALL)
    broken[len(broken) // 2] ^= 0xFF
    with pytest.raises(Rejected, match="damaged-image"):
        made(icon((256, 32, bytes(broken))))


def test_an_icon_shows_its_largest_picture_with_the_most_colours() -> None:
    grey = pictures.encoded(pictures.scene(64, 64, grain=0).convert("1"), "PNG")
    small = pictures.encoded(pictures.scene(16, 16, grain=0), "PNG")
    best = pictures.encoded(pictures.scene(64, 64, grain=0), "PNG")
    rendered = made(icon((16, 32, small), (64, 1, grey), (64, 32, best)))
    assert shows_scene(opened(rendered.pictures[0]))


def test_every_kind_of_bitmap_in_an_icon_is_read() -> None:
    scene = pictures.scene(64, 64, grain=0)
    header = struct.pack("<IiiHHIIiiII", 40, 64, 128, 1, 24, 0, 0, 0, 0, 0, 0)
    bitmap = header + scene.tobytes("raw", "BGR", 0, -1) + bytes(64 * 64 // 8)
    (picture,) = render(icon((64, 24, bitmap)), [Rendition("x", 64, 64)], LIMITS).pictures
    assert shows_scene(opened(picture))


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("height", [63, 64])
def test_missing_rows_are_damage_even_if_the_stream_ends_properly(height: int, interlaced: bool) -> None:
    """Tests a picture of one colour: every row is the same, in every pass."""
    passes = [((64 + 7 - x) // 8, (height + 7 - y) // 8) for x, y in ((0, 0), (4, 0))]
    passes += [(16, (height + 3) // 8), (16, (height + 3) // 4), (32, (height + 1) // 4), (32, (height + 1) // 2)]
    passes = [*passes, (64, height // 2)] if interlaced else [(64, height)]
    rows = b"".join((b"\0" + b"\x99" * width) * rows for width, rows in passes)
    whole, cut = (png_of(64, height, (8, 0, 0, 0, interlaced), pixels) for pixels in (rows, rows[: -10 * 65]))
    assert made(whole).pictures
    with pytest.raises(Rejected, match="its last rows are missing"):
        made(cut)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_picture_whose_last_rows_are_black_is_undamaged(mode: str) -> None:
    for size in ((1, 1), (63, 41)):
        assert made(pictures.encoded(Image.new(mode, size), "PNG")).pictures
