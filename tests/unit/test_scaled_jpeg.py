"""Our own JPEG decoder: what it decodes is the picture."""

import io
import itertools
import math
import random
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from PIL import Image, ImageFilter

from functions.resize import scaled_jpeg
from functions.resize.render import render
from shared.errors import Rejected
from shared.limits import Limits
from shared.renditions import Rendition
from tests.support import pictures
from tests.support.jpegs import SCALES, changed, first, scaled
from tests.unit.test_fast_paths import difference, opened
from tests.unit.test_fuzz import broken

TINY = [Rendition("tiny", 12, 12, format="png")]


def truncated(image: Image.Image, scale: int) -> Image.Image:
    """What the decoder promises, in floating point: of each block's DCT the lowest coefficients, and their inverse."""
    reduced = Image.new("L", (image.width * scale // 8, image.height * scale // 8))
    for left, top in itertools.product(range(0, image.width, 8), range(0, image.height, 8)):
        block = image.crop((left, top, left + 8, top + 8)).tobytes()
        rows = [dct(list(block[8 * y : 8 * y + 8]), scale) for y in range(8)]
        columns = [dct([row[u] for row in rows], scale) for u in range(scale)]
        for x, y in itertools.product(range(scale), repeat=2):
            value = sum(
                columns[u][v] * wave(u, x, scale) * wave(v, y, scale)
                for u, v in itertools.product(range(scale), repeat=2)
            )
            spot = (left * scale // 8 + x, top * scale // 8 + y)
            reduced.putpixel(spot, min(255, max(0, round(value * scale / 8))))
    return reduced


def dct(values: list[int] | list[float], count: int) -> list[float]:
    return [sum(value * wave(u, x, 8) for x, value in enumerate(values)) for u in range(count)]


def wave(u: int, x: int, size: int) -> float:
    """The orthonormal DCT's basis (T.81 A.3.3)."""
    return math.sqrt((2 if u else 1) / size) * math.cos((2 * x + 1) * u * math.pi / (2 * size))


def padded(image: Image.Image) -> Image.Image:
    """`image` with its right and lower edge repeated, as encoders fill up the last blocks."""
    wide = Image.new(image.mode, (-(-image.width // 16) * 16, -(-image.height // 16) * 16))
    wide.paste(image.resize(wide.size, Image.Resampling.NEAREST, (0, 0, image.width, image.height)))
    wide.paste(image)
    return wide


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("options", [{}, {"restart_marker_blocks": 5}, {"optimize": True}, {"quality": 30}], ids=str)
def test_it_takes_the_lowest_frequencies_of_each_block(options: dict[str, int], scale: int) -> None:
    grain = Image.frombytes("L", (72, 40), random.Random(7).randbytes(72 * 40)).filter(ImageFilter.BoxBlur(1))
    data = pictures.encoded(grain, "JPEG", **{"quality": 100, **options})
    made = scaled(data, scale)
    assert made is not None
    # libjpeg rounds and cuts the pixels of the whole, ours come from the coefficients.
    assert difference(made, truncated(opened(data), scale))[1] <= 2


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize(
    "options", [{"subsampling": 2}, {"subsampling": 1}, {"subsampling": 0}, {"restart_marker_blocks": 7}], ids=str
)
@pytest.mark.parametrize("size", [(640, 480), (203, 117)])
def test_it_shows_what_libjpeg_shows(size: tuple[int, int], options: dict[str, int], mode: str, scale: int) -> None:
    data = pictures.encoded(pictures.scene(*size, grain=2).convert(mode), "JPEG", **{"quality": 92, **options})
    made = scaled(data, scale)
    assert made is not None
    assert made.mode == mode
    assert made.size == (-(-size[0] * scale // 8), -(-size[1] * scale // 8))
    box = (0, 0, made.width * 8 / scale, made.height * 8 / scale)
    mean, _ = difference(made, padded(opened(data)).resize(made.size, Image.Resampling.LANCZOS, box))
    # The disc has an edge, the smallest picture 26 pixels across, and half as many for colours halved in one direction.
    assert mean < (4 if options == {"subsampling": 1} else 2.5)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (8, 8), (17, 9)])
def test_it_decodes_pictures_of_less_than_a_block(size: tuple[int, int], scale: int) -> None:
    made = scaled(pictures.encoded(Image.new("RGB", size, (200, 60, 20)), "JPEG", quality=95), scale)
    assert made is not None
    assert difference(made, Image.new("RGB", made.size, (200, 60, 20)))[1] <= 3


@pytest.mark.parametrize("scale", SCALES)
def test_black_stays_black_and_white_white(scale: int) -> None:
    stripes = Image.new("L", (64, 64)).resize((64, 64))
    stripes.paste(255, (32, 0, 64, 64))
    made = scaled(pictures.encoded(stripes, "JPEG", quality=100), scale)
    assert made is not None
    assert made.getpixel((0, 0)) == 0
    assert made.getpixel((made.width - 1, 0)) == 255


def test_it_is_nearer_to_the_whole_picture_resized_than_libjpeg_is() -> None:
    data = pictures.jpeg(1600, 1200, quality=95)
    whole = opened(data).resize((400, 300), Image.Resampling.LANCZOS)
    made = scaled(data, 3)
    assert made is not None
    theirs = Image.open(io.BytesIO(data))
    theirs.draft(None, (400, 300))
    ours = made.resize((400, 300), Image.Resampling.LANCZOS)
    assert difference(ours, whole)[0] < 0.7 * difference(theirs.resize((400, 300)), whole)[0]


@pytest.mark.parametrize(
    ("size", "wanted", "scale"),
    [
        ((4000, 3000), (400, 300), 2),
        ((4000, 3000), (1600, 1200), 4),
        ((6000, 4000), (400, 267), 1),
        ((6000, 4000), (1600, 1067), 3),
        ((1632, 1224), (400, 300), 3),
        ((3264, 2448), (1600, 1200), None),
        ((4800, 100), (400, 9), 2),  # the shorter side decides
        ((400, 300), (400, 300), None),
    ],
)
def test_the_scale_leaves_the_resampler_enough(
    size: tuple[int, int], wanted: tuple[int, int], scale: int | None
) -> None:
    assert scaled_jpeg.scale_for(size, wanted) == scale


def test_it_takes_what_the_standard_lets_writers_do() -> None:
    data = pictures.jpeg(160, 120, restart_marker_blocks=7)
    plain = scaled(data, 2)
    assert plain is not None
    frame = first(data, 0xC0)[0]
    notes = data[:frame] + b"\xff\xfe\0\x06note\xff\xff\xff" + data[frame:].replace(b"\xff\xd1", b"\xff\xff\xff\xd1", 1)
    extended = changed(data, frame + 1, 0xC1)
    for same in (notes, extended, data + b"trailing bytes"):
        image = scaled(same, 2)
        assert image is not None
        assert difference(image, plain) == (0, 0)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(("subsampling", "size"), [(2, (628, 356)), (2, (632, 360)), (0, (636, 364)), (0, (633, 361))])
def test_what_fills_the_last_blocks_is_not_seen(size: tuple[int, int], subsampling: int, scale: int) -> None:
    """A video camera's 1080 lines are 1088 in the file, and the last eight may be green."""
    filled = Image.new("RGB", (640, 368), (0, 135, 0))
    filled.paste(pictures.scene(640, 368, grain=0).crop((0, 0, *size)))
    data = pictures.encoded(filled, "JPEG", quality=95, subsampling=subsampling)
    frame = first(data, 0xC0)[0]
    data = data[: frame + 5] + struct.pack(">HH", size[1], size[0]) + data[frame + 9 :]
    made = scaled(data, scale)
    assert made is not None
    box = (0, 0, made.width * 8 / scale, made.height * 8 / scale)
    whole = padded(opened(data)).resize(made.size, Image.Resampling.LANCZOS, box)
    for rim in ((0, made.height - 1, made.width, made.height), (made.width - 1, 0, made.width, made.height)):
        assert difference(made.crop(rim), whole.crop(rim))[0] < 3


@given(data=broken("jpeg"))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_broken_file_is_a_picture_or_a_rejection_to_it_too(data: bytes) -> None:
    with suppress(Rejected):
        assert max(opened(render(data, TINY, Limits()).pictures[0].body).size) == 12


@pytest.mark.parametrize(
    "make",
    [lambda: pictures.jpeg(1600, 1200), lambda: pictures.phone_jpeg(6, 800, 600), pictures.display_p3_jpeg],
    ids=["photo", "turned", "display-p3"],
)
def test_a_photo_goes_through_it_and_without_it_looks_the_same(make: Callable[[], bytes]) -> None:
    data, thumb = make(), [Rendition("thumb", 160, 160)]
    with patch.object(scaled_jpeg, "decode", wraps=scaled_jpeg.decode) as used:
        ours = opened(render(data, thumb, Limits()).pictures[0].body)
    used.assert_called_once()
    with patch.object(scaled_jpeg, "_decoder", lambda: None):
        theirs = opened(render(data, thumb, Limits()).pictures[0].body)
    assert difference(ours, theirs)[0] < 1.5


@pytest.mark.parametrize("content", [b"", b"\x7fELF of nothing", None])
def test_a_decoder_that_cannot_be_loaded_costs_no_picture(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken_library = tmp_path / "scaled_jpeg.bin"
    if content is not None:
        broken_library.write_bytes(content)
    monkeypatch.setattr(scaled_jpeg, "library", lambda *_: broken_library)
    scaled_jpeg._decoder.cache_clear()
    try:
        assert render(pictures.jpeg(1600, 1200), [Rendition("thumb", 400, 400)], Limits()).pictures[0].width_px == 400
    finally:
        scaled_jpeg._decoder.cache_clear()
