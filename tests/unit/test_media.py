"""The media type that an upload gets from its declared type and its name."""

import pytest

from shared.media import UNTOLD, declared_type


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
