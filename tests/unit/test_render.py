"""Renditions of every kind of picture, as a visitor of the gallery sees them."""

import io

import pytest
from PIL import Image, ImageCms

from functions.resize.render import render
from shared.limits import Limits
from shared.renditions import Rendition
from tests.support import pictures
from tests.support.icc import SRGB, grey_profile, rgb_profile
from tests.support.rendered import LIMITS, STILLS, colour, frames, made, near, opened, shows_scene


@pytest.mark.parametrize("name", STILLS)
def test_every_format_becomes_an_upright_jpeg(name: str) -> None:
    rendered = made(STILLS[name])
    assert [picture.rendition for picture in rendered.pictures] == ["thumb", "medium", "view"]
    for picture in rendered.pictures:
        assert (picture.content_type, picture.extension) == ("image/jpeg", "jpg")
        image = opened(picture)
        assert image.size == (picture.width_px, picture.height_px)
        assert shows_scene(image), picture.rendition
    assert (rendered.pictures[0].width_px, rendered.pictures[0].height_px) == (400, 300)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_are_upright_for_every_orientation(orientation: int) -> None:
    rendered = made(pictures.phone_jpeg(orientation))
    assert (rendered.width_px, rendered.height_px) == (800, 600)
    assert all(shows_scene(opened(picture)) for picture in rendered.pictures)


@pytest.mark.parametrize("format", ["PNG", "WEBP", "AVIF", "TIFF"])
def test_formats_other_than_jpeg_are_upright_too(format: str) -> None:  # noqa: A002
    stored = pictures.scene().transpose(Image.Transpose.ROTATE_90)
    rendered = made(pictures.encoded(stored, format, exif=pictures.exif(6).tobytes()))
    assert (rendered.width_px, rendered.height_px) == (800, 600)
    assert shows_scene(opened(rendered.pictures[1]))


def test_a_box_that_is_not_square_is_filled_by_the_upright_picture() -> None:
    data = pictures.phone_jpeg(6, 3200, 2400)
    (picture,) = render(data, [Rendition("wide", 1000, 300)], LIMITS).pictures
    assert (picture.width_px, picture.height_px) == (400, 300)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_renditions_contain_no_private_metadata(format: str) -> None:  # noqa: A002
    data = pictures.encoded(pictures.scene(), format, exif=pictures.exif().tobytes(), comment="Secret")
    assert b"Secret" in data
    for encoding in ("auto", "jpeg", "webp", "avif", "png"):
        (picture,) = render(data, [Rendition("x", 300, 300, format=encoding)], LIMITS).pictures
        image = opened(picture)
        assert b"Secret" not in picture.body
        assert not image.getexif()
        assert not {"exif", "xmp", "comment", "icc_profile"} & set(image.info)


def converted(data: bytes) -> Image.Image:
    """Return the reference: littlecms on the full picture."""
    image = Image.open(io.BytesIO(data))
    profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    srgb = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert srgb is not None
    return srgb


@pytest.mark.parametrize("make", [pictures.display_p3_jpeg, pictures.adobe_rgb_jpeg, pictures.cmyk_jpeg])
def test_wide_gamut_and_cmyk_colours_are_converted_to_srgb(make: object) -> None:
    assert callable(make)
    data = make()
    wanted = converted(data)
    unconverted = Image.open(io.BytesIO(data)).convert("RGB")
    view = opened(made(data).pictures[1])
    assert not near(colour(unconverted, pictures.DISC_AT), colour(wanted, pictures.DISC_AT))
    for at in (pictures.DISC_AT, pictures.SKY_AT, pictures.HILL_AT):
        assert near(colour(view, at), colour(wanted, at))


def test_a_profile_named_srgb_with_other_colours_is_applied() -> None:
    linear = rgb_profile((*SRGB[:3], 1.0), "sRGB-elle-V2-g10")
    sky = colour(opened(made(pictures.jpeg(icc_profile=linear)).pictures[1]), pictures.SKY_AT)
    assert near(sky, (166, 202, 235))  # 96, 150, 214 as light, coded as sRGB does
    named = rgb_profile(SRGB, "Something else")
    assert shows_scene(opened(made(pictures.jpeg(icc_profile=named)).pictures[1]))


def test_a_broken_profile_is_ignored() -> None:
    assert shows_scene(opened(made(pictures.jpeg(icc_profile=b"no profile" * 50)).pictures[1]))


def test_sixteen_bit_values_are_scaled_not_clipped() -> None:
    thumb = opened(made(pictures.sixteen_bit_png()).pictures[0])
    greys = [colour(thumb, (x, 0.5))[0] for x in (0.02, 0.25, 0.5, 0.75, 0.98)]
    assert all(abs(grey - wanted) <= 5 for grey, wanted in zip(greys, (5, 64, 128, 191, 250), strict=True))


@pytest.mark.parametrize("format", ["PNG", "WEBP", "AVIF", "GIF", "TIFF", "ICO"])
def test_transparency_is_kept_without_a_dark_rim(format: str) -> None:  # noqa: A002
    options = {"width_px": 256, "height_px": 192} if format == "ICO" else {}
    rendered = made(pictures.transparent(format, **options))
    for picture in rendered.pictures:
        assert picture.extension == "webp"
        image = opened(picture)
        assert image.mode == "RGBA"
        assert image.getpixel((image.width - 3, 3))[3] == 0  # type: ignore[index]
        rim = [p for p in image.get_flattened_data() if 100 < p[3] < 250]  # type: ignore[index]
        assert rim or format == "GIF" or picture.rendition != "thumb", "a resized disc has a soft edge"
        assert all(red > 140 for red, _, _, _ in rim)  # type: ignore[misc]


def test_a_fully_opaque_alpha_channel_gives_an_opaque_picture() -> None:
    rendered = made(pictures.encoded(pictures.scene().convert("RGBA"), "PNG"))
    assert {picture.extension for picture in rendered.pictures} == {"jpg"}


def test_transparency_becomes_white_in_a_format_without_alpha() -> None:
    (picture,) = render(pictures.transparent(), [Rendition("x", 300, 300, format="jpeg")], LIMITS).pictures
    assert near(colour(opened(picture), pictures.HILL_AT), (255, 255, 255), 2)


@pytest.mark.parametrize(("loop", "plays"), [(0, 0), (None, 1), (3, 4)])
def test_an_animated_gif_keeps_its_frames_durations_and_loops(loop: int | None, plays: int) -> None:
    rendered = made(pictures.animated_gif(frames=5, loop=loop, duration_ms=120))
    for picture in rendered.pictures:
        shown = frames(picture)
        assert picture.extension == "webp"
        assert [duration for _, duration in shown] == [120] * 5
        assert Image.open(io.BytesIO(picture.body)).info["loop"] == plays
        for index, (image, _) in enumerate(shown):
            x = pictures.DISC_AT[0] + 0.4 * index / 4
            assert near(colour(image, (x, pictures.DISC_AT[1])), pictures.DISC, 25)


@pytest.mark.parametrize("format", ["WEBP", "PNG", "AVIF"])
def test_other_animations_keep_their_frames_and_durations(format: str) -> None:  # noqa: A002
    thumb, *_ = made(pictures.animated(format)).pictures
    assert [duration for _, duration in frames(thumb)] == [100, 150, 200, 250]
    if format != "AVIF":  # Pillow does not tell an AVIF's count
        assert Image.open(io.BytesIO(thumb.body)).info["loop"] == 2


def test_an_animation_with_too_many_frames_shows_its_first() -> None:
    rendered = made(pictures.animated_gif(frames=6), Limits(max_frames=5))
    for picture in rendered.pictures:
        assert picture.extension == "jpg"
        assert shows_scene(opened(picture), 20)


def test_renditions_come_in_their_order_with_their_formats() -> None:
    wanted: list[tuple[str, str]] = [
        ("jpeg", "jpg"),
        ("webp", "webp"),
        ("avif", "avif"),
        ("png", "png"),
        ("auto", "jpg"),
    ]
    renditions = [Rendition(f"r{i}", 200 + 90 * i, 200, format=f) for i, (f, _) in enumerate(wanted)]  # type: ignore[arg-type]
    result = render(pictures.jpeg(), renditions, LIMITS).pictures
    assert [p.rendition for p in result] == ["r0", "r1", "r2", "r3", "r4"]
    for picture, (_, extension) in zip(result, wanted, strict=True):
        assert picture.extension == extension
        assert picture.content_type == Image.MIME[opened(picture).format or ""]


def test_thumb_enlarges_and_view_does_not() -> None:
    rendered = made(pictures.jpeg(100, 60))
    assert [(p.width_px, p.height_px) for p in rendered.pictures] == [(400, 240), (100, 60), (100, 60)]


def test_a_frame_may_last_for_hours() -> None:
    stills = [pictures.scene(40, 30, grain=0, shift=0.1 * i) for i in range(3)]
    data = pictures.encoded(stills[0], "PNG", save_all=True, append_images=stills[1:], duration=[65_535_000] * 3)
    assert [duration for _, duration in frames(made(data).pictures[1])] == [655_350] * 3


def test_an_animated_webp_with_one_frame_is_a_still_picture() -> None:
    coded = pictures.encoded(pictures.scene(), "WEBP", quality=90)[12:]
    sizes = (799).to_bytes(3, "little") + (599).to_bytes(3, "little")
    frame = bytes(6) + sizes + (100).to_bytes(3, "little") + b"\0" + coded
    chunks = ((b"VP8X", b"\2\0\0\0" + sizes), (b"ANIM", bytes(6)), (b"ANMF", frame))
    body = b"WEBP" + b"".join(name + len(chunk).to_bytes(4, "little") + chunk for name, chunk in chunks)
    assert shows_scene(opened(made(b"RIFF" + len(body).to_bytes(4, "little") + body).pictures[1]))


@pytest.mark.parametrize("mode", ["L", "LA"])
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_a_grey_profile_is_applied_with_and_without_alpha(mode: str, format: str) -> None:  # noqa: A002
    grey = Image.new("L", (64, 48), 100)
    if mode == "LA":
        grey.putalpha(200)
    view = opened(made(pictures.encoded(grey, format, icc_profile=grey_profile(gamma=1.0))).pictures[1])
    assert near(colour(view, (0.5, 0.5)), (168, 168, 168), 3)


def test_a_sixteen_bit_tiff_may_store_white_as_zero() -> None:
    ramp = b"".join((65_535 * x // 63).to_bytes(2, "little") for x in range(64)) * 48
    inverted = {262: 0}
    data = pictures.encoded(Image.frombytes("I;16", (64, 48), ramp), "TIFF", tiffinfo=inverted)
    view = opened(made(data).pictures[1])
    assert colour(view, (0.1, 0.5))[0] > 200 > 50 > colour(view, (0.9, 0.5))[0]


def test_a_small_picture_keeps_its_pixels_beside_an_enlarged_rendition() -> None:
    """The view must not be made from the thumb, which is the same picture enlarged and so blurred."""
    checks = Image.new("RGB", (32, 32), "white")
    checks.paste("red", (0, 0, 16, 16))
    sizes = [Rendition("thumb", 400, 400, enlarge=True), Rendition("view", 1600, 1600, format="png")]
    view = opened(render(pictures.encoded(checks, "PNG"), sizes, LIMITS).pictures[1])
    assert view.convert("RGB").tobytes() == checks.tobytes()
