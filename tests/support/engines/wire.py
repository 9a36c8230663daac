"""WebDriver over HTTP (chromedriver, WebKitWebDriver), and over Marionette, Firefox's own socket.

Debian ships no geckodriver. That program would translate each HTTP command into the Marionette command of the same
name, so this module sends Marionette's commands itself: firefox-source-docs.mozilla.org/testing/marionette.
"""

import json
import socket
from typing import Any, Protocol

import httpx

from tests.support.deployed import until

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
COMMAND_SECONDS = 60
# Runs in Firefox's own window, around the page.
FRAME = """
const [width, height] = arguments, frame = gBrowser.selectedBrowser;
for (const [side, pixels] of [["width", width], ["height", height]])
  for (const bound of ["min", "max"]) frame.style[`${bound}-${side}`] = `${pixels}px`;
"""
# By name: HTTP method and path after the session, and Marionette's name.
COMMANDS = {
    "navigate": ("POST", "/url", "WebDriver:Navigate"),
    "back": ("POST", "/back", "WebDriver:Back"),
    "forward": ("POST", "/forward", "WebDriver:Forward"),
    "refresh": ("POST", "/refresh", "WebDriver:Refresh"),
    "rect": ("POST", "/window/rect", "WebDriver:SetWindowRect"),
    "script": ("POST", "/execute/sync", "WebDriver:ExecuteScript"),
    "script_async": ("POST", "/execute/async", "WebDriver:ExecuteAsyncScript"),
    "find": ("POST", "/element", "WebDriver:FindElement"),
    "click": ("POST", "/element/{id}/click", "WebDriver:ElementClick"),
    "type": ("POST", "/element/{id}/value", "WebDriver:ElementSendKeys"),
    "actions": ("POST", "/actions", "WebDriver:PerformActions"),
    "screenshot": ("GET", "/screenshot", "WebDriver:TakeScreenshot"),
}


class CommandFailed(Exception):
    """The browser refused a command. The text is the browser's."""


class Wire(Protocol):
    """Carries commands to one browser."""

    def send(self, command: str, parameters: dict[str, Any]) -> Any:
        """Send a command of COMMANDS and return its value. Raises CommandFailed."""
        ...

    def resize(self, width_px: int, height_px: int) -> None:
        """Give the page a window of this size."""
        ...

    def end(self) -> None:
        """End the session."""
        ...


class Http:
    """A session of a driver program that listens on a port."""

    def __init__(self, port: int, capabilities: dict[str, Any]) -> None:
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=COMMAND_SECONDS)
        until(self._listens, "driver")
        answer = self._call("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        self._session = f"/session/{answer['sessionId']}"

    def send(self, command: str, parameters: dict[str, Any]) -> Any:
        method, path, _ = COMMANDS[command]
        return self._call(method, self._session + path.format(**parameters), parameters)

    def resize(self, width_px: int, height_px: int) -> None:
        self.send("rect", {"width": width_px, "height": height_px})

    def end(self) -> None:
        self._call("DELETE", self._session, {})
        self._client.close()

    def _listens(self) -> bool:
        try:
            return self._client.get("/status").status_code < httpx.codes.INTERNAL_SERVER_ERROR
        except httpx.TransportError:
            return False

    def _call(self, method: str, path: str, body: dict[str, Any]) -> Any:
        answer = self._client.request(method, path, json=body if method == "POST" else None)
        value = answer.json()["value"]
        if answer.is_error:
            raise CommandFailed(f"{value['error']}: {value['message']}")
        return value


class Chromedriver(Http):
    """A session of Chromium. Its windows have at least 500 pixels, but the page in them can be narrower."""

    def resize(self, width_px: int, height_px: int) -> None:
        metrics = {"width": width_px, "height": height_px, "deviceScaleFactor": 0, "mobile": False}
        self.ask("Emulation.setDeviceMetricsOverride", **metrics)

    def ask(self, method: str, **parameters: Any) -> Any:
        """Send a command of the Chrome DevTools Protocol, and return its result. Raises CommandFailed."""
        command = {"cmd": method, "params": parameters}
        return self._call("POST", f"{self._session}/goog/cdp/execute", command)


class Marionette:
    """A session of Firefox. A message is its length, a colon, and JSON."""

    def __init__(self, port: int) -> None:
        self._socket = _connected(port)
        self._socket.settimeout(COMMAND_SECONDS)
        self._stream = self._socket.makefile("rb")
        self._count = 0
        self._receive()  # a greeting
        self._command("WebDriver:NewSession", {"strictFileInteractability": False})

    def send(self, command: str, parameters: dict[str, Any]) -> Any:
        value = self._command(COMMANDS[command][2], parameters)
        return value["value"] if isinstance(value, dict) and value.keys() == {"value"} else value

    def resize(self, width_px: int, height_px: int) -> None:
        """Firefox's windows have at least 500 pixels, but the frame of the page in them can be narrower."""
        self._command("WebDriver:SetWindowRect", {"width": max(width_px, 500), "height": height_px + 200})
        self._command("Marionette:SetContext", {"value": "chrome"})
        self._command("WebDriver:ExecuteScript", {"script": FRAME, "args": [width_px, height_px]})
        self._command("Marionette:SetContext", {"value": "content"})

    def end(self) -> None:
        self._command("Marionette:Quit", {"flags": ["eForceQuit"]})
        self._socket.close()

    def _command(self, name: str, parameters: dict[str, Any]) -> Any:
        self._count += 1
        text = json.dumps([0, self._count, name, parameters]).encode()
        self._socket.sendall(b"%d:%s" % (len(text), text))
        _, _, problem, value = self._receive()
        if problem:
            raise CommandFailed(f"{problem['error']}: {problem['message']}")
        return value

    def _receive(self) -> Any:
        length = b""
        while not length.endswith(b":"):
            byte = self._stream.read(1)
            if not byte:
                raise CommandFailed("Firefox closed the connection.")
            length += byte
        return json.loads(self._stream.read(int(length[:-1])))


def _connected(port: int) -> socket.socket:
    def tried() -> socket.socket | None:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1)
        except OSError:
            return None

    found = until(tried, "Firefox")
    assert found
    return found
