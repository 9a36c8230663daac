"""Finds Chromium: Debian's, or else Playwright's."""

import os
import shutil

# root may not use Chromium's sandbox; the other options disable its background requests.
CHROMIUM_ARGUMENTS = [
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str | None:
    """Return the path of the system's Chromium, or None if Playwright must use its own."""
    return shutil.which("chromium") or shutil.which("chromium-browser")
