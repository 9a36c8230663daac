"""`darkroom corpus --browser` over a generated file of every kind: Chromium shows the same pictures."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser

from tests.support import pictures
from tests.support.boxes import minimized, with_one_ipma_an_item
from tests.support.deep import TEN_BIT_RAMP, sixteen_bit_png
from tests.support.rendered import STILLS
from tests.support.spaces import avif, cicp, gamma, png

EXTENSIONS = {"heic": "heic", "tiff": "tif", "lzw tiff": "tif", "ico": "ico", "bmp": "bmp", "gif": "gif"}
PATCHES = pictures.scene(320, 240, grain=0)
KINDS = {
    **{f"{name}.{EXTENSIONS.get(name, name.rpartition(' ')[2])}": data for name, data in STILLS.items()},
    **{f"turned {value}.jpg": pictures.phone_jpeg(value) for value in range(1, 9)},
    "display p3.jpg": pictures.display_p3_jpeg(),
    "adobe rgb.jpg": pictures.adobe_rgb_jpeg(),
    "no end.jpg": pictures.jpeg(progressive=True)[:-2],
    "transparent.png": pictures.transparent(),
    "transparent.webp": pictures.transparent("WEBP"),
    "transparent.avif": pictures.transparent("AVIF"),
    "two ipma.avif": with_one_ipma_an_item(pictures.transparent("AVIF")),
    "animated.gif": pictures.animated_gif(3),
    "animated.webp": pictures.animated("WEBP", 3),
    "animated.png": pictures.animated("PNG", 3),
    "small.png": pictures.encoded(pictures.scene(32, 24), "PNG"),
    "fine stripes.png": pictures.encoded(
        Image.frombytes("L", (1201, 903), bytes(range(0, 256, 255)) * (1201 * 903 // 2) + b"\0"), "PNG"
    ),
    "gamma.png": png(PATCHES, gamma(55_556)),
    **{f"cicp {p} {t}.png": png(PATCHES, cicp(p, t)) for p in (1, 9, 12) for t in (1, 8, 13, 16, 18)},
    **{f"nclx {p} {t}.avif": avif(PATCHES, p, t) for p in (1, 9) for t in (1, 13, 16, 18)},
    "minimized.avif": minimized(pictures.encoded(pictures.scene(320, 240, grain=0), "AVIF", quality=90)),
    "ten bits.avif": TEN_BIT_RAMP,
    "sixteen bits.png": sixteen_bit_png(PATCHES, cicp(12, 16)),
    "half.jpg": pictures.jpeg()[:20_000],
    "letter.txt": pictures.NOT_PICTURES["text"],
}
# Chromium decodes neither TIFF nor HEIC. It shows the upper half of a cut JPEG.
ONLY_DARKROOM = {"heic.heic", "tiff.tif", "lzw tiff.tif"}
ONLY_CHROMIUM = {"half.jpg"}
# The red disc is at the edge of sRGB, where each of the two clips in its own way.
A_LITTLE = {"adobe rgb.jpg": 6, "nclx 1 16.avif": 6}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> dict[str, list[str]]:
    folder = tmp_path_factory.mktemp("kinds")
    for name, data in KINDS.items():
        (folder / name).write_bytes(data)
    page = tmp_path_factory.mktemp("sheet") / "sheet.html"
    darkroom = Path(sys.executable).with_name("darkroom")
    done = subprocess.run(
        [darkroom, "corpus", folder, "--browser", "--json", "--html", page], capture_output=True, text=True, check=True
    )
    assert page.read_text().count("<figure") == len(KINDS)
    return {Path(file["path"]).name: file["differences"] for file in json.loads(done.stdout)["files"]}


def test_chromium_shows_the_same_pictures(report: dict[str, list[str]]) -> None:
    assert report.keys() == KINDS.keys()
    differing = {name: found for name, found in report.items() if found}
    for name, levels in A_LITTLE.items():
        assert all(int(words.split()[-2]) <= levels for words in differing.pop(name, []))
    assert differing.keys() - ONLY_DARKROOM - ONLY_CHROMIUM == set(), differing


def test_files_that_only_one_of_the_two_shows_are_listed(report: dict[str, list[str]]) -> None:
    assert {name for name, found in report.items() if found == ["only Darkroom shows it"]} == ONLY_DARKROOM
    assert {name for name, found in report.items() if found[:1] == ["only the browser shows it (damaged-image)"]} == (
        ONLY_CHROMIUM
    )


def test_each_kind_of_difference_is_named(tmp_path: Path) -> None:
    """The picture differs from the file's: another size, other colours, another alpha."""
    from ops.develop.chromium import browser
    from ops.develop.compared import compare
    from ops.develop.corpus import render_alone
    from ops.develop.outcome import Result

    file, other = tmp_path / "a.png", tmp_path / "b.png"
    file.write_bytes(pictures.encoded(Image.new("RGB", (40, 30), "red"), "PNG"))
    other.write_bytes(pictures.encoded(Image.new("RGBA", (30, 40), (0, 0, 255, 60)), "PNG"))
    made = render_alone(file)
    mixed = Result(str(other), "rendered", width_px=40, height_px=30, pictures=made.pictures)

    def differences_in_browser() -> list[str]:
        with browser() as page:
            return list(compare(mixed, page).differences)

    # Playwright allows one synchronous browser in a thread, and other tests may have one in this thread.
    with ThreadPoolExecutor(1) as thread:
        differences = thread.submit(differences_in_browser).result()
    assert [words.partition(":")[0] for words in differences] == ["orientation", "colour", "alpha"]
