"""JPEGs are decoded at a reduced size without a visible difference, and rejected if a part is missing."""

import io
import struct
from dataclasses import replace

import pytest
from PIL import Image, ImageChops, ImageStat

from functions.resize.formats import jpeg_scans
from functions.resize.formats.base import Decoded, Opened
from functions.resize.opening import open_picture
from functions.resize.render import render
from shared.errors import Rejected
from shared.limits import Limits
from shared.renditions import Rendition
from tests.support import pictures
from tests.support.rendered import LIMITS, colour, near, opened


def rendition(data: bytes, side: int) -> Image.Image:
    """Return the picture fitted into a square, encoded without loss."""
    (picture,) = render(data, [Rendition("x", side, side, format="png")], LIMITS).pictures
    return opened(picture)


def apart(left: Image.Image, right: Image.Image) -> float:
    """Return the greatest difference of two pictures' values."""
    assert left.size == right.size
    extrema = ImageStat.Stat(ImageChops.difference(left.convert("L"), right.convert("L"))).extrema
    return max(high for _, high in extrema)


def test_a_reduced_decode_does_not_shift_the_picture() -> None:
    """41 pixels are 10.25 pixels of the decode by 4, which has 11: a part of the last one lies outside the picture."""
    ramp = Image.frombytes("L", (41, 41), bytes(6 * x for x in range(41)) * 41)
    made = rendition(pictures.encoded(ramp, "JPEG", quality=95), 5)
    assert apart(made, ramp.resize((5, 5), Image.Resampling.LANCZOS)) <= 4


def test_a_reduced_decode_keeps_every_detail_that_the_rendition_can_show() -> None:
    line = bytes(128 + 100 * (x // 3 % 2) for x in range(600))
    stripes = Image.frombytes("L", (600, 60), line * 60)
    made = rendition(pictures.encoded(stripes, "JPEG", quality=95), 300)
    assert apart(made, stripes.resize((300, 30), Image.Resampling.LANCZOS)) <= 12


@pytest.mark.parametrize(("progressive", "size"), [(False, (200, 150)), (True, (100, 75))])
def test_detail_scans_are_skipped_only_in_a_progressive_file(progressive: bool, size: tuple[int, int]) -> None:
    data = pictures.jpeg(800, 600, progressive=progressive)
    assert open_picture(data, LIMITS).decode(90, 68).image.size == size


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize(("width", "height"), [(1600, 200), (200, 1600)])
def test_a_panorama_is_decoded_at_the_smallest_size_for_every_orientation(
    orientation: int, width: int, height: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []

    def noted(data: bytes, limits: Limits) -> Opened:
        opened = open_picture(data, limits)

        def decode(width_px: int, height_px: int) -> Decoded:
            answer = opened.decode(width_px, height_px)
            decoded.append(max(answer.image.size))
            return answer

        return replace(opened, decode=decode)

    monkeypatch.setattr("functions.resize.render.open_picture", noted)
    made = rendition(pictures.phone_jpeg(orientation, width, height), 400)
    assert max(made.size) == 400
    assert decoded == [800]  # half: a quarter would leave the resampler only 400 to choose from


@pytest.mark.parametrize("side", [90, 400])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("cut", [200, 2000])
def test_a_jpeg_without_its_last_blocks_is_damaged_at_any_size(cut: int, progressive: bool, side: int) -> None:
    """A small rendition of a progressive file needs only the first scans, but the file is damaged nevertheless."""
    with pytest.raises(Rejected, match=r"damaged-image: .*its end is missing"):
        rendition(pictures.jpeg(800, 600, progressive=progressive)[:-cut], side)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("cut", [1, 2])
def test_a_jpeg_without_its_end_marker_is_shown(cut: int, progressive: bool) -> None:
    whole = pictures.jpeg(800, 600, progressive=progressive)
    assert rendition(whole[:-cut], 400).tobytes() == rendition(whole, 400).tobytes()


@pytest.mark.parametrize("fill", [b"\xff", b"\xff\xff\xff"])
@pytest.mark.parametrize("progressive", [False, True])
def test_fill_bytes_before_the_end_marker_are_no_damage(progressive: bool, fill: bytes) -> None:
    """A trail camera writes them after every picture, and its pictures end in a black bar."""
    image = pictures.scene(800, 600)
    image.paste("black", (0, 560, 800, 600))
    data = pictures.encoded(image, "JPEG", quality=90, progressive=progressive)
    assert rendition(data[:-2] + fill + data[-2:], 400).tobytes() == rendition(data, 400).tobytes()


def test_a_cut_jpeg_with_fill_bytes_and_an_end_marker_is_damaged() -> None:
    image = pictures.scene(800, 600)
    image.paste("black", (0, 560, 800, 600))
    data = pictures.encoded(image, "JPEG", quality=90)
    with pytest.raises(Rejected, match=r"damaged-image: .*its last part is missing"):
        rendition(data[: len(data) * 9 // 10] + b"\xff\xff\xd9", 400)


def test_a_jpeg_of_twelve_bits_is_not_called_damaged() -> None:
    data = pictures.jpeg(80, 60)
    at = data.index(b"\xff\xc0") + 4
    with pytest.raises(Rejected, match="unsupported-format: This is a JPEG with 12 bits a colour"):
        rendition(data[:at] + b"\x0c" + data[at + 1 :], 64)


def scan_by_scan(colours: tuple[int, int, int], sent: int = 3) -> bytes:
    """Return a baseline JPEG of 64 x 48 with one scan per component; only the first `sent` scans are present."""
    greys = [pictures.encoded(Image.new("L", (64, 48), value), "JPEG", quality=90) for value in colours]
    structures = [jpeg_scans.read(grey) for grey in greys]
    head = greys[0][: structures[0].scans[0].header]
    at = head.index(b"\xff\xc0")
    frame = struct.pack(">BHHB", 8, 48, 64, 3) + b"".join(bytes((number, 0x11, 0)) for number in (1, 2, 3))
    one_frame_bytes = 2 + 2 + 6 + 3
    head = head[:at] + b"\xff\xc0" + struct.pack(">H", 2 + len(frame)) + frame + head[at + one_frame_bytes :]
    for number, grey, structure in zip((1, 2, 3)[:sent], greys, structures, strict=False):
        head += b"\xff\xda" + struct.pack(">HBBB3B", 8, 1, number, 0, 0, 63, 0) + grey[structure.scans[0].coded : -2]
    return head + b"\xff\xd9"


def test_each_component_may_have_its_own_scan_but_none_may_be_missing() -> None:
    ycbcr = (100, 90, 200)
    red = Image.new("YCbCr", (1, 1), ycbcr).convert("RGB").getpixel((0, 0))
    assert near(colour(rendition(scan_by_scan(ycbcr), 64), (0.5, 0.5)), red, 3)  # type: ignore[arg-type]
    for sent in (1, 2):
        with pytest.raises(Rejected, match="a colour component is missing"):
            rendition(scan_by_scan(ycbcr, sent), 64)


def test_a_jpeg_with_more_than_100_scans_is_rejected() -> None:
    data = pictures.jpeg(96, 64, progressive=True)
    scans = jpeg_scans.read(data).scans
    last = data[scans[-1].start : scans[-1].end]
    assert len(rendition(data, 64).getbands()) == 3
    with pytest.raises(Rejected, match="more than 100 scans"):
        rendition(data[:-2] + last * (101 - len(scans)) + b"\xff\xd9", 64)


@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"subsampling": 0, "restart_marker_blocks": 7}])
def test_skipping_scans_of_a_large_picture_changes_no_pixel(options: dict[str, int]) -> None:
    """The picture has more blocks than one end-of-band run can declare as zero."""
    data = pictures.encoded(pictures.scene(2200, 1000, grain=0), "JPEG", progressive=True, **options)
    whole = Image.open(io.BytesIO(data))
    whole.draft(None, (275, 125))
    structure = jpeg_scans.read(data)
    shorter = jpeg_scans.for_scale(data, structure, 8)
    assert len(shorter) < len(data)
    reduced = Image.open(io.BytesIO(shorter))
    reduced.draft(None, (275, 125))
    assert reduced.size == (275, 125)
    assert reduced.tobytes() == whole.tobytes()
