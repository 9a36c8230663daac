"""Pictures of phones, cameras and designers look right in the gallery, in a real browser."""

import base64
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image, ImageCms
from playwright.sync_api import Page

from tests.support import pictures
from tests.support.deployed import Stack
from tests.support.uploads import shown

SPOTS = [pictures.DISC_AT, pictures.HILL_AT, pictures.SKY_AT]
# JPEG and grain; with its profile left out, each picture that has one is off by more at one spot at least.
NEAR = 20

# Positions as parts of the picture's width and height, whose colours are compared in the browser.
LOOK = """([url, spots]) => new Promise((resolve, reject) => {
  const image = new Image();
  image.onerror = () => reject("not shown");
  image.onload = () => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    const pen = canvas.getContext("2d");
    pen.drawImage(image, 0, 0);
    resolve(spots.map(([x, y]) => [...pen.getImageData(x * canvas.width, y * canvas.height, 1, 1).data]));
  };
  image.crossOrigin = "anonymous";
  image.src = url;
})"""


def seen(page: Page, stack: Stack, url: str, spots: list[tuple[float, float]]) -> list[list[int]]:
    """Return the RGBA values at `spots` in the rendition as Chromium decodes it."""
    page.goto(f"{stack.gallery_url}images")  # any page without the gallery's security policy
    colours: list[list[int]] = page.evaluate(LOOK, [url, spots])
    return colours


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("phone.heic", pictures.heic()),
        ("turned.jpg", pictures.phone_jpeg(6)),
        ("print.jpg", pictures.cmyk_jpeg()),
        ("wide.jpg", pictures.display_p3_jpeg()),
        ("adobe.jpg", pictures.adobe_rgb_jpeg()),
    ],
)
def test_the_colours_of_a_rendition_are_right_in_the_browser(stack: Stack, page: Page, name: str, body: bytes) -> None:
    image = shown(stack, stack.upload(name, body))
    page.goto(stack.gallery_url)
    in_grid = page.locator(f"img[alt*='{image['name']}']").first
    in_grid.wait_for()
    assert in_grid.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    for rendition in ("thumb", "view"):
        for spot, colour in zip(SPOTS, meant(body), strict=True):
            ((red, green, blue, alpha),) = seen(page, stack, data_url(image[rendition]["url"]), [spot])
            assert alpha == 255
            assert max(abs(a - b) for a, b in zip((red, green, blue), colour, strict=True)) < NEAR, (rendition, spot)


def meant(body: bytes) -> list[tuple[int, ...]]:
    """Return the sRGB colours at SPOTS according to the file's own profile."""
    if not (profile := Image.open(BytesIO(body)).info.get("icc_profile") if body[:2] == b"\xff\xd8" else None):
        return [pictures.DISC, pictures.HILL, pictures.SKY]
    source, srgb = ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB")
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    converted = ImageCms.profileToProfile(Image.open(BytesIO(body)), source, srgb, intent, outputMode="RGB")
    assert converted is not None
    return [averaged(converted, x, y) for x, y in SPOTS]


def averaged(image: Image.Image, x: float, y: float) -> tuple[int, ...]:
    """Return the mean colour around a spot, without the grain."""
    left, upper = int(x * image.width) - 6, int(y * image.height) - 6
    patch = image.crop((left, upper, left + 12, upper + 12)).resize((1, 1), Image.Resampling.BOX).convert("RGB")
    return tuple(patch.tobytes())


def data_url(url: str) -> str:
    """Serve the rendition from the page's origin, because a canvas hides pixels of other origins."""
    answer = httpx.get(url)
    return f"data:{answer.headers['content-type']};base64,{base64.b64encode(answer.content).decode()}"


def opened(image: dict[str, Any], rendition: str) -> Image.Image:
    return Image.open(BytesIO(httpx.get(image[rendition]["url"]).content))


def test_an_animation_stays_animated(stack: Stack) -> None:
    image = shown(stack, stack.upload("wave.gif", pictures.animated_gif(frames=8, duration_ms=120)))
    for rendition in ("thumb", "view"):
        moving = opened(image, rendition)
        assert moving.format == "WEBP"
        assert getattr(moving, "n_frames", 1) == 8
        moving.seek(3)
        moving.load()
        assert moving.info["duration"] == 120


def test_transparency_is_kept(stack: Stack, page: Page) -> None:
    body = pictures.transparent()
    image = shown(stack, stack.upload("logo.png", body))
    assert opened(image, "thumb").mode == "RGBA"
    ((*_, alpha),) = seen(page, stack, data_url(image["thumb"]["url"]), [pictures.HILL_AT])
    assert alpha < 20


def test_the_comparison_would_notice_an_ignored_profile() -> None:
    for body in (pictures.cmyk_jpeg(), pictures.display_p3_jpeg(), pictures.adobe_rgb_jpeg()):
        raw = Image.open(BytesIO(body)).convert("RGB")
        told = [
            max(abs(a - b) for a, b in zip(averaged(raw, *spot), c, strict=True))
            for spot, c in zip(SPOTS, meant(body), strict=True)
        ]
        assert max(told) > NEAR
