"""Colour spaces that a file names by code points, gamma or chromaticities, compared with the standards' formulas."""

import array
import io
import struct
from collections.abc import Sequence
from itertools import pairwise

import pillow_heif
import pytest
from PIL import Image

from functions.resize.render import render
from shared.renditions import Rendition
from tests.support import pictures
from tests.support.colours import HLG, PQ, shown, srgb
from tests.support.deep import TEN_BIT_RAMP, sixteen_bit_png, ten_bit_heic
from tests.support.icc import DISPLAY_P3, rgb_profile
from tests.support.rendered import LIMITS, Colour, colour, near, opened
from tests.support.spaces import avif, chunk, cicp, gamma, png, png_of, with_nclx

# Greys, skin, and colours inside of every gamut that is tested: outside of it each method clips in its own way.
PATCHES = [(0, 0, 0), (40, 40, 40), (128, 128, 128), (220, 220, 220), (255, 255, 255), (190, 150, 130), (90, 110, 160)]
SIDE = 16
SDR = [(primaries, transfer) for primaries in (1, 9, 12) for transfer in (1, 4, 5, 8, 13, 14)]
HDR = [(primaries, transfer) for primaries in (9, 12) for transfer in (PQ, HLG)]


def patches() -> Image.Image:
    image = Image.new("RGB", (SIDE * len(PATCHES), SIDE))
    for index, patch in enumerate(PATCHES):
        image.paste(patch, (SIDE * index, 0, SIDE * (index + 1), SIDE))
    return image


def rendered(data: bytes) -> Image.Image:
    (picture,) = render(data, [Rendition("x", 400, 400, format="png")], LIMITS).pictures
    return opened(picture)


def seen(data: bytes) -> list[Colour]:
    image = rendered(data).convert("RGB")
    return [image.getpixel((SIDE * index + SIDE // 2, SIDE // 2)) for index in range(len(PATCHES))]  # type: ignore[misc]


def heic(image: Image.Image, primaries: int, transfer: int) -> bytes:
    body = io.BytesIO()
    pillow_heif.from_pillow(image).save(body, quality=-1, chroma=444)
    return with_nclx(body.getvalue(), primaries, transfer)


def apart(left: Sequence[Colour], right: Sequence[Colour]) -> int:
    """The largest difference of two values."""
    return max(abs(a - b) for pair in zip(left, right, strict=True) for a, b in zip(*pair, strict=True))


def wanted(primaries: int, transfer: int, peak_nits: float = 1000) -> list[Colour]:
    return [shown([value / 255 for value in patch], primaries, transfer, peak_nits) for patch in PATCHES]


@pytest.mark.parametrize("make", [png, sixteen_bit_png])
@pytest.mark.parametrize(("primaries", "transfer"), SDR)
def test_a_png_with_cicp_shows_sdr_colours(primaries: int, transfer: int, make: object) -> None:
    assert callable(make)
    assert apart(seen(make(patches(), cicp(primaries, transfer))), wanted(primaries, transfer)) <= 2


@pytest.mark.parametrize("make", [png, sixteen_bit_png])
@pytest.mark.parametrize(("primaries", "transfer"), HDR)
def test_a_png_with_cicp_shows_tone_mapped_hdr(primaries: int, transfer: int, make: object) -> None:
    assert callable(make)
    assert apart(seen(make(patches(), cicp(primaries, transfer))), wanted(primaries, transfer)) <= 4


@pytest.mark.parametrize("make", [avif, heic, ten_bit_heic])
@pytest.mark.parametrize(("primaries", "transfer"), [(1, 13), (9, 13), (12, 13), (9, 8), (12, 4)])
def test_avif_and_heic_with_nclx_show_sdr_colours(primaries: int, transfer: int, make: object) -> None:
    assert callable(make)
    assert apart(seen(make(patches(), primaries, transfer)), wanted(primaries, transfer)) <= 5


@pytest.mark.parametrize("make", [png, sixteen_bit_png])
@pytest.mark.parametrize(("primaries", "transfer"), [(1, PQ), *HDR])
def test_saturated_hdr_is_tone_mapped_as_chromium_does(primaries: int, transfer: int, make: object) -> None:
    """The brightest part is that in BT.2020, whatever the file's primaries are."""
    assert callable(make)
    values = [(200, 80, 0), (255, 200, 80), (150, 0, 200), (80, 200, 150), (0, 80, 200), (255, 255, 150), (200, 0, 0)]
    image = Image.new("RGB", (SIDE * len(values), SIDE))
    for index, value in enumerate(values):
        image.paste(value, (SIDE * index, 0, SIDE * (index + 1), SIDE))
    expected = [shown([part / 255 for part in value], primaries, transfer) for value in values]
    assert apart(seen(make(image, cicp(primaries, transfer))), expected) <= 3


@pytest.mark.parametrize("make", [avif, heic, ten_bit_heic])
@pytest.mark.parametrize(("primaries", "transfer"), HDR)
def test_avif_and_heic_with_nclx_show_tone_mapped_hdr(primaries: int, transfer: int, make: object) -> None:
    assert callable(make)
    assert apart(seen(make(patches(), primaries, transfer)), wanted(primaries, transfer)) <= 6


@pytest.mark.parametrize("transfer", [1, 6, 14])
def test_transfers_of_television_are_srgb_in_an_avif(transfer: int) -> None:
    assert seen(avif(patches(), 1, transfer)) == seen(avif(patches(), 1, 13))


@pytest.mark.parametrize("nits", [150, 400, 1000, 4000, 10_000])
def test_the_brightest_light_of_pq_content_decides_the_tone_curve(nits: int) -> None:
    light_levels = chunk(b"cLLI", struct.pack(">II", nits * 10_000, 100 * 10_000))
    assert apart(seen(png(patches(), cicp(9, PQ), light_levels)), wanted(9, PQ, max(nits, 203))) <= 4


@pytest.mark.parametrize(("primaries", "transfer"), HDR)
def test_tone_mapping_keeps_greys_neutral_and_in_order(primaries: int, transfer: int) -> None:
    ramp = Image.frombytes("RGB", (256, 8), bytes(value for x in range(256) for value in (x, x, x)) * 8)
    image = rendered(png(ramp, cicp(primaries, transfer))).convert("RGB")
    greys = [image.getpixel((x, 4)) for x in range(256)]
    assert all(len(set(grey)) == 1 for grey in greys if isinstance(grey, tuple))
    assert all(darker <= brighter for darker, brighter in pairwise(greys))  # type: ignore[operator]
    sdr_white = 148 if transfer == PQ else 191  # 58 % and 75 %: BT.2408, table 1
    assert greys[sdr_white][0] < 250  # type: ignore[index]


def test_hdr_is_tone_mapped_with_all_the_bits_of_an_avif() -> None:
    image = rendered(TEN_BIT_RAMP).convert("RGB")
    found = [image.getpixel((4 * index + 2, 4)) for index in range(32)]
    assert apart(found, [shown([value / 1023] * 3, 9, PQ) for value in range(500, 532)]) <= 1  # type: ignore[arg-type]
    assert len(set(found)) > 14  # of 8 bits there would be 9


@pytest.mark.parametrize("kind", ["png", "heic"])
@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_hdr_is_tone_mapped_with_all_the_bits_of_the_file(kind: str, transfer: int) -> None:
    first = 560 if transfer == PQ else 740  # where a step of ten bits shows most
    greys = [(first + index) * 64 for index in range(32)]
    values = array.array("H", [grey for grey in greys for _ in range(4 * 3)])
    if kind == "png":
        wide = array.array("H", values)
        wide.byteswap()
        data = png_of(128, 8, (16, 2, 0, 0, 0), (b"\0" + wide.tobytes()) * 8, cicp(9, transfer))
    else:
        file, body = pillow_heif.from_bytes("RGB;16", (128, 8), values.tobytes() * 8), io.BytesIO()
        file.save(body, quality=-1, chroma=444)
        data = with_nclx(body.getvalue(), 9, transfer)
    image = rendered(data).convert("RGB")
    found = [image.getpixel((4 * index + 2, 4)) for index in range(32)]
    # The HEIC passes through YCbCr of 10 bits.
    assert apart(found, [shown([grey / 65_535] * 3, 9, transfer) for grey in greys]) <= 1  # type: ignore[arg-type]
    assert len(set(found)) > 14  # of 8 bits there would be 9


def test_a_deep_avif_is_reduced_before_it_is_converted() -> None:
    (picture,) = render(TEN_BIT_RAMP, [Rendition("x", 16, 16, format="png")], LIMITS).pictures
    image = opened(picture).convert("RGB")
    assert image.size == (16, 1)
    found = [image.getpixel((x, 0)) for x in range(1, 15)]
    # Each pixel is the mean of two greys.
    assert apart(found, [shown([(500.5 + 2 * x) / 1023] * 3, 9, PQ) for x in range(1, 15)]) <= 1  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(40, 30), (120, 90)])
def test_a_deep_picture_is_reduced_like_any_other(size: tuple[int, int]) -> None:
    """Of a fifth of its size, it is first reduced in libavif, libheif or plane by plane."""
    scene = pictures.scene(400, 300, grain=0)
    for data in (sixteen_bit_png(scene, cicp(9, PQ)), ten_bit_heic(scene, 9, PQ)):
        (picture,) = render(data, [Rendition("x", *size, format="png")], LIMITS).pictures
        image = opened(picture)
        assert image.size == size
        sky = shown([value / 255 for value in pictures.SKY], 9, PQ)
        assert near(colour(image, pictures.SKY_AT), sky, 8)


def test_hdr_keeps_its_alpha() -> None:
    image = patches().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    made = rendered(png(image, cicp(9, PQ)))
    assert made.getchannel("A").tobytes() == image.getchannel("A").tobytes()


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_grey_hdr_stays_grey(transfer: int) -> None:
    made = rendered(png(patches().convert("L"), cicp(9, transfer)))
    assert made.mode == "L"
    value = made.getpixel((SIDE * 2 + 8, 8))
    assert isinstance(value, int)
    assert abs(value - shown([128 / 255] * 3, 9, transfer)[0]) <= 2


def test_narrow_range_in_a_png_is_expanded() -> None:
    ramp = Image.new("L", (32, 8), 16)
    ramp.paste(235, (16, 0, 32, 8))
    made = rendered(png(ramp, cicp(1, 13, full_range=0)))
    assert (made.getpixel((4, 4)), made.getpixel((28, 4))) == (0, 255)


SRGB_CORNERS = (31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6000)
SWAPPED_CORNERS = (31_270, 32_900, 30_000, 60_000, 64_000, 33_000, 15_000, 6000)


def corners(*values: int) -> bytes:
    return chunk(b"cHRM", struct.pack(">8i", *values))


@pytest.mark.parametrize(("value", "exponent"), [(100_000, 1.0), (55_556, 1.8), (40_000, 2.5), (62_500, 1.6)])
def test_gamma_of_a_png_is_applied(value: int, exponent: float) -> None:
    found = seen(png(patches().convert("L"), gamma(value)))
    values = [patch[0] for patch in PATCHES[:5]]  # the greys
    assert [grey[0] for grey in found[:5]] == pytest.approx([srgb((v / 255) ** exponent) for v in values], abs=2)


def test_chromaticities_of_a_png_are_applied() -> None:
    red, green = Image.new("RGB", (8, 8), (255, 0, 0)), (0, 255, 0)
    made = rendered(png(red, gamma(45_455), corners(*SWAPPED_CORNERS)))
    assert made.getpixel((4, 4)) == green


def test_dark_greys_of_sixteen_bits_keep_their_steps_under_a_gamma() -> None:
    row = struct.pack(">8H", *range(40, 360, 40))
    data = png_of(8, 8, (16, 0, 0, 0, 0), (b"\0" + row) * 8, gamma(100_000))
    image = rendered(data)
    assert len({image.getpixel((x, 4)) for x in range(8)}) == 8


@pytest.mark.parametrize(
    "chunks",
    [
        [gamma(45_455)],
        [gamma(0)],
        [corners(*SWAPPED_CORNERS)],
        [gamma(100_000), chunk(b"sRGB", b"\0")],
        [gamma(100_000), corners(*SRGB_CORNERS), cicp(1, 13)],
        [gamma(45_455), corners(*[0] * 8)],
        [cicp(2, 2)],
        [chunk(b"cICP", b"\1\1")],
    ],
    ids=["sRGB's gamma", "gamma 0", "no gamma", "sRGB first", "cICP first", "zeros", "unspecified", "cut"],
)
def test_a_png_with_these_chunks_counts_as_srgb(chunks: list[bytes]) -> None:
    assert apart(seen(png(patches(), *chunks)), PATCHES) == 0


def test_cicp_of_a_png_comes_before_its_profile() -> None:
    image = patches()
    data = pictures.encoded(image, "PNG", icc_profile=rgb_profile(DISPLAY_P3, "Display P3"))
    assert seen(data) != PATCHES
    assert seen(data[:33] + cicp(1, 13) + data[33:]) == PATCHES


def test_a_profile_comes_before_nclx_in_an_avif() -> None:
    profile = rgb_profile(DISPLAY_P3, "Display P3")
    assert seen(avif(patches(), 9, PQ, icc_profile=profile)) == seen(avif(patches(), 1, 13, icc_profile=profile))


def test_an_animation_is_tone_mapped_frame_by_frame() -> None:
    data = with_nclx_everywhere(pictures.animated("AVIF", 2, quality=90), 9, PQ)
    (made,) = render(data, [Rendition("x", 160, 120, format="png")], LIMITS).pictures
    assert near(colour(opened(made), pictures.SKY_AT), shown([value / 255 for value in pictures.SKY], 9, PQ), 6)


def with_nclx_everywhere(data: bytes, primaries: int, transfer: int) -> bytes:
    """In a sequence, the first picture and the track have a box each."""
    parts = data.split(b"nclx")
    return b"nclx".join([parts[0], *(struct.pack(">HH", primaries, transfer) + part[4:] for part in parts[1:])])


def test_a_sequence_without_a_range_has_limited_range() -> None:
    """Browsers take it so. Encoders of full range say so in the track."""
    frames = [Image.new("RGB", (32, 32), (value,) * 3) for value in (16, 235)]
    options = {"save_all": True, "append_images": frames[1:], "duration": 100, "quality": 100}
    said = pictures.encoded(frames[0], "AVIF", **options)
    unsaid = said.replace(b"colr", b"free")
    webp = [Rendition("x", 32, 32, format="webp", quality=100)]
    for data, wanted in ((said, (16, 235)), (unsaid, (0, 255))):
        (picture,) = render(data, webp, LIMITS).pictures
        image = Image.open(io.BytesIO(picture.body))
        for index, value in enumerate(wanted):
            image.seek(index)
            found = image.convert("RGB").getpixel((16, 16))
            assert isinstance(found, tuple)
            assert all(abs(part - value) <= 3 for part in found)
