"""`darkroom upload`: files and folders through the door, several at once. An interrupted run continues."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from ops.problem import Problem
from shared.folders import skipped_file, skipped_folder
from shared.limits import MAX_STATUS_IDS
from shared.media import type_of

PARALLEL_UPLOADS = 4
REQUEST_SECONDS = 300
POLL_SECONDS = 1.0
# The wait for verdicts ends after this time without a verdict. Five attempts take six minutes.
QUIET_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one file.

    It has an image id, or the code and sentence of the error that stopped it. `verdict` is `ready`, `rejected` (with
    code and sentence), or empty if nobody waited for it. `before` means that an interrupted run uploaded it.
    """

    file: Path
    image_id: str | None = None
    code: str | None = None
    sentence: str | None = None
    verdict: str = ""
    before: bool = False

    @property
    def refused(self) -> bool:
        return self.code is not None


@dataclass(slots=True)
class Found:
    """The pictures in the named files and folders, and the skipped paths by reason."""

    pictures: list[Path] = field(default_factory=list)
    skipped: dict[str, list[Path]] = field(default_factory=dict)

    def skip(self, why: str, path: Path) -> None:
        self.skipped.setdefault(why, []).append(path)


def pictures_in(paths: Iterable[Path]) -> Found:
    """Find the named files, and in the named folders every file that may be a picture (shared/folders.py).

    Raises Problem (`no-such-file`).
    """
    found = Found()
    for path in paths:
        if path.is_dir():
            _look_into(path, found)
        elif path.is_file():
            found.pictures.append(path)
        else:
            raise Problem("no-such-file", f"There is no file or folder {path}.")
    return found


def _look_into(folder: Path, found: Found) -> None:
    for entry in sorted(folder.iterdir()):
        if why := (skipped_folder if entry.is_dir() else skipped_file)(entry.name):
            found.skip(why, entry)
        elif entry.is_dir():
            _look_into(entry, found)
        elif entry.is_file():
            found.pictures.append(entry)


class Journal:
    """Remembers the files that a run has uploaded, so an interrupted run continues. A complete run forgets its files.

    Path, size and time identify a file. Without a writable home folder the journal remembers nothing.
    """

    def __init__(self, gallery_url: str) -> None:
        home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
        name = hashlib.sha256(gallery_url.encode()).hexdigest()[:16]
        self._path = home / "darkroom" / "uploads" / f"{name}.jsonl"
        self._lock = Lock()
        self._done: dict[str, str] = {}
        with suppress(OSError):
            for line in self._path.read_text("utf-8").splitlines():
                with suppress(ValueError, KeyError, TypeError):
                    row = json.loads(line)
                    self._done[row["file"]] = row["id"]

    def image_id(self, file: Path) -> str | None:
        """Return the id under which an interrupted run uploaded the file, or None."""
        return self._done.get(_identity(file))

    def note(self, file: Path, image_id: str) -> None:
        """Remember that the file was uploaded."""
        row = json.dumps({"file": _identity(file), "id": image_id})
        with self._lock, suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as journal:
                journal.write(row + "\n")

    def forget(self, files: Sequence[Path]) -> None:
        """Forget the files of a run that is complete."""
        gone = {_identity(file) for file in files}
        with suppress(OSError):
            lines = self._path.read_text("utf-8").splitlines()
            kept = [line for line in lines if json.loads(line)["file"] not in gone]
            self._path.write_text("".join(f"{line}\n" for line in kept), "utf-8")


def upload_all(
    gallery_url: str, files: list[Path], console: Console, journal: Journal | None = None, invitation: str = ""
) -> list[Outcome]:
    """Upload `files`, PARALLEL_UPLOADS at a time. Return their outcomes in the same order.

    Files that an interrupted run has uploaded, as the journal says, are left out. `invitation` is a link of
    `darkroom invite` or its token.
    """
    invited = bearer(invitation)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with (
        Progress(*columns, console=console) as progress,
        httpx.Client(timeout=REQUEST_SECONDS) as client,
        ThreadPoolExecutor(PARALLEL_UPLOADS) as pool,
    ):
        total = progress.add_task(f"{len(files)} files", total=sum(file.stat().st_size for file in files))

        def upload_one(file: Path) -> Outcome:
            if known := journal.image_id(file) if journal else None:
                outcome = Outcome(file, image_id=known, before=True)
            else:
                task = progress.add_task(file.name, total=file.stat().st_size)
                outcome = _upload(client, gallery_url, invited, file, progress, task)
                progress.remove_task(task)
                if outcome.image_id and journal:
                    journal.note(file, outcome.image_id)
            progress.advance(total, file.stat().st_size)
            return outcome

        under_way = [pool.submit(upload_one, file) for file in files]
        try:
            return [one.result() for one in under_way]
        except KeyboardInterrupt:
            for one in under_way:
                one.cancel()
            raise


def verdicts(
    gallery_url: str,
    outcomes: Sequence[Outcome],
    progress: Callable[[int], None],
    poll_seconds: float = POLL_SECONDS,
    invitation: str = "",
) -> list[Outcome]:
    """Wait until each upload is ready or rejected. Return the outcomes with these verdicts.

    If no verdict comes for QUIET_SECONDS, the other uploads get the code `not-ended`.
    """
    waiting = {one.image_id: one for one in outcomes if one.image_id}
    ended: dict[str | None, Outcome] = {}
    heard = time.monotonic()
    with httpx.Client(timeout=REQUEST_SECONDS, headers=bearer(invitation)) as client:
        while waiting and time.monotonic() - heard < QUIET_SECONDS:
            for told in _statuses(client, gallery_url, sorted(filter(None, waiting))[:MAX_STATUS_IDS]):
                one = waiting.get(told["id"])
                if one is None or told["status"] not in {"ready", "rejected"}:
                    continue
                ended[told["id"]] = replace(
                    one, verdict=told["status"], code=told.get("code"), sentence=told.get("sentence")
                )
                del waiting[told["id"]]
                heard = time.monotonic()
                progress(1)
            if waiting:
                time.sleep(poll_seconds)
    late = "It is neither ready nor rejected yet. `darkroom trace` shows its history."
    ended |= {image_id: replace(one, code="not-ended", sentence=late) for image_id, one in waiting.items()}
    return [ended[one.image_id] if one.image_id else one for one in outcomes]


def _statuses(client: httpx.Client, gallery_url: str, image_ids: list[str]) -> list[dict[str, Any]]:
    answer = client.get(f"{gallery_url}images", params={"ids": ",".join(image_ids)})
    if answer.status_code == httpx.codes.BAD_REQUEST and len(image_ids) > 1:  # They are too far apart for one request.
        half = len(image_ids) // 2
        return _statuses(client, gallery_url, image_ids[:half]) + _statuses(client, gallery_url, image_ids[half:])
    found: list[dict[str, Any]] = answer.json()["images"] if answer.is_success else []
    return found


def bearer(invitation: str) -> dict[str, str]:
    """Returns the header that carries an invitation to the gallery; S3 must not see it."""
    token = invitation.rpartition("#")[2]
    return {"authorization": f"Bearer {token}"} if token else {}


def _identity(file: Path) -> str:
    about = file.stat()
    return f"{file.resolve()} {about.st_size} {about.st_mtime_ns}"


def _upload(
    client: httpx.Client, gallery_url: str, invited: dict[str, str], file: Path, progress: Progress, task: TaskID
) -> Outcome:
    try:
        size = file.stat().st_size
        wish = {"name": file.name, "type": type_of(file.name), "size": size}
        asked = client.post(f"{gallery_url}uploads", json=wish, headers=invited)
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
