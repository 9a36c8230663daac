"""The resize engine: the bytes of a picture in, its renditions out. A pure function: no I/O, no AWS, no environment."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from PIL import Image

from functions.resize import animation
from functions.resize.colour import resamplable, to_srgb
from functions.resize.damage import damage_is_rejected
from functions.resize.encode import encode
from functions.resize.formats import BY_NAME
from functions.resize.formats.base import Decoded, Opened, whole
from functions.resize.opening import open_picture
from functions.resize.rendered import Picture, Rendered
from functions.resize.resample import resample
from shared.limits import Limits
from shared.renditions import Rendition, fit

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# A rendition is made from a larger one instead of the original if the larger one has at least this many times its side.
# The larger one must not be enlarged itself, because it is blurred then.
_ENOUGH = 2


@dataclass(slots=True)
class _Clock:
    decode: float = 0.0
    resize: float = 0.0
    encode: float = 0.0


type _Sizes = dict[Rendition, tuple[int, int]]
type _Made = dict[Rendition, list[Image.Image]]


def render(data: bytes, renditions: Sequence[Rendition], limits: Limits) -> Rendered:
    """Returns the picture in `data` as each of `renditions`, in their order: upright, in sRGB, without metadata.

    The same input gives the same bytes. Raises Rejected, and nothing else, if the file cannot become a picture:
    `not-an-image`, `unsupported-format`, `damaged-image`, `too-many-bytes`, `too-many-pixels`, `side-too-long`,
    `too-much-memory`.
    """
    clock = _Clock()
    started = perf_counter()
    opened = open_picture(data, limits)
    clock.decode = perf_counter() - started
    turned = opened.orientation >= 5
    width, height = (opened.height_px, opened.width_px) if turned else (opened.width_px, opened.height_px)
    sizes = {rendition: fit(width, height, rendition) for rendition in renditions}
    pixels = sum(w * h for w, h in sizes.values())
    timing: dict[str, object] = {}
    # An animation becomes a still if it is too long, or if its renditions (tiny frames, enlarged) exceed the limit.
    if opened.frames > 1 and opened.frames * pixels <= limits.max_pixels:
        made, timing = _make_animation(opened, sizes, clock)
    else:
        made = _make_still(opened, sizes, clock)
    transparent = next(iter(made.values()))[0].mode == "RGBA"
    started = perf_counter()
    pictures = tuple(_picture(rendition, made[rendition], transparent, timing) for rendition in renditions)
    clock.encode = perf_counter() - started
    return Rendered(width, height, opened.format, clock.decode, clock.resize, clock.encode, pictures)


def _make_still(opened: Opened, sizes: _Sizes, clock: _Clock) -> _Made:
    """Makes each rendition's pixels from one decode."""
    started = perf_counter()
    widest = max(w for w, _ in sizes.values())
    highest = max(h for _, h in sizes.values())
    stored = (highest, widest) if opened.orientation >= 5 else (widest, highest)
    with damage_is_rejected():
        decoded = opened.decode(*stored)
        clock.decode += perf_counter() - started
        started = perf_counter()
        made = _resize(opened, decoded, sizes)
        if all(_is_opaque(image) for image in made.values()):
            made = {rendition: _without_alpha(image) for rendition, image in made.items()}
    clock.resize += perf_counter() - started
    return {rendition: [image] for rendition, image in made.items()}


def _make_animation(opened: Opened, sizes: _Sizes, clock: _Clock) -> tuple[_Made, dict[str, object]]:
    """Makes each rendition's frames, and the timing for the encoder."""
    made: _Made = {rendition: [] for rendition in sizes}
    durations: list[int] = []
    loops = animation.loops(opened)
    started = perf_counter()
    for shown, milliseconds in animation.frames(opened):
        clock.decode += perf_counter() - started
        started = perf_counter()
        with damage_is_rejected():
            for rendition, image in _resize(opened, whole(shown), sizes).items():
                made[rendition].append(image)
        durations.append(milliseconds)
        clock.resize += perf_counter() - started
        started = perf_counter()
    return made, {"duration": durations, "loop": loops}


def _resize(opened: Opened, decoded: Decoded, sizes: _Sizes) -> dict[Rendition, Image.Image]:
    """Makes the picture in each size, upright, in sRGB; a much smaller one is made from a larger one."""
    source, space = resamplable(decoded.image, opened.space)
    most = opened.height_px if opened.orientation >= 5 else opened.width_px
    made: dict[Rendition, Image.Image] = {}
    for rendition, size in sorted(sizes.items(), key=lambda item: -item[1][0] * item[1][1]):
        larger = [image for image in made.values() if _ENOUGH * size[0] <= image.width <= most]
        if larger:
            made[rendition] = resample(min(larger, key=lambda image: image.width), size)
            continue
        stored = (size[1], size[0]) if opened.orientation >= 5 else size
        image = to_srgb(resample(source, stored, decoded.box), space)
        turn = _TURNS.get(opened.orientation)
        made[rendition] = image.transpose(turn) if turn is not None else image
    return made


def _is_opaque(image: Image.Image) -> bool:
    return image.mode != "RGBA" or image.getchannel("A").getextrema() == (255, 255)


def _without_alpha(image: Image.Image) -> Image.Image:
    return image.convert("RGB") if image.mode == "RGBA" else image


def _picture(rendition: Rendition, frames: list[Image.Image], transparent: bool, timing: dict[str, object]) -> Picture:
    """Encodes one rendition. `auto` depends only on the upload, so its renditions have the same format."""
    auto = "webp" if transparent or len(frames) > 1 else "jpeg"
    encoding = auto if rendition.format == "auto" else rendition.format
    body = encode(frames, BY_NAME[encoding.upper()], rendition.quality, timing)
    return Picture(rendition.name, body, encoding, *frames[0].size)
