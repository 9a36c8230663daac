"""AVIF and HEIC: boxes that decoders overlook, and files that need a decoder that is not there."""

import io
import struct
from collections.abc import Callable

import pillow_heif
import pytest
from PIL import Image

from functions.resize.formats.isobmff import clean_aperture
from functions.resize.render import render
from shared.errors import Rejected
from shared.renditions import Rendition
from tests.support import pictures
from tests.support.boxes import box, minimized, span, with_one_ipma_an_item, with_property
from tests.support.icc import DISPLAY_P3, rgb_profile
from tests.support.rendered import LIMITS, made, near, opened, shows_scene
from tests.support.spaces import with_nclx

STILL = pictures.encoded(pictures.scene(grain=0), "AVIF", quality=90, speed=10)


def shown(data: bytes) -> Image.Image:
    (picture,) = render(data, [Rendition("x", 400, 400, format="png")], LIMITS).pictures
    return opened(picture)


def test_an_avif_with_two_ipma_boxes_is_shown() -> None:
    data = pictures.transparent("AVIF")
    rewritten = with_one_ipma_an_item(data)
    assert rewritten.count(b"ipma") == 2
    assert shown(rewritten).tobytes() == shown(data).tobytes()


@pytest.mark.parametrize("make", [lambda: STILL, lambda: pictures.transparent("AVIF")], ids=["opaque", "transparent"])
@pytest.mark.parametrize("exif", [b"", b"II*\0" + bytes(40)])
def test_an_avif_with_a_minimized_header_is_shown(make: Callable[[], bytes], exif: bytes) -> None:
    data = make()
    assert shown(minimized(data, exif=exif)).tobytes() == shown(data).tobytes()


def test_a_minimized_header_turns_the_picture() -> None:
    turned = pictures.scene(grain=0).transpose(Image.Transpose.ROTATE_90)
    rendered = made(minimized(pictures.encoded(turned, "AVIF", quality=90, speed=10), orientation=6))
    assert (rendered.width_px, rendered.height_px) == (800, 600)
    assert shows_scene(opened(rendered.pictures[1]))


def test_a_minimized_header_names_the_colours() -> None:
    profile = rgb_profile(DISPLAY_P3, "Display P3")
    data = pictures.encoded(pictures.scene(grain=0), "AVIF", quality=90, speed=10, icc_profile=profile)
    assert shown(minimized(data, icc=profile)).tobytes() == shown(data).tobytes()
    with_code_points = minimized(STILL, cicp=bytes((9, 16, 6)))
    assert shown(with_code_points).tobytes() == shown(with_nclx(STILL, 9, 16)).tobytes()


def test_a_cut_minimized_header_is_damage() -> None:
    data = minimized(STILL)
    for cut in (20, 30, 60, len(data) - 9):
        with pytest.raises(Rejected, match="damaged-image"):
            made(data[:cut])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (box(b"ftyp", b"mif3avif") + box(b"mini", b"\x21" + bytes(80)), "gain map, HDR metadata or another coding"),
        (box(b"ftyp", b"mif3avif") + box(b"mini", b"\xc0" + bytes(80)), "unknown version"),
        (box(b"ftyp", b"mif3heic") + box(b"mini", bytes(80)), "a HEIF with a minimized header"),
    ],
)
def test_a_minimized_header_beyond_the_engine_is_named(data: bytes, words: str) -> None:
    with pytest.raises(Rejected, match=f"unsupported-format: This is .*{words}"):
        made(data)


def clap(width: int, height: int, right: int, down: int) -> bytes:
    return box(b"clap", struct.pack(">IIIIiIiI", width, 1, height, 1, right, 1, down, 1))


def test_the_clean_aperture_of_an_avif_is_applied() -> None:
    rendered = made(with_property(STILL, clap(400, 300, -200, -150)))
    assert (rendered.width_px, rendered.height_px) == (400, 300)
    wanted = pictures.scene(grain=0).crop((0, 0, 400, 300))
    found = opened(rendered.pictures[1]).convert("RGB")
    for at in ((200, 180), (20, 20), (390, 20)):
        assert near(found.getpixel(at), wanted.getpixel(at), 12)  # type: ignore[arg-type]


def test_a_clean_aperture_outside_of_the_picture_is_ignored() -> None:
    assert made(with_property(STILL, clap(400, 300, 300, 0))).width_px == 800


@pytest.mark.parametrize("clap_bytes", [b"", bytes(32), struct.pack(">8I", 4, 0, 4, 1, 0, 1, 0, 1)])
def test_a_clean_aperture_that_makes_no_sense_is_ignored(clap_bytes: bytes) -> None:
    assert clean_aperture(clap_bytes, (8, 8)) is None


def heic_with_exif(orientation: int) -> bytes:
    """A HEIC that is turned by EXIF and, as pillow-heif writes it, by a box."""
    body = io.BytesIO()
    turned = {6: Image.Transpose.ROTATE_90, 3: Image.Transpose.ROTATE_180}[orientation]
    file = pillow_heif.from_pillow(pictures.scene().transpose(turned))
    file.info["exif"] = pictures.exif(orientation).tobytes()
    file.save(body, quality=80)
    upright, turned_by_exif = (struct.pack("<HHIHH", 0x112, 3, 1, value, 0) for value in (1, orientation))
    return body.getvalue().replace(upright, turned_by_exif)


@pytest.mark.parametrize("orientation", [3, 6])
def test_exif_turns_a_heic_that_no_box_turns(orientation: int) -> None:
    rendered = made(heic_with_exif(orientation).replace(b"irot", b"free"))
    assert (rendered.width_px, rendered.height_px) == (800, 600)
    assert shows_scene(opened(rendered.pictures[1]))


def test_a_box_that_turns_a_heic_comes_before_exif() -> None:
    data = heic_with_exif(6)
    assert b"irot" in data
    rendered = made(data)
    assert (rendered.width_px, rendered.height_px) == (800, 600)
    assert shows_scene(opened(rendered.pictures[1]))


def test_an_avif_beyond_the_side_of_its_decoder_is_not_called_damaged() -> None:
    at = STILL.index(b"ispe") + 8
    wide = STILL[:at] + struct.pack(">I", 40_000) + STILL[at + 4 :]
    with pytest.raises(Rejected, match="unsupported-format: This is an AVIF with a side of more than 32,768 pixels"):
        made(wide)


def test_a_heif_beyond_a_limit_of_its_decoder_is_not_called_damaged() -> None:
    """libheif takes at most a hundred boxes in one. The new box `meta` stands at the end, so no offset changes."""
    data = pictures.heic()
    start, end = span(data, b"meta")
    many = box(b"meta", data[start + 8 : end] + box(b"free", b"") * 150)
    with pytest.raises(Rejected, match="unsupported-format: This is a HEIF picture of a kind or size beyond"):
        made(data[: start + 4] + b"free" + data[start + 8 :] + many)


def test_a_heif_in_another_coding_is_not_called_damaged() -> None:
    """The item says that it is in AV1, which the decoder for HEIF lacks."""
    data = pictures.heic().replace(b"hvc1", b"vvc1").replace(b"hvcC", b"vvcC")
    with pytest.raises(Rejected, match="unsupported-format: This is a HEIF picture of a kind"):
        made(data)
