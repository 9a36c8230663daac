"""`darkroom upload`: which files it takes, verdicts, and an interrupted run that continues."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from ops import cli, upload
from ops.cli import app
from ops.problem import Problem
from ops.upload import Journal, pictures_in

LITTER = ["@eaDir/cat.jpg", ".thumbnails/cat.jpg", "._cat.jpg", ".DS_Store", ".hidden.jpg", "Thumbs.db", "notes.txt"]
REFUSED = {"code": "too-many-bytes", "sentence": "The file is too big."}


class Gallery:
    """The door, S3 and the status of uploads, as HTTP."""

    def __init__(self) -> None:
        self.stored: list[str] = []
        self.statuses: dict[str, dict[str, Any]] = {}
        self.interrupted_at: str | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            ids = request.url.params["ids"].split(",")
            return httpx.Response(200, json={"images": [self.statuses[one] for one in ids]})
        if request.url.path == "/uploads":
            name = json.loads(request.content)["name"]
            if name == self.interrupted_at:
                raise KeyboardInterrupt
            if name.startswith("big"):
                return httpx.Response(413, json=REFUSED)
            return httpx.Response(201, json={"id": f"id-{name}", "url": "http://s3/", "fields": {"key": name}})
        name = request.read().decode().split('filename="')[1].split('"')[0]
        self.stored.append(name)
        self.statuses[f"id-{name}"] = {"id": f"id-{name}", "status": "ready"}
        if name.startswith("poem"):
            self.statuses[f"id-{name}"] |= {"status": "rejected", "code": "not-an-image", "sentence": "A poem."}
        return httpx.Response(204)


@pytest.fixture
def gallery(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Gallery:
    made = Gallery()
    client = httpx.Client
    monkeypatch.setattr(upload.httpx, "Client", lambda **_: client(transport=httpx.MockTransport(made)))  # type: ignore[attr-defined]
    monkeypatch.setattr(upload, "POLL_SECONDS", 0)
    monkeypatch.setattr(upload, "PARALLEL_UPLOADS", 1)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    target = type("Target", (), {"gallery_url": "http://gallery/"})
    monkeypatch.setattr(cli, "resolve", lambda _: target)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ["a.jpg", "b.jpg", "deep/er/c.PNG", *LITTER]:
        file = tmp_path / "photos" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"picture " + name.encode())
    return tmp_path / "photos"


def run(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["upload", *arguments])
    assert done.exit_code == code, done.output
    return done.output


def test_system_litter_is_skipped_and_named(folder: Path) -> None:
    found = pictures_in([folder])
    assert [path.name for path in found.pictures] == ["a.jpg", "b.jpg", "c.PNG"]
    assert {path.name for paths in found.skipped.values() for path in paths} == {name.split("/")[0] for name in LITTER}


def test_a_hidden_file_that_is_named_itself_is_taken(folder: Path) -> None:
    assert pictures_in([folder / ".hidden.jpg"]).pictures == [folder / ".hidden.jpg"]
    with pytest.raises(Problem, match="There is no file or folder"):
        pictures_in([folder / "none.jpg"])


def test_an_upload_of_a_folder_names_what_it_skipped(gallery: Gallery, folder: Path) -> None:
    printed = run(str(folder))
    assert "3 of 3 uploaded" in printed
    assert "Skipped 2 folders of thumbnails and deleted files: .thumbnails, @eaDir" in printed
    assert ".DS_Store" in printed
    assert sorted(gallery.stored) == ["a.jpg", "b.jpg", "c.PNG"]


def test_wait_ends_with_a_verdict_for_each_file(gallery: Gallery, folder: Path) -> None:
    assert "a.jpg: ready" in run(str(folder), "--wait")
    (folder / "poem.jpg").write_text("a poem")
    printed = run(str(folder / "poem.jpg"), str(folder / "a.jpg"), "--wait", code=1)
    assert "poem.jpg: not-an-image: A poem." in printed
    assert "a.jpg: ready" in printed


def test_a_file_that_the_door_refuses_is_exit_code_1(gallery: Gallery, folder: Path) -> None:
    (folder / "big.jpg").write_text("big")
    printed = run(str(folder), "--json", code=1)
    told = json.loads(printed[printed.index("{") :])
    assert [one["code"] for one in told["files"] if one["file"].endswith("big.jpg")] == ["too-many-bytes"]


def test_an_interrupted_upload_continues_when_run_again(gallery: Gallery, folder: Path) -> None:
    gallery.interrupted_at = "b.jpg"
    run(str(folder), code=130)
    assert "a.jpg" in gallery.stored
    assert "b.jpg" not in gallery.stored
    gallery.interrupted_at = None
    assert "of them by the run that was interrupted)" in run(str(folder))
    assert sorted(gallery.stored) == ["a.jpg", "b.jpg", "c.PNG"]
    # The first run was complete, so a second run uploads the folder again.
    assert "3 of 3 uploaded." in run(str(folder))
    assert len(gallery.stored) == 6


def test_a_file_that_changed_since_the_interruption_is_uploaded_again(gallery: Gallery, folder: Path) -> None:
    gallery.interrupted_at = "b.jpg"
    run(str(folder), code=130)
    gallery.interrupted_at = None
    (folder / "a.jpg").write_text("edited meanwhile")
    run(str(folder))
    assert gallery.stored.count("a.jpg") == 2


def test_without_a_writable_home_an_upload_works_and_remembers_nothing(
    gallery: Gallery, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "a.jpg"))
    assert "3 of 3 uploaded." in run(str(folder))
    assert Journal("http://gallery/").image_id(folder / "a.jpg") is None


def test_a_journal_with_damaged_lines_is_read_as_far_as_it_goes(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    Journal("http://gallery/").note(folder / "a.jpg", "id-a")
    (journal,) = (tmp_path / "state").rglob("*.jsonl")
    journal.write_text("broken\n" + journal.read_text() + '{"file": 1')
    assert Journal("http://gallery/").image_id(folder / "a.jpg") == "id-a"
