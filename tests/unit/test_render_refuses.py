"""Files that the resize engine rejects, with their reasons, and unusual files that it accepts."""

import struct

import pytest
from PIL import Image

from functions.resize.formats import base, bmp_pixels, libspng, webp
from functions.resize.formats.jpeg_scans import read as structure_of
from functions.resize.render import render
from shared.errors import Rejected
from shared.limits import Limits
from shared.renditions import Rendition
from tests.support import pictures
from tests.support.rendered import STILLS, made, opened, shows_scene


@pytest.mark.parametrize("name", pictures.NOT_PICTURES)
def test_a_file_that_is_no_picture_is_rejected_with_a_sentence(name: str) -> None:
    with pytest.raises(Rejected) as caught:
        made(pictures.NOT_PICTURES[name])
    unsupported = {"svg", "pdf", "eps", "video"}
    assert caught.value.code == ("unsupported-format" if name in unsupported else "not-an-image")
    assert "pload" in caught.value.sentence


def test_only_the_listed_pillow_plugins_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_a_rejection_over_a_limit_names_the_value_and_the_limit(limits: Limits, code: str, numbers: list[str]) -> None:
    for name in STILLS.keys() - {"ico", "large", "large progressive", "bmp", "tiff"}:
        with pytest.raises(Rejected) as caught:
            made(STILLS[name] if code != "too-many-bytes" else STILLS["jpeg"], limits)
        assert caught.value.code == code, name
        assert all(number in caught.value.sentence for number in numbers)


def test_limits_are_checked_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.JpegImagePlugin.JpegImageFile.load", lambda *_: pytest.fail("decoded"))
    with pytest.raises(Rejected, match="too-many-pixels"):
        made(pictures.jpeg(), Limits(max_pixels=1))


def test_a_tile_larger_than_its_picture_counts_towards_the_limit() -> None:
    tiff = pictures.encoded(pictures.scene(16, 16), "TIFF", tiffinfo={50_000: 1024, 50_001: 2048})
    for stand_in, tag in ((50_000, 322), (50_001, 323)):  # TileWidth and TileLength, which Pillow does not write
        tiff = tiff.replace(struct.pack("<HH", stand_in, 3), struct.pack("<HH", tag, 3))
    assert made(tiff, Limits(max_pixels=1024 * 2048)).pictures
    with pytest.raises(Rejected, match=r"too-many-pixels: .*1,024 x 2,048"):
        made(tiff, Limits(max_pixels=1024 * 2048 - 1))


def test_an_unusual_tiff_is_unsupported_not_damaged() -> None:
    tiff = pictures.encoded(pictures.scene(16, 16).convert("L"), "TIFF")
    seven_bits = tiff.replace(struct.pack("<HHII", 258, 3, 1, 8), struct.pack("<HHII", 258, 3, 1, 7))
    with pytest.raises(Rejected, match="unsupported-format: This is a TIFF with"):
        made(seven_bits)


def test_the_pixels_of_all_frames_count_towards_the_limit() -> None:
    data = pictures.animated_gif(frames=5)
    with pytest.raises(Rejected, match=r"too-many-pixels: .*5 frames") as caught:
        made(data, Limits(max_pixels=320 * 240 * 4))
    assert f"{320 * 240 * 5:,}" in caught.value.sentence


# An MPO without its second picture shows the first picture.
CUT = {name: STILLS[name] for name in STILLS if name not in {"large", "large progressive", "mpo"}}


def test_an_animation_with_too_large_renditions_becomes_a_still() -> None:
    data, one = pictures.animated_gif(frames=5), 5 * 320 * 240
    boxes = [Rendition(name, 320, 240) for name in ("view", "thumb")]
    for pixels, extension in ((2 * one, "webp"), (2 * one - 1, "jpg")):
        assert {picture.extension for picture in render(data, boxes, Limits(max_pixels=pixels)).pictures} == {extension}


@pytest.mark.parametrize("name", CUT)
@pytest.mark.parametrize("part", [0.01, 0.3, 0.7, 0.97])
def test_a_truncated_file_is_damaged(name: str, part: float) -> None:
    data = CUT[name]
    with pytest.raises(Rejected) as caught:
        made(data[: int(len(data) * part)])
    assert caught.value.code in {"damaged-image", "not-an-image"}


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_a_truncated_jpeg_with_an_end_marker_is_damaged(options: dict[str, bool]) -> None:
    data = pictures.jpeg(**options)
    with pytest.raises(Rejected, match="damaged-image"):
        made(data[: int(len(data) * (0.1 if "progressive" in options else 0.5))] + b"\xff\xd9")


def test_a_progressive_jpeg_without_its_detail_scans_is_damaged() -> None:
    """Web encoders write a first scan with every block's mean; half of that scan would leave half the picture grey."""
    data = pictures.jpeg(progressive=True)
    first, second = structure_of(data).scans[:2]
    whole_means = bytearray(data[: second.start])
    whole_means[first.coded - 1] = 0  # the successive approximation ends at bit 0
    for end in (second.start, (first.coded + second.start) // 2):
        with pytest.raises(Rejected, match="a scan is missing"):
            made(bytes(whole_means[:end]) + b"\xff\xd9")


FILLING = {"fill": b"\xff", "segments": b"\xff\xe5\0\2", "stuffing": b"\xff\0"}


@pytest.mark.parametrize("name", FILLING)
def test_a_jpeg_with_more_than_100_000_markers_is_rejected(name: str) -> None:
    data = pictures.jpeg(96, 64)
    assert made(data[:2] + FILLING[name] * 1000 + data[2:]).pictures
    with pytest.raises(Rejected, match="100,000 markers"):
        made(data[:2] + FILLING[name] * 200_000 + data[2:])


def test_a_jpeg_that_ends_in_one_colour_is_undamaged() -> None:
    image = pictures.scene(1700, 1200)
    image.paste((10, 20, 30), (0, 700, 1700, 1200))
    assert made(pictures.encoded(image, "JPEG")).pictures[0].extension == "jpg"


def test_a_png_with_a_very_long_text_is_accepted() -> None:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Comment", "x" * 3_000_000, zip=True)
    assert shows_scene(opened(made(pictures.encoded(pictures.scene(), "PNG", pnginfo=info)).pictures[1]))


@pytest.mark.parametrize("tag", [{0xC612: b"\1\4\0\0"}, {0x00FE: 1}])
def test_a_raw_camera_file_is_rejected_although_it_contains_a_preview(tag: dict[int, object]) -> None:
    with pytest.raises(Rejected, match="unsupported-format: This is a raw camera file"):
        made(pictures.encoded(pictures.scene(160, 120), "TIFF", tiffinfo=tag))


def test_canon_cr2_is_rejected_as_raw() -> None:
    with pytest.raises(Rejected, match="unsupported-format: This is a raw camera file"):
        made(b"II*\0\x10\0\0\0CR\2\0" + bytes(99))


def test_a_broken_fax_is_damaged_and_not_a_white_page() -> None:
    page = pictures.scene(400, 300).convert("1")
    data = pictures.encoded(page, "TIFF", compression="group4")
    assert made(data).width_px == 400
    middle = len(data) // 2
    with pytest.raises(Rejected, match="damaged-image"):
        made(data[:middle] + b"\xff" * 40 + data[middle + 40 :])


def test_an_empty_fax_page_is_shown() -> None:
    assert made(pictures.encoded(Image.new("1", (400, 300), 1), "TIFF", compression="group4")).width_px == 400


def test_a_tiff_in_thunderscan_coding_is_not_called_damaged() -> None:
    data = pictures.encoded(Image.new("L", (16, 16)), "TIFF")
    raw = struct.pack("<HHIHH", 259, 3, 1, 1, 0)
    assert raw in data
    with pytest.raises(Rejected, match="unsupported-format: This is a TIFF in ThunderScan's coding"):
        made(data.replace(raw, struct.pack("<HHIHH", 259, 3, 1, 32_809, 0)))


@pytest.mark.parametrize("coding", [50_001, 34_887, 60_000], ids=["WebP", "LERC", "unknown"])
def test_a_tiff_in_a_coding_that_the_decoder_lacks_is_not_called_damaged(coding: int) -> None:
    data = pictures.encoded(pictures.scene(64, 48), "TIFF", compression="tiff_lzw")
    lzw, other = (struct.pack("<HHIHH", 259, 3, 1, number, 0) for number in (5, coding))
    assert data.count(lzw) == 1
    with pytest.raises(Rejected, match=rf"unsupported-format: This is a TIFF in a coding .*\({coding}\)"):
        made(data.replace(lzw, other))


def _refuses(*_: object) -> None:
    raise ValueError("a first decoder's own doubt")


@pytest.mark.parametrize(
    ("decoder", "name", "format_"),
    [(libspng, "pixels", "PNG"), (webp, "decode", "WEBP"), (bmp_pixels, "decode", "BMP")],
)
def test_a_picture_is_damaged_only_if_two_decoders_say_so(
    decoder: object, name: str, format_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first decoder refuses the whole file, then the cut one; Pillow shows the one and refuses the other."""
    scene = pictures.scene(grain=0)
    data = pictures.encoded(scene, format_)
    if format_ == "BMP":  # in fields, which the engine reads itself
        data = pictures.encoded(scene.convert("RGBA"), format_)
        fields = struct.pack("<3I", 0xFF0000, 0xFF00, 0xFF)
        data = data[:10] + b"\x42" + data[11:30] + b"\3" + data[31:54] + fields + data[54:]
    monkeypatch.setattr(decoder, name, _refuses)
    assert shows_scene(opened(made(data).pictures[1]))
    with pytest.raises(Rejected, match="damaged-image"):
        made(data[: len(data) // 2])
