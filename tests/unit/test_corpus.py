"""`darkroom corpus` on a folder with pictures, damaged pictures and other files."""

import json
import os
from pathlib import Path

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from ops.develop.contact_sheet import contact_sheet
from ops.develop.corpus import corpus, render_alone
from ops.develop.corpus_worker import Worker
from ops.develop.outcome import Result
from tests.support import pictures

# Enough for a child and a photo, not for 80 megapixels.
ROOM_MB = 160

app = typer.Typer()
app.command()(corpus)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "photo.jpg").write_bytes(pictures.jpeg())
    (tmp_path / "half.jpg").write_bytes(pictures.jpeg()[:9000])
    (tmp_path / "letter <b>.png").write_bytes(pictures.NOT_PICTURES["text"])
    return tmp_path


def test_counts_and_reasons_as_json(folder: Path) -> None:
    answer = CliRunner().invoke(app, [str(folder), "--json"])
    assert answer.exit_code == 0
    told = json.loads(answer.stdout)
    files = told.pop("files")
    assert told == {
        "total": 3, "rendered": 1, "rejected": 2, "crashed": 0, "hung": 0, "over_memory": 0, "unknown": 0
    }  # fmt: skip
    outcomes = {Path(file["path"]).name: (file["outcome"], file.get("code")) for file in files}
    assert outcomes == {
        "photo.jpg": ("rendered", None),
        "half.jpg": ("rejected", "damaged-image"),
        "letter <b>.png": ("rejected", "not-an-image"),
    }
    assert all(file["seconds"] >= 0 and file["peak_mb"] > 1 for file in files)


def test_the_contact_sheet_shows_every_file(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "sheet.html"
    answer = CliRunner().invoke(app, [str(folder), "--html", str(page)])
    assert answer.exit_code == 0
    assert "damaged-image" in answer.stdout
    html = page.read_text()
    assert html.count("<figure") == 3
    assert "letter &lt;b&gt;.png" in html
    assert "data:image/jpeg;base64," in html


def test_a_file_that_takes_too_long_is_hung(tmp_path: Path) -> None:
    endless = tmp_path / "pipe.jpg"
    os.mkfifo(endless)  # a reader of this pipe waits
    result = render_alone(endless, seconds=0.1)
    assert (result.outcome, result.reason) == ("hung", "not done after 0.1 s")


def test_a_file_that_needs_more_memory_than_the_function_is_over_memory(folder: Path) -> None:
    large = folder / "large.png"
    Image.new("1", (10_000, 8000)).save(large)  # a byte a pixel once it is decoded
    assert render_alone(folder / "deeper" / "photo.jpg", memory_mb=ROOM_MB).outcome == "rendered"
    result = render_alone(large, memory_mb=ROOM_MB)
    assert (result.outcome, result.code) == ("over_memory", "too-much-memory")


def test_a_file_that_does_not_fit_into_memory_is_over_memory(tmp_path: Path) -> None:
    with (tmp_path / "film.jpg").open("wb") as film:
        film.truncate(2 * ROOM_MB * 1024 * 1024)  # takes no space
    result = render_alone(tmp_path / "film.jpg", memory_mb=ROOM_MB)
    assert (result.outcome, result.reason) == ("over_memory", f"more than {ROOM_MB} MB")


def test_an_unexpected_outcome_fails_the_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crashed = lambda _, path, *__, **___: Result(str(path), "crashed", reason="signal 11")  # noqa: E731
    monkeypatch.setattr(Worker, "render", crashed)
    answer = CliRunner().invoke(app, [str(folder)])
    assert answer.exit_code == 1
    assert "signal 11" in answer.stdout


def test_the_contact_sheet_shows_the_worst_outcomes_first(tmp_path: Path) -> None:
    results = [Result(str(tmp_path / "a.tif"), "rejected", code="x"), Result(str(tmp_path / "b.tif"), "crashed")]
    html = contact_sheet(results)
    assert html.index("b.tif") < html.index("a.tif")


def test_a_file_name_may_contain_any_bytes(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in (b"caf\xe9.jpg", b"[red].jpg"):  # Latin-1, and what Rich would take for a colour
        (folder / os.fsdecode(name)).write_bytes(pictures.jpeg(60, 40))
    page = tmp_path / "sheet.html"
    answer = CliRunner().invoke(app, [str(folder), "--html", str(page)])
    assert answer.exit_code == 0
    assert all(name in answer.stdout for name in ("caf?.jpg", "[red].jpg"))
    assert page.read_text().count("<figure") == 2
