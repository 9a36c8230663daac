"""Where Chromium is: Debian's, or else the one that Playwright brought."""

import os
import shutil

# Root may not use Chromium's sandbox; the quiet ones keep it from calling home.
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
    """The path of the system's Chromium, or None: then Playwright knows where its own is."""
    return shutil.which("chromium") or shutil.which("chromium-browser")
