"""`darkroom upload`: files and folders through the door, several at once, with progress."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from ops.problem import Problem
from shared.media import type_of

PARALLEL_UPLOADS = 4
REQUEST_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file: an image id, or the code and sentence of what stopped it."""

    file: Path
    image_id: str | None = None
    code: str | None = None
    sentence: str | None = None


def pictures_in(paths: Iterable[Path]) -> Iterator[Path]:
    """The files named, and of the folders named every file below them whose extension is a picture's.

    Raises Problem (`no-such-file`).
    """
    for path in paths:
        if path.is_dir():
            yield from (file for file in sorted(path.rglob("*")) if file.is_file() and type_of(file.name))
        elif path.is_file():
            yield path
        else:
            raise Problem("no-such-file", f"There is no file or folder {path}.")


def upload_all(gallery_url: str, files: list[Path], console: Console) -> list[Outcome]:
    """Uploads `files`, PARALLEL_UPLOADS at a time, and answers what became of each, in their order."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with (
        Progress(*columns, console=console) as progress,
        httpx.Client(timeout=REQUEST_SECONDS) as client,
        ThreadPoolExecutor(PARALLEL_UPLOADS) as pool,
    ):
        total = progress.add_task(f"{len(files)} files", total=sum(file.stat().st_size for file in files))

        def upload_one(file: Path) -> Outcome:
            task = progress.add_task(file.name, total=file.stat().st_size)
            outcome = _upload(client, gallery_url, file, progress, task)
            progress.remove_task(task)
            progress.advance(total, file.stat().st_size)
            return outcome

        return list(pool.map(upload_one, files))


def _upload(client: httpx.Client, gallery_url: str, file: Path, progress: Progress, task: TaskID) -> Outcome:
    try:
        size = file.stat().st_size
        asked = client.post(f"{gallery_url}uploads", json={"name": file.name, "type": type_of(file.name), "size": size})
        if asked.status_code != httpx.codes.CREATED:
            return _refused(file, asked)
        ticket = asked.json()
        with progress.open(file, "rb", task_id=task) as source:
            sent = client.post(ticket["url"], data=ticket["fields"], files={"file": (file.name, source)})
    except (httpx.HTTPError, OSError) as error:
        return Outcome(file, code="not-sent", sentence=f"{error or type(error).__name__}. Try again.")
    if not sent.is_success:
        return Outcome(file, code="not-stored", sentence=f"S3 answered {sent.status_code}: {sent.text[:300]}")
    return Outcome(file, image_id=ticket["id"])


def _refused(file: Path, answer: httpx.Response) -> Outcome:
    try:
        told = answer.json()
        return Outcome(file, code=told["code"], sentence=told["sentence"])
    except (ValueError, KeyError, TypeError):
        return Outcome(file, code="door-failed", sentence=f"The door answered {answer.status_code}. Try again.")
