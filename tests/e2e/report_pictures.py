"""Makes docs/images/report*.png: `darkroom report` after 200 mixed uploads. `python -m tests.e2e.report_pictures`"""

import subprocess
import tempfile
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import sync_playwright

from ops.local.browser import CHROMIUM_ARGUMENTS, chromium
from tests.e2e.screenshots import FOLDER
from tests.support import mixed
from tests.support.deployed import DARKROOM

Shot = tuple[str, Literal["light", "dark"], int]
SHOTS: tuple[Shot, ...] = (("report", "light", 1240), ("report-dark", "dark", 1240), ("report-phone", "light", 390))
COLOURS = 256


def main() -> None:
    """Send the uploads, write the report, and take its screenshots."""
    with tempfile.TemporaryDirectory() as name, mixed.killable(Path(name)) as stack:
        mixed.send_all(stack)
        html = Path(name) / "report.html"
        subprocess.run([DARKROOM, "report", "--html", str(html), "--folder", name], check=True)
        take(html)


def take(html: Path) -> None:
    """Take the report in the light theme, in the dark theme, and on a phone."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_ARGUMENTS)
        for name, scheme, width in SHOTS:
            page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
            page.goto(html.resolve().as_uri())
            file = FOLDER / f"{name}.png"
            page.screenshot(path=file, full_page=True)
            with Image.open(file) as image:  # a third of the bytes, and no visible difference
                image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
            print(f"{file.name}: {file.stat().st_size / 1000:.0f} kB")
        browser.close()


if __name__ == "__main__":
    main()
