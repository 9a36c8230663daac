"""Brings the gallery's page into each state that a visitor may see, in any engine."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shared.keys import new_image_id
from tests.support.browser import JPEG
from tests.support.engines.cable import Cable
from tests.support.engines.tab import Tab
from tests.support.gallery import NOW

LOADED = """
const shown = [...document.querySelectorAll(".picture img")]
  .filter(image => image.checkVisibility())
  .filter(image => image.getBoundingClientRect().top < innerHeight && image.getBoundingClientRect().bottom > 0);
return shown.length && shown.every(image => image.complete && image.naturalWidth > 1);
"""
SCRIPTS = """
const loaded = performance.getEntriesByType("resource").filter(file => file.responseEnd).map(file => file.name);
const scripts = [...document.querySelector("#later").content.children];
return scripts.every(script => loaded.some(name => name.endsWith(script.getAttribute("src"))));
"""
FILLED = 70
"""The pictures that every state but "empty" needs: so many are several windows high."""
LONG_NAME = f"{'A long walk along the northern shore of the lake in late autumn ' * 3}with Anna and Ben.jpg"


@dataclass
class Visitor:
    """A browser, the address under which it sees the gallery (at the other end of a cable), and an owner's token."""

    tab: Tab
    cable: Cable
    home: str
    folder: Path
    owner: str

    def look(self) -> None:
        """Open the gallery and wait for its pictures and scripts."""
        self.tab.goto(self.home)
        self.tab.until(LOADED, "pictures")
        self.tab.until(SCRIPTS, "scripts")

    def enter(self) -> None:
        """Open the gallery as its owner."""
        self.cable.bearer = self.owner
        self.look()

    def choose(self, name: str, body: bytes) -> None:
        path = self.folder / name
        path.write_bytes(body)
        self.tab.choose("#choose", path)


def _empty(visitor: Visitor) -> None:
    visitor.tab.goto(visitor.home)
    visitor.tab.shows("#empty")


def _date(visitor: Visitor) -> None:
    visitor.look()
    visitor.tab.click("[popovertarget=dates]")
    visitor.tab.shows("#until")


def _older(visitor: Visitor) -> None:
    visitor.look()
    visitor.tab.js("scrollTo(0, document.documentElement.scrollHeight)")
    visitor.tab.shows("#back")
    visitor.tab.until(LOADED, "pictures")


def _viewer(visitor: Visitor) -> None:
    visitor.look()
    visitor.tab.click(".picture a")
    visitor.tab.until("return view.complete && view.naturalWidth > 1000", "the large picture")


def _pending(visitor: Visitor) -> None:
    visitor.tab.goto(f"{visitor.home}?image={new_image_id(NOW)}")
    visitor.tab.reads("h2", "Your picture is on its way")


def _gone(visitor: Visitor) -> None:
    visitor.tab.goto(f"{visitor.home}?image={'z' * 26}")
    visitor.tab.reads("h2", "This picture is gone")


def _added(visitor: Visitor) -> None:
    visitor.look()
    visitor.choose(*JPEG[::2])
    visitor.tab.shows(".card[data-state=ready]")


def _refused(visitor: Visitor) -> None:
    visitor.look()
    visitor.choose(LONG_NAME, b"This is text. " * 90)
    visitor.tab.shows(".card[data-state=rejected]")


def _offline(visitor: Visitor) -> None:
    visitor.look()
    visitor.cable.pull()
    visitor.choose(*JPEG[::2])
    visitor.tab.reads(".card .state", "Trying again")


def _expired(visitor: Visitor) -> None:
    visitor.look()
    visitor.cable.pull()
    visitor.tab.js(
        "document.querySelector('.picture img').srcset = document.querySelector('.picture img').src = 'data:,'"
    )
    visitor.tab.shows("#undo")


def _selection(visitor: Visitor) -> None:
    visitor.enter()
    visitor.tab.click("#select")
    visitor.tab.click(".picture a")
    visitor.tab.reads("#selection-count", "1 selected")


def _removed(visitor: Visitor) -> None:
    _selection(visitor)
    visitor.tab.click("#selection-remove")
    visitor.tab.reads("#undo", "1 picture removed")


def _invitation(visitor: Visitor) -> None:
    visitor.tab.goto(f"{visitor.home}enter")
    visitor.tab.shows("#token")


def _no_invitation(visitor: Visitor) -> None:
    _invitation(visitor)
    visitor.tab.js("document.querySelector('#token').value = 'forged'; document.querySelector('#enter button').click()")
    visitor.tab.reads("h2", "You are not signed in")


def _form(visitor: Visitor) -> None:
    visitor.tab.goto(f"{visitor.home}uploads/new")
    visitor.tab.shows("input[type=file]")


# "empty" needs a gallery without pictures, all others one with FILLED.
STATES: dict[str, Callable[[Visitor], None]] = {
    "empty": _empty,
    "pictures": Visitor.look,
    "older pictures": _older,
    "date": _date,
    "viewer": _viewer,
    "added": _added,
    "refused": _refused,
    "offline": _offline,
    "expired addresses": _expired,
    "selection": _selection,
    "removed": _removed,
    "pending": _pending,
    "gone": _gone,
    "invitation": _invitation,
    "invitation refused": _no_invitation,
    "upload form": _form,
}
