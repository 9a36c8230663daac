"""`darkroom corpus`: renders every file of some folders like the resize function, and reports each outcome."""

import dataclasses
import json
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ops.develop.contact_sheet import contact_sheet
from ops.develop.corpus_worker import Worker
from ops.develop.outcome import Outcome, Result
from ops.terminal import escape
from shared.limits import FUNCTION_MEMORY_MB, RENDER_SECONDS

if TYPE_CHECKING:
    from ops.develop.compared import Compared

OUTCOMES: tuple[Outcome, ...] = ("rendered", "rejected", "crashed", "hung", "over_memory", "unknown")
_BAD: set[Outcome] = {"crashed", "hung", "over_memory", "unknown"}
_SHOWN = 5


def run(files: Iterable[Path], workers: int, done: Callable[[Result], None], *, lossless: bool = False) -> list[Result]:
    """Render each file in a separate process, `workers` at a time; call `done` with each result.

    Each process gets the function's memory (address space) and RENDER_SECONDS. The results are in the order of `files`.
    """
    idle: SimpleQueue[Worker] = SimpleQueue()

    def one(path: Path) -> Result:
        worker = idle.get()
        try:
            result = worker.render(path, RENDER_SECONDS, FUNCTION_MEMORY_MB, lossless=lossless)
        finally:
            idle.put(worker)
        done(result)
        return result

    with ExitStack() as started, ThreadPoolExecutor(workers) as pool:
        for _ in range(workers):
            idle.put(started.enter_context(Worker()))
        return list(pool.map(one, files))


def render_alone(path: Path, seconds: float = RENDER_SECONDS, memory_mb: int = FUNCTION_MEMORY_MB) -> Result:
    """Render one file in a separate process, which may die or hang, and return the result."""
    with Worker() as worker:
        return worker.render(path, seconds, memory_mb, lossless=True)


def files_of(folders: Iterable[Path]) -> list[Path]:
    """Return every file in `folders` and their subfolders, sorted by name; an argument may also be a file."""
    found = [file for f in folders for file in ([f] if f.is_file() else f.rglob("*")) if file.is_file()]
    return sorted(set(found))


def counts(results: list[Result]) -> dict[str, int]:
    """Return the number of files, and the number for each outcome."""
    return {"total": len(results)} | {o: sum(r.outcome == o for r in results) for o in OUTCOMES}


def corpus(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", exists=True, help="Folders of files to render.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts and every file's outcome as JSON.")] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a contact sheet to look over.")] = None,
    in_browser: Annotated[
        bool, typer.Option("--browser", help="Compare each picture with Chromium's picture of the same file.")
    ] = False,
) -> None:
    """Render every file of some folders as the resize function would, each in a process with its memory and time.

    Exit code 1 if a file crashed, hung, ran out of memory or failed in an unknown way.
    """
    files = files_of(folders)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("Rendering", total=len(files))
        results = run(files, len(os.sched_getaffinity(0)), lambda _: progress.advance(task), lossless=in_browser)
    compared = _compared(results) if in_browser else {}
    if html:
        page = contact_sheet(results, compared)
        html.write_text(page, encoding="utf-8", errors="replace")  # a file name may contain any bytes
    if as_json:
        listed = [{k: v for k, v in _row(r).items() if v != ""} for r in results]
        for row in listed:
            if row["path"] in compared:
                row["differences"] = compared[str(row["path"])].differences
        print(json.dumps({**counts(results), "files": listed}, indent=1))
    else:
        _report(Console(), results)
        if in_browser:
            _report_differences(Console(), compared)
        if html:
            console.print(f"Contact sheet: {html}")
    if any(result.outcome in _BAD for result in results):
        raise typer.Exit(1)


def _compared(results: list[Result]) -> dict[str, "Compared"]:
    """Compares every result with Chromium, by path. Imports Playwright here, because other runs do not need it."""
    from ops.develop.chromium import browser
    from ops.develop.compared import compare

    with browser() as page:
        return {result.path: compare(result, page) for result in results}


def _report_differences(console: Console, compared: dict[str, "Compared"]) -> None:
    differing = [one for one in compared.values() if one.differences]
    console.print(f"Compared with Chromium: {len(differing)} of {len(compared)} files differ")
    for one in differing:
        console.print(f"{_shown(one.path)}: {escape('; '.join(one.differences))}")


def _row(result: Result) -> dict[str, object]:
    row: dict[str, object] = {
        field.name: getattr(result, field.name) for field in dataclasses.fields(result) if field.name != "pictures"
    }
    return row | {"seconds": round(result.seconds, 3), "peak_mb": round(result.peak_mb, 1)}


def _report(console: Console, results: list[Result]) -> None:
    table = Table("outcome", "files", box=None)
    for outcome, number in counts(results).items():
        table.add_row(outcome.replace("_", " "), str(number), style="red" if number and outcome in _BAD else "")
        if outcome == "rejected":
            codes = [r.code for r in results if r.outcome == "rejected"]
            for code in sorted(set(codes), key=codes.count, reverse=True):
                table.add_row(f"  {code}", str(codes.count(code)), style="dim")
    console.print(table)
    for result in results:
        if result.outcome in _BAD:
            console.print(
                f"[red]{result.outcome}[/red] {_shown(result.path)}: {escape(f'{result.code} {result.reason}')}"
            )
    slowest = sorted(results, key=lambda r: r.seconds, reverse=True)[:_SHOWN]
    largest = sorted(results, key=lambda r: r.peak_mb, reverse=True)[:_SHOWN]
    console.print("Slowest: " + ", ".join(f"{_shown(Path(r.path).name)} {r.seconds:.2f} s" for r in slowest))
    console.print("Largest in memory: " + ", ".join(f"{_shown(Path(r.path).name)} {r.peak_mb:.0f} MB" for r in largest))


def _shown(name: str) -> str:
    """Return a file's name for Rich, even if it is not valid UTF-8."""
    return escape(name.encode(errors="replace").decode())
