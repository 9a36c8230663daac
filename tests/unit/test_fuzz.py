"""Properties over generated input: for any bytes, the engine returns renditions or rejects the file."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.resize.render import render
from shared.errors import Rejected
from shared.limits import Limits
from shared.renditions import DEFAULT_RENDITIONS, Rendition
from tests.support import pictures
from tests.support.makers import MAKERS, valid

SMALL = Limits(max_pixels=4_000_000)


@st.composite
def broken(draw: st.DrawFn, name: str) -> bytes:
    """Return a valid file with some bytes changed, removed or repeated."""
    data = bytearray(valid(name))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        kind = draw(st.sampled_from(("change", "header", "cut", "remove", "repeat")))
        if kind == "change" and data:
            data[at] = draw(st.integers(0, 255))
        elif kind == "header" and data:
            data[at % min(64, len(data))] = draw(st.integers(0, 255))
        elif kind == "cut":
            del data[at:]
        elif kind == "remove":
            del data[at : at + draw(st.integers(1, 16))]
        else:
            data[at:at] = data[at : at + draw(st.integers(1, 64))]
    return bytes(data)


def answers(data: bytes) -> None:
    """Render, and accept a picture or a rejection with a sentence; any other exception fails the test."""
    try:
        rendered = render(data, DEFAULT_RENDITIONS, SMALL)
    except Rejected as rejected:
        words = rejected.sentence
    else:
        words = f"{len(rendered.pictures)} pictures."
    assert words.endswith(".")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MAKERS)
@given(st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_broken_files_are_rendered_or_rejected(name: str, data: st.DataObject) -> None:
    answers(data.draw(broken(name)))


@pytest.mark.filterwarnings("ignore")
@given(st.binary(max_size=400))
@settings(max_examples=50, deadline=None)
def test_random_bytes_are_rejected(data: bytes) -> None:
    answers(data)


@given(st.sampled_from(["JPEG", "PNG", "WEBP"]), st.integers(1, 300), st.integers(1, 300), st.booleans())
@settings(max_examples=25, deadline=None)
def test_rendering_a_file_twice_gives_the_same_bytes(format: str, width: int, height: int, enlarge: bool) -> None:  # noqa: A002
    data = pictures.encoded(pictures.scene(width, height, grain=0), format)
    renditions = [Rendition("thumb", 64, 48, enlarge=enlarge), Rendition("view", 128, 128)]
    first, second = (render(data, renditions, SMALL) for _ in range(2))
    assert [p.body for p in first.pictures] == [p.body for p in second.pictures]


@pytest.mark.parametrize("size", [(10_000, 1), (1, 10_000), (20_000, 3)])
def test_the_thinnest_picture_keeps_one_pixel(size: tuple[int, int]) -> None:
    for picture in render(pictures.encoded(pictures.scene(*size, grain=0), "PNG"), DEFAULT_RENDITIONS, SMALL).pictures:
        assert min(picture.width_px, picture.height_px) >= 1
