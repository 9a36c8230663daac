"""Renditions as files: they contain none of the original's metadata, their size follows the quality, and renditions do
not blur each other.
"""

from itertools import pairwise

import pytest
from PIL import Image, ImageCms

from functions.resize.render import render
from functions.resize.resample import Box, resample
from shared.renditions import Rendition
from tests.support import pictures
from tests.support.icc import DISPLAY_P3, rgb_profile
from tests.support.rendered import LIMITS, opened

SCENE = pictures.scene(160, 120)
NOTES = {
    "exif": pictures.exif().tobytes(),
    "xmp": b"<x:xmpmeta>Secret place</x:xmpmeta>",
    "comment": "Secret",
}
PROFILES = {
    "no profile": None,
    "srgb": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    "wide": rgb_profile(DISPLAY_P3, "Secret profile"),
}


@pytest.mark.parametrize("encoding", ["auto", "jpeg", "webp", "avif", "png"])
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_a_picture_that_keeps_its_size_loses_its_metadata(format: str, profile: str, encoding: str) -> None:  # noqa: A002
    data = pictures.encoded(SCENE, format, icc_profile=PROFILES[profile], **NOTES)
    (picture,) = render(data, [Rendition("x", 160, 120, format=encoding)], LIMITS).pictures  # type: ignore[arg-type]
    image = opened(picture)
    assert image.size == (160, 120)
    assert b"Secret" not in picture.body
    assert not image.getexif()
    assert not {"exif", "xmp", "comment", "icc_profile"} & set(image.info)


@pytest.mark.parametrize("encoding", ["webp", "avif"])
def test_the_frames_of_an_animation_lose_their_metadata(encoding: str) -> None:
    options = {
        **NOTES,
        "icc_profile": PROFILES["srgb"],
        "save_all": True,
        "append_images": [pictures.scene(160, 120, 0)],
    }
    data = pictures.encoded(SCENE, "WEBP", **options)
    (picture,) = render(data, [Rendition("x", 160, 120, format=encoding)], LIMITS).pictures  # type: ignore[arg-type]
    image = opened(picture)
    assert getattr(image, "n_frames", 1) == 2
    assert b"Secret" not in picture.body
    assert not {"exif", "xmp", "comment", "icc_profile"} & set(image.info)


@pytest.mark.parametrize("encoding", ["auto", "jpeg", "webp", "avif"])
def test_a_lower_quality_makes_a_smaller_file(encoding: str) -> None:
    boxes = [Rendition(f"q{q}", 160, 120, format=encoding, quality=q) for q in (20, 50, 80, 95)]  # type: ignore[arg-type]
    sizes = [len(picture.body) for picture in render(pictures.encoded(SCENE, "PNG"), boxes, LIMITS).pictures]
    assert all(less * 1.15 < more for less, more in pairwise(sizes)), sizes


def test_a_slightly_larger_rendition_does_not_blur_its_neighbour() -> None:
    """A rendition made from another of less than twice its side would be blurred twice."""
    data = pictures.encoded(pictures.scene(600, 450), "PNG")
    boxes = [Rendition("small", 150, 150, format="png"), Rendition("large", 290, 290, format="png")]
    beside, _ = render(data, boxes, LIMITS).pictures
    (alone,) = render(data, boxes[:1], LIMITS).pictures
    assert beside.body == alone.body


def test_a_much_smaller_rendition_is_made_from_the_larger_one(monkeypatch: pytest.MonkeyPatch) -> None:
    sources: list[int] = []

    def noted(image: Image.Image, size: tuple[int, int], box: Box | None = None) -> Image.Image:
        sources.append(image.width)
        return resample(image, size, box)

    monkeypatch.setattr("functions.resize.render.resample", noted)
    data = pictures.encoded(pictures.scene(600, 450), "PNG")
    render(data, [Rendition(f"{side}", side, side) for side in (70, 140, 300)], LIMITS)
    assert sources == [600, 300, 140]
