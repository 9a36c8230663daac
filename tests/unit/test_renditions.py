"""The rendition parameter: valid values, and all mistakes at once."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.limits import MAX_PANORAMA_PX
from shared.renditions import DEFAULT_RENDITIONS, Rendition, fit, parse_renditions

THUMB = {"name": "thumb", "width_px": 400, "height_px": 400, "short_px": 200, "enlarge": True}
MEDIUM = {"name": "medium", "width_px": 800, "height_px": 800, "short_px": 400, "quality": 70}
VIEW = {"name": "view", "width_px": 1600, "height_px": 1600, "short_px": 800}


def test_the_default_renditions_are_a_valid_parameter() -> None:
    assert parse_renditions(json.dumps([THUMB, MEDIUM, VIEW])) == DEFAULT_RENDITIONS


@pytest.mark.parametrize(
    ("renditions", "words"),
    [
        ([THUMB | {"name": "Thumb!"}, VIEW], ["name must be", "'thumb' is missing"]),
        ([THUMB, VIEW, VIEW | {"name": "uploads"}], ["'uploads' is taken"]),
        ([THUMB, VIEW, VIEW], ["'view' is there more than once"]),
        ([THUMB | {"width_px": 0, "quality": 101}, VIEW | {"height_px": 1.5}], ["width_px", "quality", "height_px"]),
        ([THUMB | {"quality": True}, VIEW], ["quality must be"]),
        ([THUMB | {"short_px": -1}, VIEW | {"short_px": 4097}], ["short_px must be a whole number from 0 to 4096"]),
        ([THUMB | {"colour": "red"}, VIEW], ["unknown field 'colour'"]),
        ([THUMB, {"name": "view"}], ["width_px is missing", "height_px is missing"]),
        ([THUMB | {"format": "gif"}, VIEW], ["format must be one of auto, jpeg, webp, avif, png"]),
        ([THUMB | {"format": "jpeg"}, VIEW], ["'thumb' must have it too"]),
        ([THUMB, 7], ["rendition 2: must be an object", "'view' is missing"]),
        ([], ["1 to 8"]),
        ([THUMB, VIEW, *(VIEW | {"name": f"x{i}"} for i in range(7))], ["1 to 8"]),
        ([THUMB | {"width_px": 4097}, VIEW | {"height_px": 4097}], ["width_px must be", "height_px must be", "4096"]),
    ],
)
def test_all_mistakes_are_reported_at_once(renditions: object, words: list[str]) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        parse_renditions(json.dumps(renditions))
    assert all(word in str(caught.value) for word in words)


def test_the_largest_allowed_parameter_is_accepted() -> None:
    largest = {"width_px": 4096, "height_px": 4096, "quality": 100}
    renditions = parse_renditions(json.dumps([THUMB, VIEW, *({"name": f"x{i}"} | largest for i in range(6))]))
    assert len(renditions) == 8
    assert renditions[-1] == Rendition("x5", 4096, 4096, quality=100)


def test_text_that_is_not_json_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON"):
        parse_renditions("[{")


def test_the_thumb_may_have_its_own_format_if_no_other_is_auto() -> None:
    thumb, view = parse_renditions(json.dumps([THUMB | {"format": "avif"}, VIEW | {"format": "webp"}]))
    assert (thumb.format, view.format) == ("avif", "webp")


SIDES = st.integers(1, 70_000)
BOXES = st.builds(Rendition, st.just("x"), st.integers(1, 4096), st.integers(1, 4096), enlarge=st.booleans())


@given(SIDES, SIDES, BOXES)
def test_the_fit_is_within_the_box_and_keeps_the_ratio(width: int, height: int, box: Rendition) -> None:
    fitted_width, fitted_height = fit(width, height, box)
    assert fitted_width in range(1, box.width_px + 1)
    assert fitted_height in range(1, box.height_px + 1)
    scale = min(box.width_px / width, box.height_px / height)
    scale = scale if box.enlarge else min(scale, 1)
    for fitted, exact in ((fitted_width, width * scale), (fitted_height, height * scale)):
        assert abs(fitted - exact) <= 0.5 + 1e-6 or (fitted == 1 and exact < 1)


@pytest.mark.parametrize(
    ("original", "view"),
    [
        ((4000, 3000), (1600, 1200)),
        ((4000, 2000), (1600, 800)),
        ((6000, 2000), (2400, 800)),
        ((2000, 6000), (800, 2400)),
        ((12000, 3000), (3200, 800)),
        ((12000, 1200), (5059, 505)),
        ((3000, 300), (3000, 300)),
        ((60000, 60), (8192, 8)),
    ],
)
def test_a_panorama_keeps_a_usable_height(original: tuple[int, int], view: tuple[int, int]) -> None:
    (rendition,) = [one for one in DEFAULT_RENDITIONS if one.name == "view"]
    assert fit(*original, rendition) == view


@given(SIDES, SIDES, st.sampled_from(DEFAULT_RENDITIONS))
def test_a_rendition_fits_its_box_or_has_no_more_pixels(width: int, height: int, rendition: Rendition) -> None:
    fitted_width, fitted_height = fit(width, height, rendition)
    within = fitted_width <= rendition.width_px and fitted_height <= rendition.height_px
    strip = 1 in (fitted_width, fitted_height)
    assert within or strip or fitted_width * fitted_height <= rendition.width_px * rendition.height_px
    assert max(fitted_width, fitted_height) <= MAX_PANORAMA_PX


@given(SIDES, SIDES)
def test_each_rendition_has_twice_the_pixels_per_side_of_the_one_before(width: int, height: int) -> None:
    thumb, medium, view = (fit(width, height, replace(one, enlarge=False)) for one in DEFAULT_RENDITIONS)
    for smaller, larger in ((thumb, medium), (medium, view)):
        assert all(b <= 2 * a + 2 for a, b in zip(smaller, larger, strict=True))
