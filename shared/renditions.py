"""Which renditions are made of each upload: the configuration that resize and list must agree on."""

from dataclasses import dataclass
from typing import Literal

type Format = Literal["auto", "jpeg", "webp", "avif", "png"]


@dataclass(frozen=True, slots=True)
class Rendition:
    """One derived picture: fitted into `width_px` x `height_px`, keeping its ratio.

    A smaller original is enlarged to the box only if `enlarge`. `format` "auto" is JPEG for opaque stills, WebP where
    there is alpha or animation. `quality` is 1 to 100 as the encoder of the format understands it.
    """

    name: str
    width_px: int
    height_px: int
    enlarge: bool = False
    format: Format = "auto"
    quality: int = 80


# The rendition that the gallery lists. It is written last, so a picture that is listed is complete.
LISTED = "thumb"

DEFAULT_RENDITIONS = (
    Rendition("thumb", 400, 400, enlarge=True),
    Rendition("view", 1600, 1600),
)


def fit(width_px: int, height_px: int, rendition: Rendition) -> tuple[int, int]:
    """The size in pixels of a `width_px` x `height_px` picture fitted into the rendition's box, its ratio kept.

    At least 1 x 1, never over the box, and the original's size where it is smaller and the rendition does not enlarge.
    """
    scale = min(rendition.width_px / width_px, rendition.height_px / height_px)
    if scale > 1 and not rendition.enlarge:
        return width_px, height_px
    return (
        min(max(round(width_px * scale), 1), rendition.width_px),
        min(max(round(height_px * scale), 1), rendition.height_px),
    )
