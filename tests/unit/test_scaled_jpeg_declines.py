"""What our own JPEG decoder does not know well it leaves to libjpeg, down to the smallest fault."""

import functools
import struct

import pytest
from PIL import Image

from functions.resize import scaled_jpeg
from functions.resize.render import render
from shared.limits import Limits
from shared.renditions import Rendition
from tests.support import pictures
from tests.support.jpegs import SCALES, changed, first, scaled
from tests.unit.test_fast_paths import difference, opened


@functools.cache
def declined() -> dict[str, bytes]:
    """Files that it must not take, each wrong or foreign in one way."""
    data = pictures.jpeg(160, 120)
    restarts = pictures.jpeg(160, 120, restart_marker_blocks=7)
    frame, scan = first(data, 0xC0)[0], first(data, 0xDA)
    table = first(data, 0xDB)[0]
    huffman = first(data, 0xC4)
    coded = scan[1]

    def before_scan(segment: bytes) -> bytes:
        return data[: scan[0]] + segment + data[scan[0] :]

    return {
        "progressive": pictures.jpeg(160, 120, progressive=True),
        "CMYK": pictures.cmyk_jpeg(with_profile=False),
        "another coding": changed(data, frame + 1, 0xC9),
        "12 bits": changed(data, frame + 4, 12),
        "no height": changed(changed(data, frame + 5, 0), frame + 6, 0),
        "a quantization table that there cannot be": changed(data, frame + 12, 4),
        "a sampling of nothing": changed(data, frame + 11, 0x02),
        "two frames": data[:frame] + data[frame : scan[0]] + data[frame:],
        "components in another order": changed(data, scan[0] + 5, 2),
        "a Huffman table that there cannot be": changed(data, scan[0] + 6, 0x44),
        "no DC": changed(data, scan[1] - 3, 1),
        "a part of the coefficients": changed(data, scan[1] - 2, 62),
        "successive approximation": changed(data, scan[1] - 1, 0x10),
        "a scan of one component": data[: scan[0]] + b"\xff\xda\0\x08\x01\x01\0\0\x3f\0" + data[coded:],
        "16-bit quantization": changed(data, table + 4, 0x10),
        "a quantization table that is cut": data[: table + 2] + b"\0\x10" + data[table + 4 : table + 18] + data[frame:],
        "no quantization": data[:table] + data[frame:],
        "no Huffman table": data[: huffman[0]] + data[scan[0] :],
        "conditioning of arithmetic codes": before_scan(b"\xff\xcc\0\4\0\x10"),
        "a fifth quantization table": before_scan(b"\xff\xdb\0\x43\4" + bytes(64)),
        "a fifth Huffman table": before_scan(b"\xff\xc4\0\x14\x14\1" + bytes(16)),
        "too many codes of a length": before_scan(b"\xff\xc4\0\x16\3\3" + bytes(15) + b"\0\1\2"),
        "more symbols than bytes": changed(data, huffman[0] + 20, 200),
        "a Huffman table too many": data[: scan[0]] + data[slice(*huffman)] * 64 + data[scan[0] :],
        "cut": data[: coded + 500],
        "cut and closed": data[: coded + 500] + b"\xff\xd9",
        "no end": data[:-2],
        "something else than the end": data[:-2] + b"\xff\xd3\xff\xd9",
        "a second picture behind the first": data[:-2] + data[scan[0] :],
        "a marker of an extension": before_scan(b"\xff\xf7\0\4ab"),
        "a code of ones alone": before_scan(b"\xff\xc4\0\x15\x13\2" + bytes(15) + b"\0\1"),
        "a DC of 16 bits": before_scan(b"\xff\xc4\0\x14\3\1" + bytes(15) + b"\x10"),
        "more data": data[:-2] + b"\x5a" * 3 + b"\xff\xd9",
        "a restart marker of another number": restarts.replace(b"\xff\xd1", b"\xff\xd3", 1),
        "a restart marker that is missing": restarts.replace(b"\xff\xd1", b"", 1),
        "nothing": b"",
        "no JPEG": b"\xff\xd7" + data[2:],
        "a marker that is none": data[:2] + b"\0" + data[2:],
    }


@pytest.mark.parametrize("name", sorted(declined()))
def test_it_declines(name: str) -> None:
    assert scaled_jpeg.decode(pictures.jpeg(160, 120), "RGB", (160, 120), 2) is not None
    assert [scale for scale in SCALES if scaled_jpeg.decode(declined()[name], "RGB", (160, 120), scale)] == []


@pytest.mark.parametrize(("sampling", "size"), [(0x41, (32, 8)), (0x14, (8, 32))])
def test_it_declines_colours_of_a_quarter(sampling: int, size: tuple[int, int]) -> None:
    data = pictures.jpeg(160, 120)
    frame, scan = first(data, 0xC0)[0], first(data, 0xDA)[1]
    header = data[: frame + 5] + struct.pack(">HHBBB", size[1], size[0], 3, 1, sampling) + data[frame + 12 : scan]
    # Four times luma's codes for "as before" and "end of block", then twice those of the colours (T.81 K.3).
    grey = header + 0b001010_001010_001010_001010_0000_0000.to_bytes(4) + b"\xff\xd9"
    assert difference(opened(grey), Image.new("RGB", size, (128, 128, 128))) == (0, 0)
    assert [scale for scale in SCALES if scaled_jpeg.decode(grey, "RGB", size, scale)] == []


@pytest.mark.parametrize(("last", "fine"), [("1111111111110101" + "0", False), ("1010", True)])
def test_it_declines_a_run_that_goes_beyond_its_block(last: str, fine: bool) -> None:
    """Three runs of 16 zeros, then one of 15 and a value, which is one too many, or the block's end (T.81 K.5)."""
    data = pictures.encoded(Image.new("L", (8, 8), 128), "JPEG")
    bits = "00" + 3 * "11111111001" + last
    bits += "1" * (-len(bits) % 8)
    coded = int(bits, 2).to_bytes(len(bits) // 8).replace(b"\xff", b"\xff\0")
    assert (scaled(data[: first(data, 0xDA)[1]] + coded + b"\xff\xd9", 4) is not None) is fine


@pytest.mark.parametrize("size", [(168, 120), (160, 128), (65_535, 65_535), (1, 1)])
def test_it_never_writes_a_picture_of_another_size(size: tuple[int, int]) -> None:
    data = pictures.jpeg(160, 120)
    frame = first(data, 0xC0)[0]
    lying = data[: frame + 5] + struct.pack(">HH", size[1], size[0]) + data[frame + 9 :]
    assert scaled_jpeg.decode(lying, "RGB", (160, 120), 2) is None
    assert scaled_jpeg.decode(data, "L", (160, 120), 2) is None


@pytest.mark.parametrize("scale", [-1, 0, 5, 8])
def test_it_knows_no_other_scale(scale: int) -> None:
    assert scaled_jpeg.decode(pictures.jpeg(160, 120), "RGB", (160, 120), scale) is None


def test_colours_that_are_not_ycbcr_are_left_to_libjpeg() -> None:
    image = pictures.scene(1600, 1200)
    for data in (
        pictures.encoded(image, "JPEG", quality=95, keep_rgb=True),
        # The same without Adobe's mark: then the components' names say it.
        pictures.encoded(image, "JPEG", quality=95, keep_rgb=True).replace(
            b"\xff\xee\0\x0eAdobe", b"\xff\xee\0\x0eOther"
        ),
    ):
        thumb = opened(render(data, [Rendition("thumb", 400, 400, quality=95)], Limits()).pictures[0].body)
        assert difference(thumb, image.resize((400, 300), Image.Resampling.LANCZOS))[0] < 2.5
