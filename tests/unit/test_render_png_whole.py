"""PNGs that decoders accept although they are damaged, and libspng beside Pillow's decoder."""

import ctypes
import itertools
import struct

import pytest
from PIL import Image, ImageChops

from functions.resize.formats import libspng, png, png_chunks
from functions.resize.render import render
from shared.errors import Rejected
from shared.limits import Limits
from shared.renditions import Rendition
from tests.support import pictures
from tests.support.rendered import LIMITS, made, opened, shows_scene
from tests.support.spaces import chunk, png_of
from tests.unit.test_render_png import grey_png

SCENE = pictures.scene(64, 48, grain=0)
ROWS = b"".join(b"\0" + SCENE.crop((0, y, 64, y + 1)).tobytes() for y in range(48))
PLAIN = (8, 2, 0, 0, 0)
TYPES = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}  # the specification's table 8
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def shown(data: bytes) -> Image.Image:
    (picture,) = render(data, [Rendition("x", 64, 64, format="png")], LIMITS).pictures
    return opened(picture)


@pytest.mark.parametrize("kind", [b"IHDR", b"PLTE", b"IDAT", b"IEND"])
def test_a_critical_chunk_with_a_wrong_checksum_is_rejected(kind: bytes) -> None:
    data = bytearray(pictures.encoded(SCENE.quantize(16), "PNG"))
    assert made(bytes(data)).pictures
    at = data.index(kind)
    data[at + 4 + int.from_bytes(data[at - 4 : at])] ^= 1
    with pytest.raises(Rejected, match=rf"damaged-image: .*a checksum is wrong \({kind.decode()}\)"):
        made(bytes(data))


@pytest.mark.parametrize(("depth", "colour"), list(itertools.product((1, 2, 3, 4, 8, 16), range(8))))
def test_each_colour_type_accepts_only_its_own_bit_depths(depth: int, colour: int) -> None:
    row = b"\0" + bytes(-(-16 * depth * CHANNELS.get(colour, 4) // 8))
    data = png_of(16, 16, (depth, colour, 0, 0, 0), row * 16, chunk(b"PLTE", bytes(3 * 2)))
    if depth in TYPES.get(colour, ()):
        assert made(data).pictures
    else:
        with pytest.raises(Rejected, match=r"damaged-image: .*its header makes no sense"):
            made(data)


@pytest.mark.parametrize("field", [2, 3, 4], ids=["compression", "filter", "interlace"])
def test_an_unknown_method_in_the_header_is_rejected(field: int) -> None:
    header = list(PLAIN)
    assert made(png_of(64, 48, tuple(header), ROWS)).pictures
    header[field] = 2
    with pytest.raises(Rejected, match=r"damaged-image: .*its header makes no sense"):
        made(png_of(64, 48, tuple(header), ROWS))


def test_a_palette_picture_without_a_palette_is_rejected() -> None:
    with pytest.raises(Rejected, match=r"damaged-image: .*its palette is missing"):
        made(png_of(16, 16, (8, 3, 0, 0, 0), bytes(17 * 16)))


def interlaced() -> bytes:
    """Return the scene in Adam7's seven passes."""
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    pixels = SCENE.tobytes()
    rows = b"".join(
        b"\0" + b"".join(pixels[(y * 64 + x) * 3 :][:3] for x in range(left, 64, across))
        for left, upper, across, down in passes
        for y in range(upper, 48, down)
    )
    return png_of(64, 48, (8, 2, 0, 0, 1), rows)


SKY = b"".join(struct.pack(">H", value) for value in SCENE.getpixel((63, 0)))  # type: ignore[union-attr]
KINDS = {
    "plain": png_of(64, 48, PLAIN, ROWS),
    "interlaced": interlaced(),
    "one colour transparent": png_of(64, 48, PLAIN, ROWS, chunk(b"tRNS", SKY)),
    "palette": pictures.encoded(SCENE.quantize(16), "PNG"),
    "grey": pictures.encoded(SCENE.convert("L"), "PNG"),
    "grey with alpha": pictures.encoded(SCENE.convert("LA"), "PNG"),
    "few bits": grey_png(4, b"\x99" * 4 + bytes(4), 9),
    "sixteen bits": png_of(8, 8, (16, 2, 0, 0, 0), (b"\0" + bytes(range(48))) * 8),
}


@pytest.mark.parametrize("name", KINDS)
def test_libspng_and_pillow_decode_the_same_pixels(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with_libspng = shown(KINDS[name])
    monkeypatch.setattr(libspng, "library", lambda: None)
    with_pillow = shown(KINDS[name])
    assert with_libspng.mode == with_pillow.mode
    assert ImageChops.difference(with_libspng, with_pillow).getbbox() is None


def test_libspng_is_loaded_where_its_package_is_installed() -> None:
    assert libspng.library() is not None
    assert png.decode(KINDS["plain"], png_chunks.read(KINDS["plain"])) is not None


@pytest.mark.parametrize("library", [libspng.library(), None], ids=["libspng", "Pillow"])
@pytest.mark.parametrize("data", [pictures.animated("PNG", 3), pictures.animated("PNG", 3, default_image=True)])
def test_an_animation_with_too_many_frames_shows_its_first_picture(
    data: bytes, library: ctypes.CDLL | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libspng, "library", lambda: library)
    (picture,) = render(data, [Rendition("x", 160, 120)], Limits(max_frames=1)).pictures
    assert shows_scene(opened(picture))


@pytest.mark.parametrize("library", [libspng.library(), None], ids=["libspng", "Pillow"])
@pytest.mark.parametrize("interlace", [0, 1])
def test_a_picture_without_its_last_rows_is_damaged(
    interlace: int, library: ctypes.CDLL | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libspng, "library", lambda: library)
    for lacking in (1, 1000):
        with pytest.raises(Rejected, match="damaged-image"):
            made(png_of(64, 48, (8, 2, 0, 0, interlace), ROWS[:-lacking]))


def test_an_interlaced_picture_shows_the_scene() -> None:
    assert ImageChops.difference(shown(KINDS["interlaced"]), SCENE).getbbox() is None
    sky = shown(KINDS["one colour transparent"]).getpixel((63, 0))
    assert isinstance(sky, tuple)
    assert sky[3] == 0


def test_one_transparent_grey_of_sixteen_bits_hides_no_other_grey() -> None:
    """40,000 and 40,001 are the same grey in 8 bits; only 40,001 is transparent."""
    row = struct.pack(">8H", *[40_001] * 8) + struct.pack(">8H", *[40_000] * 8)
    image = shown(png_of(16, 16, (16, 0, 0, 0, 0), (b"\0" + row) * 16, chunk(b"tRNS", struct.pack(">H", 40_001))))
    assert image.getpixel((2, 8))[3] == 0  # type: ignore[index]
    assert image.getpixel((13, 8)) == (156, 156, 156, 255)
