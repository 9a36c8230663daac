"""GIFs whose frames are smaller than the picture look as in browsers."""

import struct

import pytest
from PIL import Image

from functions.resize import animation
from functions.resize.formats import gif
from functions.resize.opening import open_picture
from functions.resize.render import render
from shared.renditions import Rendition
from tests.support import pictures
from tests.support.rendered import LIMITS, opened

RED, GREEN, BLUE, NOTHING = (255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255), (0, 0, 0, 0)
_COLOURS = bytes((255, 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0))
KEEP, CLEAR, RESTORE = 1, 2, 3
type Frame = tuple[int, tuple[int, int, int, int], int]


def gif_of(*frames: Frame, size: tuple[int, int] = (40, 40)) -> bytes:
    """Return a GIF of 100 ms frames, each given by colour index, box (left, upper, width, height) and disposal."""
    body = b"GIF89a" + struct.pack("<HH", *size) + b"\x81\0\0" + _COLOURS
    for colour, (left, upper, width, height), disposal in frames:
        still = Image.new("P", (width, height), colour)
        still.putpalette(_COLOURS)
        coded = pictures.encoded(still, "GIF", optimize=False)
        start, end, _ = next(gif._frames(coded))
        control = b"!\xf9\4" + bytes((disposal << 2, 10, 0, 0, 0))
        body += control + b"," + struct.pack("<4H", left, upper, width, height) + coded[start + 9 : end]
    return body + b";"


def seen(data: bytes) -> list[list[object]]:
    """Return the colours of each frame at the upper left, in the middle and at the lower right."""
    frames = [image.convert("RGBA") for image, _ in animation.frames(open_picture(data, LIMITS))]
    return [[image.getpixel(at) for at in ((2, 2), (20, 20), (37, 37))] for image in frames]


WHOLE, MIDDLE, CORNER = (0, 0, 40, 40), (10, 10, 20, 20), (0, 0, 10, 10)


@pytest.mark.parametrize(
    ("disposal", "second", "third"),
    [
        (KEEP, [RED, GREEN, RED], [BLUE, GREEN, RED]),
        (CLEAR, [NOTHING, GREEN, NOTHING], [BLUE, NOTHING, NOTHING]),
        (RESTORE, [NOTHING, GREEN, NOTHING], [BLUE, NOTHING, NOTHING]),
    ],
)
def test_each_disposal_method_leaves_the_right_canvas(disposal: int, second: list[object], third: list[object]) -> None:
    data = gif_of((0, WHOLE, disposal), (1, MIDDLE, disposal), (2, CORNER, disposal))
    assert seen(data) == [[RED, RED, RED], second, third]


def test_restoring_the_previous_frame_shows_the_canvas_before_it() -> None:
    data = gif_of((0, WHOLE, KEEP), (1, MIDDLE, RESTORE), (2, CORNER, KEEP))
    assert seen(data) == [[RED, RED, RED], [RED, GREEN, RED], [BLUE, RED, RED]]


def test_pixels_without_a_frame_are_transparent() -> None:
    assert seen(gif_of((1, MIDDLE, KEEP), (2, CORNER, KEEP))) == [[NOTHING, GREEN, NOTHING], [BLUE, GREEN, NOTHING]]
    (picture,) = render(gif_of((1, MIDDLE, KEEP)), [Rendition("x", 40, 40, format="png")], LIMITS).pictures
    assert [opened(picture).getpixel(at) for at in ((2, 2), (20, 20))] == [NOTHING, GREEN]


def test_pixels_outside_the_canvas_are_cut_off() -> None:
    data = gif_of((0, WHOLE, KEEP), (1, (20, 20, 60, 60), KEEP))
    assert seen(data) == [[RED, RED, RED], [RED, GREEN, GREEN]]
    assert {image.size for image, _ in animation.frames(open_picture(data, LIMITS))} == {(40, 40)}


def test_a_frame_without_a_colour_table_draws_nothing() -> None:
    data = gif_of((0, WHOLE, KEEP), (1, MIDDLE, KEEP))
    bare = data[:10] + b"\1" + data[11:13] + data[13 + len(_COLOURS) :]
    (start, _, _), _ = gif._frames(bare)
    own = bare[: start + 9] + b"\x81" + _COLOURS + bare[start + 10 :]
    assert seen(own) == [[RED, RED, RED], [RED, RED, RED]]


def test_a_grey_and_a_coloured_table_may_occur_in_one_gif() -> None:
    data = gif_of((0, WHOLE, KEEP), (1, MIDDLE, KEEP))
    (_, end, _), (start, _, _) = gif._frames(data)
    greys = bytes(value for value in (0, 85, 170, 255) for _ in range(3))
    control = data[end : end + 3] + bytes((KEEP << 2 | 1, 10, 0, 3)) + data[end + 7 : start]  # 3 is transparent
    grey = data[:end] + control + data[start : start + 9] + b"\x81" + greys + data[start + 10 :]
    assert seen(grey) == [[RED, RED, RED], [RED, (85, 85, 85, 255), RED]]
