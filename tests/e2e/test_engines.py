"""The main path of the page in Firefox and WebKit, against the deployed stack. All other tests use Chromium."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.browser import JPEG, empty, fill
from tests.support.deployed import Stack
from tests.support.engines.cable import cable_to
from tests.support.engines.launch import Look, Name, NotInstalled
from tests.support.engines.states import FILLED, LOADED, SCRIPTS, STATES, Visitor
from tests.support.engines.tab import DESKTOP_PX, PHONE_PX, Tab, opened
from tests.support.missing import missing

pytestmark = [pytest.mark.local_only("cuts the network of this machine's engine"), pytest.mark.nightly]
NAMES_SHOWN = "return [...document.querySelectorAll('#grid .picture img')].map(image => image.alt)"
FIRST_NINE = """
return [...document.querySelectorAll("#grid img")].slice(0, 9).every(image => image.complete && image.naturalWidth > 1);
"""
SHAPES = """
return [...document.querySelectorAll("#grid img")].slice(0, 9)
  .map(image => (image.clientWidth / image.clientHeight) / (image.naturalWidth / image.naturalHeight));
"""


@pytest.fixture(scope="module", params=["firefox", "webkit"])
def visitor(
    request: pytest.FixtureRequest, stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Visitor]:
    name: Name = request.param
    place = urlsplit(stack.gallery_url)
    look = Look(dark=name == "webkit")  # each engine with another colour scheme
    try:
        with cable_to(place.port or 80) as cable, opened(name, tmp_path_factory.mktemp(name), look) as tab:
            home = place._replace(netloc=f"127.0.0.1:{cable.port}").geturl()
            owner = stack.invitation("owner").partition("#")[2]
            yield Visitor(tab, cable, home, tmp_path_factory.mktemp("files"), owner)
    except NotInstalled as error:
        missing(str(error))


@pytest.fixture(autouse=True)
def _no_pictures(stack: Stack, visitor: Visitor) -> None:
    empty(stack)
    visitor.cable.put_back()
    visitor.cable.bearer = ""
    visitor.tab.resize(DESKTOP_PX)


@pytest.mark.parametrize("size_px", [PHONE_PX, DESKTOP_PX], ids=["phone", "desktop"])
def test_the_grid_shows_whole_pictures(visitor: Visitor, stack: Stack, size_px: tuple[int, int]) -> None:
    fill(stack, 12)
    visitor.tab.resize(size_px)
    visitor.tab.goto(visitor.home)
    visitor.tab.until(LOADED, "pictures")
    visitor.tab.until(FIRST_NINE, "the first nine pictures, of which some may be below the window")
    assert visitor.tab.js(SHAPES) == pytest.approx([1] * 9, rel=0.03)
    assert visitor.tab.js("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert visitor.tab.violations() == []


def test_the_viewer_follows_the_keyboard_and_the_back_button(visitor: Visitor, stack: Stack) -> None:
    ids = fill(stack, 5)
    tab = visitor.tab
    tab.goto(visitor.home)
    tab.click(f".picture[data-id='{ids[1]}'] a")
    tab.reads("#viewer-name", "Holiday 2")
    tab.until("return view.complete && view.naturalWidth > 1000", "the large picture")
    assert tab.violations() == []
    tab.press("Right")
    tab.reads("#viewer-name", "Holiday 3")
    assert tab.url == f"{visitor.home}?image={ids[2]}"
    tab.press("Escape")
    tab.until("return !viewer.open", "closed viewer")
    assert tab.url == visitor.home
    assert tab.js("return document.activeElement.querySelector('img').alt") == "Holiday 3"
    tab.forward()
    tab.until("return viewer.open", "open viewer")
    tab.back()
    tab.until("return !viewer.open", "closed viewer")


def test_the_viewer_zooms_and_pans(visitor: Visitor, stack: Stack) -> None:
    fill(stack, 3)
    tab = visitor.tab
    visitor.look()
    tab.click(".picture a")
    tab.until("return view.complete && view.naturalWidth > 1000", "the large picture")
    whole = _box(tab)
    # Keys.
    tab.press("+")
    left, top, width = _box(tab)
    assert width == pytest.approx(1.5 * whole[2], abs=2)
    tab.press("Right")
    assert _box(tab)[0] < left
    tab.press("0")
    assert _box(tab) == whole
    # The wheel zooms at the pointer, and a drag pans.
    tab.scroll_wheel((800, 500), -400)
    left, top, width = _box(tab)
    assert width > 1.5 * whole[2]
    assert (800 - left) / width == pytest.approx((800 - whole[0]) / whole[2], abs=0.01)
    tab.drag((800, 500), (780, 490), (760, 470))
    assert _box(tab) == pytest.approx((left - 40, top - 30, width), abs=1)
    tab.scroll_wheel((800, 500), 4000)
    assert _box(tab) == whole
    # A double click zooms in, and another one out.
    tab.double_click((640, 450))
    assert _box(tab)[2] > 1.5 * whole[2]
    tab.double_click((640, 450))
    assert _box(tab) == whole
    assert tab.js("return document.querySelector('#viewer-name').textContent") == "Holiday 1"


def _box(tab: Tab) -> tuple[int, int, int]:
    """Return left, top and width of the shown picture in CSS pixels."""
    left, top, width = tab.js("return (b => [b.left, b.top, b.width])(view.getBoundingClientRect())")
    return round(left), round(top), round(width)


def test_an_uploaded_file_becomes_a_picture(visitor: Visitor, tmp_path: Path) -> None:
    (tmp_path / JPEG[0]).write_bytes(JPEG[2])
    (tmp_path / "notes.jpg").write_text("This is text. " * 90)
    tab = visitor.tab
    tab.goto(visitor.home)
    tab.choose("#choose", tmp_path / JPEG[0], tmp_path / "notes.jpg")
    tab.shows(".card[data-state=ready]")
    tab.shows(".card[data-state=rejected]")
    assert tab.violations() == []
    tab.click("#tray-done")
    assert tab.js(NAMES_SHOWN) == ["Lake"]
    tab.reload()
    tab.until(LOADED, "pictures")
    assert tab.js(NAMES_SHOWN) == ["Lake"]


def test_an_upload_goes_on_when_the_network_is_back(visitor: Visitor, tmp_path: Path) -> None:
    (tmp_path / JPEG[0]).write_bytes(JPEG[2])
    tab = visitor.tab
    tab.goto(visitor.home)
    tab.until(SCRIPTS, "scripts")
    visitor.cable.pull()
    tab.choose("#choose", tmp_path / JPEG[0])
    tab.reads(".card .state", "Trying again")
    assert tab.violations() == []
    visitor.cable.put_back()
    tab.shows(".card[data-state=ready]")


def test_an_owner_removes_a_picture_and_undoes_it(visitor: Visitor, stack: Stack) -> None:
    fill(stack, 3)
    tab = visitor.tab
    visitor.enter()
    tab.click(".picture a")
    tab.click("#remove")
    tab.reads("#undo", "1 picture removed")
    assert tab.violations() == []
    tab.click("#undo button")
    tab.reads("#undo", "1 picture restored")
    tab.press("Escape")
    assert tab.js(NAMES_SHOWN) == ["Holiday 1", "Holiday 2", "Holiday 3"]


def test_every_state_is_accessible_and_fits_a_phone(visitor: Visitor, stack: Stack) -> None:
    visitor.tab.resize(PHONE_PX)
    wrong = {}
    for name, reach in STATES.items():
        if name == "pictures":
            fill(stack, FILLED)
        visitor.cable.put_back()
        visitor.cable.bearer = ""
        reach(visitor)
        found = visitor.tab.violations()
        if visitor.tab.js("return document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            found.append("wider than the window")
        if found:
            wrong[name] = found
    assert wrong == {}
