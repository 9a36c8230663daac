"""Sizes are compared with the limits before a decoder sees the file: some formats allocate on open."""

import struct

import pytest
from PIL import Image

from functions.resize.formats import base
from functions.resize.render import render
from shared.errors import Rejected
from shared.limits import Limits
from shared.renditions import Rendition
from tests.support import pictures
from tests.support.rendered import made
from tests.unit.test_render_gif import KEEP, WHOLE, gif_of

TINY = [Rendition("x", 2, 2)]
SIZED = {
    "png": pictures.encoded(pictures.scene(300, 200, grain=0), "PNG"),
    "gif": pictures.encoded(pictures.scene(300, 200, grain=0), "GIF"),
    "animated gif": pictures.animated_gif(2),
    "webp": pictures.encoded(pictures.scene(300, 200, grain=0), "WEBP"),
    "lossless webp": pictures.encoded(pictures.scene(300, 200, grain=0), "WEBP", lossless=True),
    "transparent webp": pictures.transparent("WEBP", 300, 200),
    "animated webp": pictures.animated("WEBP", 2),
    "webp of 14 bits": pictures.encoded(Image.new("L", (3, 16_383)), "WEBP", lossless=True),
}


@pytest.mark.parametrize("name", SIZED)
def test_a_size_is_checked_before_the_file_is_opened(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = SIZED[name]
    width, height = made(data).width_px, made(data).height_px
    monkeypatch.setattr(base, "_plugin", lambda *_: pytest.fail("opened"))
    for limits in (Limits(max_pixels=width * height - 1), Limits(max_side_px=max(width, height) - 1)):
        with pytest.raises(Rejected, match=f"(too-many-pixels|side-too-long): .*{width:,} x {height:,}"):
            made(data, limits)


def test_a_webp_with_the_largest_possible_canvas_has_too_many_pixels() -> None:
    """A side has 14 bits in the lossless format. It has 24 in the extended format: a petabyte for a decoder."""
    lossless = b"VP8L" + struct.pack("<IBI", 5, 0x2F, 16_383 | 16_383 << 14)
    extended = b"VP8X" + struct.pack("<II", 10, 0) + b"\xff\xff\xff" * 2
    for chunk, words in ((lossless, "16,384 x 16,384"), (extended, "16,777,216 x 16,777,216")):
        body = b"WEBP" + chunk + bytes(20)
        with pytest.raises(Rejected, match=f"(too-many-pixels|side-too-long): .*{words}"):
            made(b"RIFF" + struct.pack("<I", len(body)) + body)


def test_a_gif_with_an_oversized_frame_has_too_many_pixels() -> None:
    data = gif_of((0, WHOLE, KEEP))
    huge = data.replace(b"," + struct.pack("<4H", *WHOLE), b"," + struct.pack("<4H", 0, 0, 65_535, 65_535))
    with pytest.raises(Rejected, match=r"too-many-pixels: .*inside the file"):
        made(huge)


def test_a_picture_that_exhausts_the_memory_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("PIL.BmpImagePlugin.BmpImageFile.load", exhausted)
    with pytest.raises(Rejected, match=r"too-much-memory: .*Save it again"):
        made(pictures.encoded(Image.new("RGB", (8, 8)), "BMP"))


@pytest.mark.parametrize(("frames", "extension"), [(300, "webp"), (301, "jpg")])
def test_an_animation_of_up_to_300_frames_stays_animated(frames: int, extension: str) -> None:
    data = gif_of(*[(number % 3, (0, 0, 2, 2), KEEP) for number in range(frames)], size=(2, 2))
    (picture,) = render(data, TINY, Limits()).pictures
    assert picture.extension == extension
