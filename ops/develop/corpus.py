"""`darkroom corpus`: renders every file of some folders like the resize function, and reports each outcome."""

import dataclasses
import json
import multiprocessing
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from functions.resize.render import render
from ops.develop.contact_sheet import contact_sheet
from ops.develop.outcome import Outcome, Result
from shared.errors import Rejected
from shared.limits import FUNCTION_MEMORY_MB, RENDER_SECONDS, Limits
from shared.renditions import DEFAULT_RENDITIONS

OUTCOMES: tuple[Outcome, ...] = ("rendered", "rejected", "crashed", "hung", "over_memory", "unknown")
_BAD: set[Outcome] = {"crashed", "hung", "over_memory", "unknown"}
_MB = 1024 * 1024
_SHOWN = 5


def run(files: Iterable[Path], workers: int, done: Callable[[Result], None]) -> list[Result]:
    """Render each file in a separate process, `workers` at a time; call `done` with each result.

    A process has the function's memory (address space) and RENDER_SECONDS. The results are in the order of `files`.
    """

    def one(path: Path) -> Result:
        result = render_alone(path)
        done(result)
        return result

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, files))


def render_alone(path: Path, seconds: float = RENDER_SECONDS, memory_mb: int = FUNCTION_MEMORY_MB) -> Result:
    """Render one file in a separate process, which may die or hang, and return the result."""
    # forkserver: a fresh process with all modules imported, without the threads of this process.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(str(path), sender, memory_mb))
    started = time.perf_counter()
    process.start()
    sender.close()
    try:
        if not receiver.poll(seconds):
            return Result(str(path), "hung", reason=f"not done after {seconds:g} s", seconds=seconds)
        return _received(receiver)
    except EOFError:
        process.join()
        seconds = time.perf_counter() - started
        return Result(str(path), "crashed", reason=f"the process ended with {process.exitcode}", seconds=seconds)
    finally:
        process.kill()
        process.join()
        receiver.close()


def _received(receiver: Connection) -> Result:
    result: Result = receiver.recv()
    return result


def _child(path: str, sender: Connection, memory_mb: int) -> None:
    """Render one file in `memory_mb` MiB of address space and send the Result."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_mb * _MB,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    with Path(os.devnull).open("w") as nowhere:  # libtiff and libpng write to stderr
        os.dup2(nowhere.fileno(), sys.stderr.fileno())
    started = time.perf_counter()
    try:
        result = _rendered(path)
    except Rejected as rejected:
        outcome: Outcome = "over_memory" if isinstance(rejected.__cause__, MemoryError) else "rejected"
        result = Result(path, outcome, code=rejected.code, reason=rejected.sentence)
    except MemoryError:
        result = Result(path, "over_memory", reason=f"more than {memory_mb} MB")
    except BaseException as error:  # any other exception is a finding
        result = Result(path, "unknown", code=type(error).__name__, reason=str(error))
    seconds = time.perf_counter() - started
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sender.send(dataclasses.replace(result, seconds=seconds, peak_mb=peak_mb))


def _rendered(path: str) -> Result:
    made = render(Path(path).read_bytes(), DEFAULT_RENDITIONS, Limits())
    return Result(
        path, "rendered", format=made.format, width_px=made.width_px, height_px=made.height_px, pictures=made.pictures
    )


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
) -> None:
    """Render every file of some folders as the resize function would, each in a process with its memory and time.

    Ends with 1 if a file crashed, hung, ran out of memory or failed in an unknown way.
    """
    files = files_of(folders)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("Rendering", total=len(files))
        results = run(files, len(os.sched_getaffinity(0)), lambda _: progress.advance(task))
    if html:
        html.write_text(contact_sheet(results), encoding="utf-8", errors="replace")  # a file name may contain any bytes
    if as_json:
        listed = [{k: v for k, v in _row(r).items() if v != ""} for r in results]
        print(json.dumps({**counts(results), "files": listed}, indent=1))
    else:
        _report(Console(), results)
        if html:
            console.print(f"Contact sheet: {html}")
    if any(result.outcome in _BAD for result in results):
        raise typer.Exit(1)


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
