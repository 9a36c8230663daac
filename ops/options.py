"""Options that several commands share, and the tables that they print."""

import inspect
import json
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, is_dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from ops.problem import Problem
from ops.terminal import escape

console = Console()


def filled(value: Any) -> Any:
    """Refuse an empty option value: an unset variable in a script must not select everything."""
    if value == "" or (isinstance(value, list | tuple) and "" in value):
        raise typer.BadParameter("It is empty. Is a variable in your script not set?")
    return value


JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of tables.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Make the changes. Without this option, only list them.")]
AllOption = Annotated[bool, typer.Option("--all", help="Select everything. Needed with --yes if there is no filter.")]
RateOption = Annotated[int, typer.Option("--rate", help="Messages a second, at most.", min=1, max=500)]
PrefixOption = Annotated[
    str | None, typer.Option("--prefix", callback=filled, help="Only uploads whose key begins with this.")
]

DEFAULT_RATE = 50
# The number of items that may follow at once after a delay. Without it a busy machine would lower the rate.
BURST = 10
SHOWN_ROWS = 20
_AGE = re.compile(r"(\d{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Filters:
    """The options that select dead letters or rejections."""

    code: Annotated[str | None, typer.Option("--code", callback=filled, help="Only items with this reason.")] = None
    prefix: PrefixOption = None
    older_than: Annotated[
        str | None,
        typer.Option("--older-than", callback=filled, help="Only items older than this: 90s, 15m, 2h, 3d."),
    ] = None
    ids: Annotated[
        list[str] | None,
        typer.Option("--id", callback=filled, help="Only this image or message id, or its beginning. May be repeated."),
    ] = None

    @property
    def given(self) -> bool:
        """Whether any filter was given."""
        return any((self.code, self.prefix, self.older_than, self.ids))

    def require_known_code(self, codes: Sequence[str], item: str) -> None:
        """Raise Problem (`no-such-code`) if there are items, but no item has the requested reason."""
        counted = Counter(codes)
        if self.code and counted and self.code not in counted:
            known = ", ".join(f"{code} ({count})" for code, count in counted.most_common())
            raise Problem("no-such-code", f"No {item} has the reason {self.code}. The reasons are: {known}.")

    def matches(
        self, now: datetime, *, code: str, at: datetime, upload_keys: Iterable[str], ids: Iterable[str]
    ) -> bool:
        """Return whether the filters select an item with these facts. Raises Problem (`bad-age`)."""
        if self.code not in {None, code} or (self.older_than and now - at < age(self.older_than)):
            return False
        if self.prefix and not any(key.startswith(self.prefix) for key in upload_keys):
            return False
        return not self.ids or any(known.startswith(wanted) for known in ids for wanted in self.ids)


@dataclass(frozen=True, slots=True)
class Pace:
    """The options of a command that changes something: --yes, and the rate."""

    yes: YesOption = False
    rate: RateOption = DEFAULT_RATE


def flat(command: Callable[..., None]) -> Callable[..., None]:
    """Replace each parameter of `command` that is a dataclass of options by these options, for Typer to read.

    Commands that share options thus declare them once. Two options of one command must not have the same name.
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
    """Read an age like `90s`, `15m`, `2h` or `3d`. Raises Problem (`bad-age`)."""
    if not (match := _AGE.fullmatch(text)):
        raise Problem("bad-age", f"{text!r} is not an age. Write 90s, 15m, 2h or 3d.")
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def since(text: str) -> datetime:
    """Read a moment: an age, counted back from now, or a date in ISO 8601. Without a time zone it is UTC.

    Raises Problem (`bad-time`).
    """
    if match := _AGE.fullmatch(text):
        return datetime.now(UTC) - age(match[0])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Problem("bad-time", f"{text!r} is not a time. Write 2026-11-22T14:30 or an age like 2h.") from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def short_age(seconds: float) -> str:
    """Write seconds with a suitable unit: `42 s`, `7 min`, `3 h`, `2 d`."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def print_json(value: Any) -> None:
    """Print `value` on stdout as JSON without colours or line breaks of the terminal."""
    typer.echo(json.dumps(value, indent=2, default=str))


def print_rows(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print the first SHOWN_ROWS rows as a table, and the number of the others."""
    table = Table(*columns, box=None, header_style="dim")
    for row in rows[:SHOWN_ROWS]:
        table.add_row(*map(escape, row))
    console.print(table)
    if len(rows) > SHOWN_ROWS:
        console.print(f"[dim]and {len(rows) - SHOWN_ROWS} more; --json lists them all[/]")


def print_reasons(rows: Iterable[tuple[str, datetime, str]]) -> None:
    """Print a table of reasons with their count and ages. A row is a code, a time, and a sentence or nothing."""
    by_code: defaultdict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for code, at, sentence in rows:
        by_code[code].append((at, sentence))
    now = datetime.now(UTC)
    table = Table("reason", "count", "oldest", "newest", "says", box=None, header_style="dim")
    for code, found in sorted(by_code.items(), key=lambda item: (-len(item[1]), item[0])):
        oldest, newest = (short_age((now - at).total_seconds()) for at in (min(found)[0], max(found)[0]))
        sentence = next((sentence for _, sentence in found if sentence), "")
        table.add_row(escape(code), str(len(found)), oldest, newest, escape(sentence))
    console.print(table)


def print_dry_run(count: int, what: str, *, all_needed: bool = False) -> None:
    """Print the result of a dry run, and the option that makes the command act."""
    options = "--all --yes" if all_needed else "--yes"
    console.print(f"Dry run: these {count} would be {what}. Add {options} to do it.", soft_wrap=True)


def require_all(filters_given: bool, everything: bool, pace: Pace) -> None:
    """Refuse to act on everything unless the command says --all, and to mix --all with a filter."""
    if everything and filters_given:
        raise typer.BadParameter("--all and a filter contradict each other. Give one of them.")
    if pace.yes and not everything and not filters_given:
        raise typer.BadParameter("Without a filter this command acts on everything. Add --all if you want this.")


def progress_bar(on: Console) -> Progress:
    """Make a progress bar with the number done and the number in all."""
    return Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=on)


def paced[T](items: Iterable[T], per_second: int) -> Iterator[T]:
    """Yield `items`, at most `per_second` plus BURST items in any second."""
    due = time.monotonic()
    for item in items:
        time.sleep(max(due - time.monotonic(), 0))
        due = max(due, time.monotonic() - BURST / per_second) + 1 / per_second
        yield item
