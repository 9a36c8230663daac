"""What the resize engine refuses, in which words, and what it does not refuse."""

import struct

import pytest
from PIL import Image

from functions.resize.formats import base
from functions.resize.formats.jpeg import read as structure_of
from functions.resize.render import render
from shared.errors import Rejected
from shared.limits import Limits
from shared.renditions import Rendition
from tests.support import pictures
from tests.support.rendered import STILLS, made, opened, shows_scene


@pytest.mark.parametrize("name", pictures.NOT_PICTURES)
def test_what_is_no_picture_is_refused_in_words(name: str) -> None:
    with pytest.raises(Rejected) as caught:
        made(pictures.NOT_PICTURES[name])
    unsupported = {"svg", "pdf", "eps", "video"}
    assert caught.value.code == ("unsupported-format" if name in unsupported else "not-an-image")
    assert "pload" in caught.value.sentence


def test_no_plugin_but_the_named_ones_is_ever_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "init", lambda: pytest.fail("Pillow searched all its plugins"))
    monkeypatch.setattr(Image, "open", lambda *_: pytest.fail("Pillow searched its plugins"))
    for data in STILLS.values():
        made(data)
    base._plugin.cache_clear()
    with pytest.raises(Rejected):
        made(pictures.NOT_PICTURES["eps"])


@pytest.mark.parametrize(
    ("limits", "code", "numbers"),
    [
        (Limits(max_bytes=1000), "too-many-bytes", ["1,000"]),
        (Limits(max_pixels=400_000), "too-many-pixels", ["480,000", "400,000"]),
        (Limits(max_side_px=700), "side-too-long", ["800", "700"]),
    ],
)
def test_over_a_limit_says_the_number_and_the_limit(limits: Limits, code: str, numbers: list[str]) -> None:
    for name in STILLS.keys() - {"ico", "large", "large progressive", "bmp", "tiff"}:
        with pytest.raises(Rejected) as caught:
            made(STILLS[name] if code != "too-many-bytes" else STILLS["jpeg"], limits)
        assert caught.value.code == code, name
        assert all(number in caught.value.sentence for number in numbers)


def test_limits_are_checked_before_anything_decodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.JpegImagePlugin.JpegImageFile.load", lambda *_: pytest.fail("decoded"))
    with pytest.raises(Rejected, match="too-many-pixels"):
        made(pictures.jpeg(), Limits(max_pixels=1))


def test_a_tile_larger_than_its_picture_counts_too() -> None:
    tiff = pictures.encoded(pictures.scene(16, 16), "TIFF", tiffinfo={50_000: 1024, 50_001: 2048})
    for stand_in, tag in ((50_000, 322), (50_001, 323)):  # TileWidth and TileLength, which Pillow writes none of
        tiff = tiff.replace(struct.pack("<HH", stand_in, 3), struct.pack("<HH", tag, 3))
    assert made(tiff, Limits(max_pixels=1024 * 2048)).pictures
    with pytest.raises(Rejected, match=r"too-many-pixels: .*1,024 x 2,048"):
        made(tiff, Limits(max_pixels=1024 * 2048 - 1))


def test_a_tiff_of_an_unusual_kind_is_not_called_damaged() -> None:
    tiff = pictures.encoded(pictures.scene(16, 16).convert("L"), "TIFF")
    seven_bits = tiff.replace(struct.pack("<HHII", 258, 3, 1, 8), struct.pack("<HHII", 258, 3, 1, 7))
    with pytest.raises(Rejected, match="unsupported-format: This is a TIFF with"):
        made(seven_bits)


def test_an_animation_counts_all_its_frames() -> None:
    data = pictures.animated_gif(frames=5)
    with pytest.raises(Rejected, match=r"too-many-pixels: .*5 frames") as caught:
        made(data, Limits(max_pixels=320 * 240 * 4))
    assert f"{320 * 240 * 5:,}" in caught.value.sentence


# An MPO that lost its second picture shows its first.
CUT = {name: STILLS[name] for name in STILLS if name not in {"large", "large progressive", "mpo"}}


def test_an_animation_whose_renditions_are_too_many_stays_still() -> None:
    data, one = pictures.animated_gif(frames=5), 5 * 320 * 240
    boxes = [Rendition(name, 320, 240) for name in ("view", "thumb")]
    for pixels, extension in ((2 * one, "webp"), (2 * one - 1, "jpg")):
        assert {picture.extension for picture in render(data, boxes, Limits(max_pixels=pixels)).pictures} == {extension}


@pytest.mark.parametrize("name", CUT)
@pytest.mark.parametrize("part", [0.01, 0.3, 0.7, 0.97])
def test_half_a_file_is_damaged_never_half_a_picture(name: str, part: float) -> None:
    data = CUT[name]
    with pytest.raises(Rejected) as caught:
        made(data[: int(len(data) * part)])
    assert caught.value.code in {"damaged-image", "not-an-image"}


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_a_jpeg_that_was_cut_and_closed_is_damaged_too(options: dict[str, bool]) -> None:
    data = pictures.jpeg(**options)
    with pytest.raises(Rejected, match="damaged-image"):
        made(data[: int(len(data) * (0.1 if "progressive" in options else 0.5))] + b"\xff\xd9")


def test_a_progressive_jpeg_that_was_cut_before_its_details_is_damaged_too() -> None:
    """Its first scan has every mean exactly, as web encoders write it; half of it would leave half a picture grey."""
    data = pictures.jpeg(progressive=True)
    first, second = structure_of(data).scans[:2]
    whole_means = bytearray(data[: second.start])
    whole_means[first.coded - 1] = 0  # no bits are to follow
    for end in (second.start, (first.coded + second.start) // 2):
        with pytest.raises(Rejected, match="a scan is missing"):
            made(bytes(whole_means[:end]) + b"\xff\xd9")


FILLING = {"fill": b"\xff", "segments": b"\xff\xe5\0\2", "stuffing": b"\xff\0"}


@pytest.mark.parametrize("name", FILLING)
def test_a_jpeg_of_markers_alone_costs_no_time(name: str) -> None:
    data = pictures.jpeg(96, 64)
    assert made(data[:2] + FILLING[name] * 1000 + data[2:]).pictures
    with pytest.raises(Rejected, match="100,000 markers"):
        made(data[:2] + FILLING[name] * 200_000 + data[2:])


def test_a_jpeg_that_ends_in_one_colour_is_whole() -> None:
    image = pictures.scene(1700, 1200)
    image.paste((10, 20, 30), (0, 700, 1700, 1200))
    assert made(pictures.encoded(image, "JPEG")).pictures[0].extension == "jpg"


def test_a_png_with_a_book_in_it_is_still_a_picture() -> None:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Comment", "x" * 3_000_000, zip=True)
    assert shows_scene(opened(made(pictures.encoded(pictures.scene(), "PNG", pnginfo=info)).pictures[1]))


@pytest.mark.parametrize("tag", [{0xC612: b"\1\4\0\0"}, {0x00FE: 1}])
def test_a_raw_camera_file_is_named_and_its_preview_not_taken_for_the_picture(tag: dict[int, object]) -> None:
    with pytest.raises(Rejected, match="unsupported-format: This is a raw camera file"):
        made(pictures.encoded(pictures.scene(160, 120), "TIFF", tiffinfo=tag))


def test_so_is_canons_whose_beginning_says_it() -> None:
    with pytest.raises(Rejected, match="unsupported-format: This is a raw camera file"):
        made(b"II*\0\x10\0\0\0CR\2\0" + bytes(99))
