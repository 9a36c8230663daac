"""The fast decoders and resampler give the same picture as Pillow's, which arm64 or another Pillow falls back to."""

import io
import math
import platform
import sys
from collections.abc import Callable

import pytest
from PIL import Image, ImageChops, ImageStat

from functions.resize import resample
from functions.resize.formats import jpeg_scans, libspng, png, png_chunks, webp
from functions.resize.render import render
from shared.limits import Limits
from shared.renditions import DEFAULT_RENDITIONS
from tests.support import pictures


def difference(left: Image.Image, right: Image.Image) -> tuple[float, int]:
    """Return the mean and the greatest difference of two pictures' values."""
    assert (left.mode, left.size) == (right.mode, right.size)
    apart = ImageChops.difference(left, right)
    return max(ImageStat.Stat(apart).mean), max(high for _, high in ImageStat.Stat(apart).extrema)


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK", "RGBA"])
@pytest.mark.parametrize("size", [(400, 300), (333, 77), (1, 1)])
def test_both_resamplers_reduce_to_the_same_picture(mode: str, size: tuple[int, int]) -> None:
    image = opened(pictures.transparent()) if mode == "RGBA" else pictures.scene().convert(mode)
    box = (0.0, 0.0, image.width - 0.6, image.height - 0.3)
    both = resample.resample(image, size, box), resample.with_pillow(image, size, box)
    if mode == "RGBA":  # invisible pixels may have any colour
        gray = Image.new("RGBA", size, "gray")
        both = Image.alpha_composite(gray, both[0]), Image.alpha_composite(gray, both[1])
    mean, most = difference(*both)
    assert mean < 0.6
    assert most <= 10


def test_both_resamplers_enlarge_to_the_same_picture() -> None:
    image = pictures.scene(120, 90, grain=0)
    mean, _ = difference(resample.resample(image, (400, 300)), resample.with_pillow(image, (400, 300), (0, 0, 120, 90)))
    assert mean < 1.5


def test_simd_is_used_on_every_platform_with_a_wheel() -> None:
    has_wheel = platform.machine() == "x86_64" or sys.platform == "darwin"
    assert (resample.resampler() is not resample.with_pillow) == has_wheel


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_large_pngs_decode_to_the_same_pixels(mode: str) -> None:
    data = pictures.encoded(pictures.scene(2400, 1800).convert(mode), "PNG", compress_level=1)
    fast = png.decode(data, png_chunks.read(data))
    assert fast is not None
    assert difference(fast, opened(data)) == (0, 0)


@pytest.mark.parametrize("options", [{"quality": 85}, {"lossless": True}])
def test_libwebp_decodes_the_same_pixels_also_at_a_reduced_size(options: dict[str, int]) -> None:
    data = pictures.encoded(pictures.scene(1200, 900), "WEBP", **options)
    whole = webp.decode(data, 1200, 900)
    assert whole is not None
    assert difference(whole, opened(data)) == (0, 0)
    reduced = webp.decode(data, 400, 300)
    assert reduced is not None
    assert reduced.size == (500, 375)
    assert difference(reduced, opened(data).resize((500, 375), Image.Resampling.BOX))[0] < 1.5


def test_a_webp_is_decoded_at_the_size_of_a_large_rendition() -> None:
    reduced = webp.decode(pictures.encoded(pictures.scene(3200, 2400), "WEBP"), 1600, 1200)
    assert reduced is not None
    assert reduced.size == (1600, 1200)


def test_a_transparent_webp_is_decoded_at_full_size() -> None:
    data = pictures.transparent("WEBP")
    image = webp.decode(data, 100, 75)
    assert image is not None
    assert difference(image, opened(data)) == (0, 0)


def test_stripes_too_fine_for_the_thumbnail_give_no_moire() -> None:
    line = bytes(round(128 + 100 * math.sin(x * math.tau / 12)) for x in range(4000))
    stripes = Image.frombytes("L", (4000, 3000), line * 3000)
    thumb = opened(render(pictures.encoded(stripes, "JPEG"), DEFAULT_RENDITIONS[:1], Limits()).pictures[0].body)
    assert max(thumb.size) == 400
    assert ImageStat.Stat(thumb).stddev[0] < 5


@pytest.mark.parametrize("scale", [1, 2, 4, 8])
@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"restart_marker_blocks": 7}])
def test_leaving_scans_out_changes_no_pixel(scale: int, options: dict[str, int]) -> None:
    data = pictures.jpeg(1203, 807, progressive=True, **options)

    def reduced(data: bytes) -> Image.Image:
        image = Image.open(io.BytesIO(data))
        image.draft(None, (1203 // scale, 807 // scale))
        image.load()
        return image

    shorter = jpeg_scans.for_scale(data, jpeg_scans.read(data), scale)
    assert (len(shorter) < len(data)) == (scale == 8)
    assert difference(reduced(shorter), reduced(data)) == (0, 0)


@pytest.mark.parametrize(
    "make", [lambda: pictures.jpeg(2400, 1800), lambda: pictures.encoded(pictures.scene(1200, 900), "WEBP")]
)
def test_renditions_look_the_same_without_any_fast_path(
    make: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make()
    fast = render(data, DEFAULT_RENDITIONS, Limits())
    monkeypatch.setattr(resample, "resampler", lambda: resample.with_pillow)
    monkeypatch.setattr(libspng, "library", lambda: None)
    monkeypatch.setattr(webp, "_library", lambda: None)
    plain = render(data, DEFAULT_RENDITIONS, Limits())
    for left, right in zip(fast.pictures, plain.pictures, strict=True):
        assert difference(opened(left.body), opened(right.body))[0] < 1.5
