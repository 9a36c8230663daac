"""A tab of any engine: goes to addresses, presses keys, chooses files and asks the page."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from tests.support.deployed import ARRIVES_SECONDS, until
from tests.support.engines.launch import Look, Name, launched
from tests.support.engines.wire import ELEMENT, CommandFailed, Wire

# The codes of WebDriver for keys without a character.
KEYS = {
    "Tab": "\ue004",
    "Enter": "\ue007",
    "Escape": "\ue00c",
    "Left": "\ue012",
    "Right": "\ue014",
    "Delete": "\ue017",
    "Home": "\ue011",
}
DOWN, UP = {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}
PHONE_PX, DESKTOP_PX = (390, 844), (1280, 900)
"""Sizes of the page. MiniBrowser has no window under 450 pixels."""
VISIBLE = "return !!document.querySelector(arguments[0])?.checkVisibility({visibilityProperty: true})"
AXE = """
const done = arguments[arguments.length - 1];
axe.run().then(found => done(found.violations.flatMap(rule => rule.nodes.map(node =>
  `${rule.id}: ${node.html.slice(0, 160)} (${node.failureSummary})`))), problem => done([String(problem)]));
"""


type Point = tuple[int, int]


class Tab:
    """One tab of a browser."""

    def __init__(self, name: Name, wire: Wire) -> None:
        self.name = name
        self._wire = wire

    def goto(self, url: str) -> None:
        self._send("navigate", url=url)

    def back(self) -> None:
        self._send("back")

    def forward(self) -> None:
        self._send("forward")

    def reload(self) -> None:
        self._send("refresh")

    @property
    def url(self) -> str:
        return str(self.js("return location.href"))

    def resize(self, size_px: tuple[int, int]) -> None:
        self._wire.resize(*size_px)

    def js(self, body: str, *arguments: Any) -> Any:
        """Run the body of a function in the page and return its result."""
        return self._send("script", script=body, args=list(arguments))

    def press(self, *keys: str) -> None:
        """Press keys one after the other, as on a keyboard."""
        for key in keys:
            code = KEYS.get(key, key)
            strokes = [{"type": kind, "value": code} for kind in ("keyDown", "keyUp")]
            self._send("actions", actions=[{"type": "key", "id": "keyboard", "actions": strokes}])

    def click(self, selector: str) -> None:
        self.shows(selector)
        self._send("click", id=self._find(selector))

    def scroll_wheel(self, at: Point, pixels: int) -> None:
        """Turn the wheel over a point of the window; up is negative."""
        turn = {"type": "scroll", "x": at[0], "y": at[1], "deltaX": 0, "deltaY": pixels, "origin": "viewport"}
        self._send("actions", actions=[{"type": "wheel", "id": "wheel", "actions": [turn]}])

    def drag(self, *path: Point, pointer: str = "mouse") -> None:
        """Press at the first point of a path, move along it, and release at its end."""
        self._pointer(pointer, [self._move(path[0]), DOWN, *map(self._move, path[1:]), UP])

    def double_click(self, at: Point, pointer: str = "mouse") -> None:
        """Click twice with a mouse, or tap twice with a finger ("touch")."""
        self._pointer(pointer, [self._move(at), DOWN, UP, DOWN, UP])

    def _pointer(self, kind: str, actions: list[dict[str, Any]]) -> None:
        self._send(
            "actions",
            actions=[{"type": "pointer", "id": kind, "parameters": {"pointerType": kind}, "actions": actions}],
        )

    @staticmethod
    def _move(to: Point) -> dict[str, Any]:
        return {"type": "pointerMove", "x": to[0], "y": to[1], "duration": 20, "origin": "viewport"}

    def choose(self, selector: str, *paths: Path) -> None:
        """Choose files in an input."""
        self._send("type", id=self._find(selector), text="\n".join(map(str, paths)))

    def shows(self, selector: str) -> None:
        """Wait until the page shows an element."""
        self.until(VISIBLE, f"visible {selector}", selector)

    def reads(self, selector: str, text: str) -> None:
        """Wait until an element contains a text."""
        self.until(
            "return !!document.querySelector(arguments[0])?.textContent.includes(arguments[1])",
            f"{text!r} in {selector}",
            selector,
            text,
        )

    def until(self, body: str, what: str, *arguments: Any, seconds: float = ARRIVES_SECONDS) -> Any:
        """Wait until the body of a function returns something true. A page that is just loading does not count."""

        def look() -> Any:
            try:
                return self.js(body, *arguments)
            except CommandFailed:
                return None

        return until(look, f"{what} in {self.name}", seconds)

    def violations(self) -> list[str]:
        """Return axe-core's findings, each with its rule and place."""
        self.js(_axe() + "; window.axe = axe;")
        found: list[str] = self._send("script_async", script=AXE, args=[])
        return found

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._send("screenshot", full=False)))

    def _find(self, selector: str) -> str:
        found = self._send("find", using="css selector", value=selector)
        return str(found[ELEMENT])

    def _send(self, command: str, **parameters: Any) -> Any:
        return self._wire.send(command, parameters)


@contextmanager
def opened(name: Name, folder: Path, look: Look = Look()) -> Iterator[Tab]:  # noqa: B008 (immutable)
    """Start a browser and yield its tab."""
    with launched(name, folder, look) as wire:
        yield Tab(name, wire)


@cache
def _axe() -> str:
    return files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
