"""Starts a browser of the Linux distribution with a fresh profile, and ends it with everything that it started."""

import json
import os
import platform
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ops.local.browser import CHROMIUM_ARGUMENTS, chromium
from tests.support.engines.wire import Chromedriver, CommandFailed, Http, Marionette, Wire
from tests.support.ports import free_port

type Name = Literal["chromium", "firefox", "webkit"]
NAMES: tuple[Name, ...] = ("chromium", "firefox", "webkit")
INSTALL = "Run `scripts/browser.sh` as root; it installs Debian's packages."
END_SECONDS = 10


class NotInstalled(Exception):
    """A program of a browser is missing. The text says which, and what to do."""


@dataclass(frozen=True)
class Look:
    """How a browser must show pages, as the visitor's system asks for it."""

    dark: bool = False
    forced_colours: bool = False
    density: int = 1
    """Device pixels per CSS pixel."""


@contextmanager
def launched(name: Name, folder: Path, look: Look) -> Iterator[Wire]:
    """Start a browser with its profile in `folder`. Raises NotInstalled."""
    folder.mkdir(parents=True, exist_ok=True)
    with _STARTS[name](folder, look) as wire:
        try:
            yield wire
        finally:
            with suppress(CommandFailed, OSError):
                wire.end()


@contextmanager
def _chromium(folder: Path, look: Look) -> Iterator[Wire]:
    arguments = [*CHROMIUM_ARGUMENTS, "--headless=new", f"--user-data-dir={folder}"]
    arguments += ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] if look.dark else []
    arguments += [f"--force-device-scale-factor={look.density}"]
    arguments += ["--force-high-contrast"] if look.forced_colours else []
    binary, port = chromium() or _program("chromium"), free_port()
    with _process([_program("chromedriver"), f"--port={port}"], folder):
        yield Chromedriver(port, {"goog:chromeOptions": {"binary": binary, "args": arguments}})


@contextmanager
def _firefox(folder: Path, look: Look) -> Iterator[Wire]:
    port = free_port()
    settings: dict[str, object] = {
        "marionette.port": port,
        "layout.css.devPixelsPerPx": str(look.density),
        "layout.css.prefers-color-scheme.content-override": 0 if look.dark else 1,
        "browser.display.document_color_use": 2 if look.forced_colours else 0,
        "browser.shell.checkDefaultBrowser": False,
        "datareporting.policy.dataSubmissionEnabled": False,
        "app.update.disabledForTesting": True,
        "network.captive-portal-service.enabled": False,
        "network.connectivity-service.enabled": False,
        "browser.safebrowsing.downloads.remote.enabled": False,
        "services.settings.server": "data:,",
    }
    lines = [f"user_pref({json.dumps(key)}, {json.dumps(value)});" for key, value in settings.items()]
    (folder / "user.js").write_text("\n".join(lines))
    binary = _program("firefox-esr", "firefox")
    with _process(
        [binary, "--headless", "--marionette", "-remote-allow-system-access", "--no-remote", "--profile", str(folder)],
        folder,
    ):
        yield Marionette(port)


@contextmanager
def _webkit(folder: Path, look: Look) -> Iterator[Wire]:
    # The driver knows MiniBrowser's place, but passes no automation flag to it.
    browser = f"/usr/lib/{platform.machine()}-linux-gnu/webkit2gtk-4.1/MiniBrowser"
    if not Path(browser).exists():
        raise NotInstalled(f"WebKit's MiniBrowser is not at {browser}. {INSTALL}")
    port = free_port()
    theme = "HighContrast" if look.forced_colours else "Adwaita"
    with _screen(folder) as display:
        variables = {"DISPLAY": display, "GTK_THEME": f"{theme}:dark" if look.dark else theme, "HOME": str(folder)}
        variables["GDK_SCALE"] = str(look.density)
        with _process([_program("WebKitWebDriver"), f"--port={port}"], folder, variables):
            yield Http(port, {"webkitgtk:browserOptions": {"binary": browser, "args": ["--automation"]}})


@contextmanager
def _screen(folder: Path) -> Iterator[str]:
    """Start an X server without a screen, and yield its name. GTK has no headless mode."""
    read, write = os.pipe()
    command = [_program("Xvfb"), "-displayfd", str(write), "-screen", "0", "3200x3000x24", "-nolisten", "tcp"]
    with _process(command, folder, pass_fds=(write,)), os.fdopen(read) as told:
        os.close(write)
        yield f":{told.readline().strip()}"


@contextmanager
def _process(
    command: Sequence[str], folder: Path, variables: dict[str, str] | None = None, pass_fds: Sequence[int] = ()
) -> Iterator[None]:
    """Run a program in a separate process group, with its output in `folder`, and end the whole group."""
    with (folder / f"{Path(command[0]).name}.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, **(variables or {})},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=pass_fds,
        )
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(END_SECONDS)


def _program(*names: str) -> str:
    for name in names:
        if path := shutil.which(name):
            return path
    raise NotInstalled(f"There is no program {names[0]}. {INSTALL}")


_STARTS: dict[Name, Callable[[Path, Look], AbstractContextManager[Wire]]] = {
    "chromium": _chromium,
    "firefox": _firefox,
    "webkit": _webkit,
}
