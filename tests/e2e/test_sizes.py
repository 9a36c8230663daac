"""Each engine fetches the rendition that fits a picture's place in the grid. Nothing is deployed."""

from pathlib import Path

import pytest

from bench.pictures import PHOTOS, SOFT, WASTEFUL, visit
from functions.list.page import EAGER_ITEMS
from tests.support.engines.launch import NAMES, Look, Name, NotInstalled
from tests.support.engines.tab import opened
from tests.support.missing import missing
from tests.support.served import served

PICTURES = 14


@pytest.mark.parametrize("name", NAMES)
def test_pictures_are_sharp_and_light_on_a_phone(name: Name, tmp_path: Path) -> None:
    try:
        with served() as gallery, opened(name, tmp_path, Look(density=3)) as tab:
            gallery.seeds = PHOTOS
            gallery.fill(PICTURES)
            seen = visit(tab, gallery, 390, old=False)
    except NotInstalled as error:
        missing(str(error))
    assert len(seen.ratios) == PICTURES
    assert [ratio for ratio in seen.ratios if not SOFT <= ratio <= WASTEFUL] == []
    # The first pictures show their smallest file until the page is loaded.
    assert PICTURES <= seen.requests <= PICTURES + EAGER_ITEMS
