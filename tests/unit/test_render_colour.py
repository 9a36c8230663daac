"""Values with more than 8 bits, other colour models and other black points keep their brightness."""

import struct

import pytest
from PIL import Image, ImageCms

from functions.resize.render import render
from shared.renditions import Rendition
from tests.support import pictures
from tests.support.icc import SRGB, rgb_profile
from tests.support.rendered import LIMITS, made, near, opened, shows_scene

SIZE = (32, 24)


def seen(data: bytes) -> list[tuple[int, int, int]]:
    """Return the colours on the left and on the right."""
    (picture,) = render(data, [Rendition("x", *SIZE, format="png")], LIMITS).pictures
    image = opened(picture).convert("RGB")
    assert image.size == SIZE
    return [image.getpixel((x, 12)) for x in (4, 27)]  # type: ignore[misc]


def greys(data: bytes) -> list[int]:
    left, right = seen(data)
    assert len(set(left)) == len(set(right)) == 1
    return [left[0], right[0]]


@pytest.mark.parametrize(
    ("mode", "left", "right", "shown"),
    [
        ("I", 100, 200, [100, 200]),
        ("I", 0, 255, [0, 255]),
        ("I", 0, 1, [0, 1]),
        ("I", 0, 256, [0, 1]),
        ("I", 12_850, 51_400, [50, 200]),
        ("I", 0, 65_535, [0, 255]),
        ("I", 500_000, 1_000_000, [128, 255]),
        ("I", -100, 155, [0, 183]),
        ("F", 0.25, 1.0, [64, 255]),
        ("F", 0.25, 0.5, [64, 128]),
        ("F", 100.0, 200.0, [100, 200]),
        ("F", 12_850.0, 51_400.0, [50, 200]),
        ("F", 5e8, 1e9, [128, 255]),
        ("F", -1.0, 1.0, [0, 255]),
    ],
)
def test_the_white_of_32_bit_values_is_the_narrowest_range_that_holds_them(
    mode: str, left: float, right: float, shown: list[int]
) -> None:
    row = struct.pack("=16i16i" if mode == "I" else "=16f16f", *[left] * 16, *[right] * 16)
    assert greys(pictures.encoded(Image.frombytes(mode, SIZE, row * 24), "TIFF")) == pytest.approx(shown, abs=1)


def test_a_twelve_bit_tiff_is_as_bright_as_an_eight_bit_tiff() -> None:
    """Tests two values in three bytes. Pillow cannot write such a file, so the test builds it (TIFF 6.0, section 2)."""
    row = (0x400_400).to_bytes(3) * 8 + (0xFFF_FFF).to_bytes(3) * 8
    pixels = row * SIZE[1]
    tags = {256: SIZE[0], 257: SIZE[1], 258: 12, 259: 1, 262: 1, 273: 8, 277: 1, 278: SIZE[1], 279: len(pixels)}
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", t, 4, 1, v) for t, v in tags.items())
    data = b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + directory + bytes(4)
    assert greys(data) == pytest.approx([64, 255], abs=1)


@pytest.mark.parametrize(
    ("lab", "shown"),
    [
        ((255, 128, 128), (255, 255, 255)),
        ((128, 128, 128), (119, 119, 119)),
        ((138, 209, 198), (255, 0, 0)),
        ((75, 196, 16), (0, 0, 255)),
    ],
)
def test_a_tiff_in_lab_keeps_its_colours(lab: tuple[int, int, int], shown: tuple[int, int, int]) -> None:
    """An L* of 255 means 100, an a* or b* of 128 means 0. The expected colours are sRGB's primaries under D50."""
    left, right = seen(pictures.encoded(Image.new("LAB", SIZE, lab), "TIFF"))
    assert left == right
    assert near(left, shown, 25)  # red and blue clip here, and methods differ a little


def test_the_darkest_colour_of_a_profile_becomes_black() -> None:
    """The black of paper and screens still reflects light. Without compensation such a picture looks washed out."""
    image = Image.new("RGB", SIZE, "black")
    image.paste((255, 255, 255), (16, 0, 32, 24))
    profile = rgb_profile(SRGB, "Bright room", black=0.03)
    assert greys(pictures.encoded(image, "PNG", icc_profile=profile)) == pytest.approx([0, 255], abs=2)


def test_a_cielab_tiff_shows_its_colours() -> None:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    stored = ImageCms.profileToProfile(pictures.scene(grain=0), srgb, lab, outputMode="LAB")
    assert stored is not None
    data = pictures.encoded(stored, "TIFF", compression="tiff_lzw")
    assert shows_scene(opened(made(data).pictures[1]))


@pytest.mark.parametrize(("bits", "photometric"), [(4, 1), (4, 0), (4, 3)], ids=["grey", "white is 0", "palette"])
def test_a_tiff_of_four_bits_shows_its_colours(bits: int, photometric: int) -> None:
    """Each row is a ramp of all sixteen values."""
    tags = {
        256: (3, [16]), 257: (3, [4]), 258: (3, [bits]), 259: (3, [1]), 262: (3, [photometric]), 273: (4, [8]),
        277: (3, [1]), 278: (3, [4]), 279: (4, [32]),
    }  # fmt: skip
    body = b"II*\0" + (8 + 32).to_bytes(4, "little") + bytes(range(1, 256, 34)) * 4
    if photometric == 3:
        tags[320] = (3, [value * 4369 for value in (*range(16), *range(15, -1, -1), *[0] * 16)])
    data = body + ifd(tags, len(body))
    image = opened(render(data, [Rendition("x", 16, 16, format="png")], LIMITS).pictures[0]).convert("RGB")
    found = [image.getpixel((x, 2)) for x in range(16)]
    greys = range(0, 256, 17)
    assert (
        found
        == {
            1: [(grey,) * 3 for grey in greys],
            0: [(255 - grey,) * 3 for grey in greys],
            3: [(grey, 255 - grey, 0) for grey in greys],
        }[photometric]
    )


def ifd(tags: dict[int, tuple[int, list[int]]], at: int) -> bytes:
    """Returns a TIFF's directory at offset `at`; a value that does not fit into its entry follows the directory."""
    entries, after = b"", b""
    end = at + 2 + 12 * len(tags) + 4
    for number, (kind, values) in sorted(tags.items()):
        packed = struct.pack(f"<{len(values)}{'H' if kind == 3 else 'I'}", *values)
        if len(packed) > 4:
            after, packed = after + packed, (end + len(after)).to_bytes(4, "little")
        entries += struct.pack("<HHI", number, kind, len(values)) + packed.ljust(4, b"\0")
    return struct.pack("<H", len(tags)) + entries + bytes(4) + after
