"""Options that several commands share, and how they are read."""

import inspect
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, is_dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from ops.problem import Problem

console = Console()

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of tables.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do it. Without this, only say what would be done.")]
RateOption = Annotated[int, typer.Option("--rate", help="Messages a second, at most.", min=1, max=500)]
PrefixOption = Annotated[str, typer.Option("--prefix", help="Only uploads whose key begins so.")]

DEFAULT_RATE = 50
SHOWN_ROWS = 20
_AGE = re.compile(r"(\d{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Filters:
    """The options that say which dead letters or rejections are meant."""

    code: Annotated[str | None, typer.Option("--code", help="Only those with this reason.")] = None
    prefix: PrefixOption = ""
    older_than: Annotated[
        str | None, typer.Option("--older-than", help="Only those older than this: 90s, 15m, 2h, 3d.")
    ] = None
    ids: Annotated[list[str] | None, typer.Option("--id", help="Only this image or message id. May be repeated.")] = (
        None
    )

    def least_age(self) -> timedelta:
        """Raises Problem (`bad-age`)."""
        return age(self.older_than) if self.older_than else timedelta(0)


@dataclass(frozen=True, slots=True)
class Pace:
    """The options of a command that changes something: whether, and how fast."""

    yes: YesOption = False
    rate: RateOption = DEFAULT_RATE


def flat(command: Callable[..., None]) -> Callable[..., None]:
    """`command` as Typer reads it: a parameter that is a dataclass of options becomes these options in its place.

    So commands that share options name them once. No two of a command's options may be called the same.
    """
    groups: dict[str, tuple[type, list[str]]] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        kind = parameter.annotation
        if isinstance(kind, type) and is_dataclass(kind):
            options = list(inspect.signature(kind).parameters.values())
            groups[parameter.name] = kind, [option.name for option in options]
        else:
            options = [parameter]
        parameters += [option.replace(kind=inspect.Parameter.KEYWORD_ONLY) for option in options]

    @wraps(command)
    def run(**given: Any) -> None:
        for name, (kind, options) in groups.items():
            given[name] = kind(**{option: given.pop(option) for option in options})
        command(**given)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def age(text: str) -> timedelta:
    """`90s`, `15m`, `2h` or `3d`. Raises Problem (`bad-age`)."""
    if not (match := _AGE.fullmatch(text)):
        raise Problem("bad-age", f"{text!r} is not an age. Write 90s, 15m, 2h or 3d.")
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def since(text: str) -> datetime:
    """A moment: an age, counted back from now, or a date in ISO 8601, in UTC unless it says otherwise.

    Raises Problem (`bad-time`).
    """
    if match := _AGE.fullmatch(text):
        return datetime.now(UTC) - age(match[0])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Problem("bad-time", f"{text!r} is no time. Write 2026-11-22T14:30 or an age like 2h.") from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def short_age(seconds: float) -> str:
    """Seconds as people say them: `42 s`, `7 min`, `3 h`, `2 d`."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def print_json(value: Any) -> None:
    """`value` on stdout as JSON that scripts read, whatever the terminal."""
    typer.echo(json.dumps(value, indent=2, default=str))


def print_rows(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table of the first SHOWN_ROWS rows, and how many more there are."""
    table = Table(*columns, box=None, header_style="dim")
    for row in rows[:SHOWN_ROWS]:
        table.add_row(*map(escape, row))
    console.print(table)
    if len(rows) > SHOWN_ROWS:
        console.print(f"[dim]and {len(rows) - SHOWN_ROWS} more; --json lists them all[/]")


def print_dry_run(count: int, what: str) -> None:
    console.print(f"Dry run: these {count} would be {what}. Add --yes to do it.", soft_wrap=True)


def progress_bar(on: Console) -> Progress:
    """A bar with how many of how many."""
    return Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=on)


def paced[T](items: Iterable[T], per_second: int) -> Iterator[T]:
    """`items`, no faster than `per_second` of them in any second."""
    due = time.monotonic()
    for item in items:
        time.sleep(max(due - time.monotonic(), 0))
        due = max(due, time.monotonic() - 1 / per_second) + 1 / per_second
        yield item
