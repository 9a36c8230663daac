"""The media type that an upload gets from its declared type and its name."""

import pytest

from shared.folders import skipped_file, skipped_folder
from shared.media import ACCEPT, EXTENSIONS_BY_TYPE, UNTOLD, declared_type


@pytest.mark.parametrize(
    ("media_type", "name", "wanted"),
    [
        ("image/jpeg", "cat.jpg", "image/jpeg"),
        ("image/jpeg; charset=binary", "cat", "image/jpeg"),
        ("image/jpg", "cat.jpg", "image/jpeg"),
        ("image/pjpeg", "cat", "image/jpeg"),
        ("IMAGE/X-PNG", "cat.png", "image/png"),
        ("application/octet-stream", "cat.HIF", "image/heif"),
        ("application/octet-stream", "cat.jpe", "image/jpeg"),
        ("", "cat.dib", "image/bmp"),
        (None, "cat.JPG", "image/jpeg"),
        ("image/x-unknown", "cat.png", "image/png"),
        ("text/plain", "cat.png", "image/png"),
        ("application/octet-stream", "IMG_0001", UNTOLD),
        (None, "IMG_0001", UNTOLD),
        ("text/html", "page", None),
        ("text/html", "page.html", None),
        ("", "cat.exe", None),
    ],
)
def test_type_and_extension_decide_together(media_type: str | None, name: str, wanted: str | None) -> None:
    assert declared_type(media_type, name) == wanted


@pytest.mark.parametrize(
    "name", ["cat.jpg", "cat.HIF", "cat.jpe", "cat.dib", "IMG_0001", "notes.txt", "cat.svg", "a.b.PNG"]
)
def test_a_folder_is_searched_by_the_rule_of_the_door(name: str) -> None:
    assert (skipped_file(name) is None) == (declared_type(None, name) is not None)


def test_hidden_files_and_litter_are_left_out_of_a_folder() -> None:
    assert all(map(skipped_file, ("Thumbs.db", "desktop.ini", ".DS_Store", "._cat.jpg", ".IMG_0001")))
    assert all(map(skipped_folder, ("@eaDir", ".thumbnails", "__MACOSX", "#recycle", "$RECYCLE.BIN", ".git")))
    assert skipped_folder("Holiday") is None


def test_file_inputs_offer_every_extension_that_the_door_takes() -> None:
    kind, *offered = ACCEPT.split(",")
    assert kind == "image/*"
    assert {name.removeprefix(".") for name in offered} == {
        name for names in EXTENSIONS_BY_TYPE.values() for name in names
    }
