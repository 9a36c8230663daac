"""Animations: which frames are shown, for how long, and in which formats."""

import pytest
from PIL import Image

from functions.resize.render import render
from shared.renditions import Rendition
from tests.support import pictures
from tests.support.rendered import LIMITS, frames

RED, GREEN, BLUE, GREY = (255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128)
WEBP, AVIF, JPEG, PNG = (
    [Rendition("x", 32, 24, format="webp", quality=95)],
    [Rendition("x", 32, 24, format="avif", quality=95)],
    [Rendition("x", 32, 24, format="jpeg")],
    [Rendition("x", 32, 24, format="png")],
)


def flat(*colours: tuple[int, ...]) -> list[Image.Image]:
    return [Image.new("RGB" if len(colour) == 3 else "RGBA", (32, 24), colour) for colour in colours]


def animation(format: str, *colours: tuple[int, ...], **options: object) -> bytes:  # noqa: A002
    first, *others = flat(*colours)
    return pictures.encoded(first, format, save_all=True, append_images=others, **options)


def nearest(image: Image.Image) -> tuple[int, ...]:
    """Return the name of the colour that the frame shows."""
    pixel = image.convert("RGB").getpixel((16, 12))
    assert isinstance(pixel, tuple)
    return min((RED, GREEN, BLUE, GREY), key=lambda c: sum(abs(a - b) for a, b in zip(c, pixel, strict=True)))


def test_the_default_image_of_an_apng_is_not_a_frame() -> None:
    data = animation("PNG", GREY, RED, GREEN, BLUE, default_image=True, duration=[100, 150, 200])
    (picture,) = render(data, WEBP, LIMITS).pictures
    assert [(nearest(image), duration) for image, duration in frames(picture)] == [
        (RED, 100),
        (GREEN, 150),
        (BLUE, 200),
    ]


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP"])
def test_a_frame_without_a_duration_is_shown_for_a_tenth_of_a_second(format: str) -> None:  # noqa: A002
    (picture,) = render(animation(format, RED, GREEN, BLUE, duration=0), WEBP, LIMITS).pictures
    assert [(nearest(image), duration) for image, duration in frames(picture)] == [
        (RED, 100),
        (GREEN, 100),
        (BLUE, 100),
    ]


def test_an_animation_stays_animated_as_avif() -> None:
    (picture,) = render(animation("GIF", RED, GREEN, BLUE, duration=[100, 150, 200]), AVIF, LIMITS).pictures
    assert [(nearest(image), duration) for image, duration in frames(picture)] == [
        (RED, 100),
        (GREEN, 150),
        (BLUE, 200),
    ]


@pytest.mark.parametrize("renditions", [WEBP, AVIF])
def test_transparency_in_a_later_frame_is_kept(renditions: list[Rendition]) -> None:
    data = animation("PNG", (*RED, 255), (*RED, 0), (*BLUE, 255), duration=100, disposal=1, blend=0)
    (picture,) = render(data, renditions, LIMITS).pictures
    alpha = [image.convert("RGBA").getpixel((16, 12))[3] for image, _ in frames(picture)]  # type: ignore[index]
    assert alpha == [255, 0, 255]


@pytest.mark.parametrize("renditions", [JPEG, PNG])
def test_a_still_format_shows_the_first_frame(renditions: list[Rendition]) -> None:
    (picture,) = render(animation("GIF", RED, GREEN), renditions, LIMITS).pictures
    assert [nearest(image) for image, _ in frames(picture)] == [RED]


def test_an_avif_animation_contains_no_creation_time() -> None:
    (picture,) = render(pictures.animated("GIF"), AVIF, LIMITS).pictures
    assert len(frames(picture)) == 4
    for header in (b"mvhd", b"tkhd", b"mdhd"):
        after_version = picture.body.index(header) + 8
        assert picture.body[after_version : after_version + 16] == bytes(16)
