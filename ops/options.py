"""Options that several commands share, and how they are read."""

import json
import re
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.console import Console

from ops.problem import Problem

console = Console()

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of tables.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do it. Without this, only say what would be done.")]
RateOption = Annotated[int, typer.Option("--rate", help="Messages a second, at most.", min=1, max=500)]
CodeOption = Annotated[str | None, typer.Option("--code", help="Only those with this reason.")]
PrefixOption = Annotated[str, typer.Option("--prefix", help="Only uploads whose key begins so.")]
OlderOption = Annotated[str | None, typer.Option("--older-than", help="Only those older than this: 90s, 15m, 2h, 3d.")]
IdOption = Annotated[list[str] | None, typer.Option("--id", help="Only this image or message id. May be repeated.")]

DEFAULT_RATE = 50
_AGE = re.compile(r"(\d{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


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


def paced[T](items: Iterable[T], per_second: int) -> Iterator[T]:
    """`items`, no faster than `per_second` of them in any second."""
    due = time.monotonic()
    for item in items:
        time.sleep(max(due - time.monotonic(), 0))
        due = max(due, time.monotonic() - 1 / per_second) + 1 / per_second
        yield item
