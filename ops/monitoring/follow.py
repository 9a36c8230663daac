"""`darkroom logs`: the log lines of all functions in one stream, filtered, and followed if asked."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from ops.monitoring.logs import LogLine, lines
from ops.monitoring.trace import LEVEL_STYLES, details
from ops.options import console, filled, flat
from ops.options import since as moment
from ops.problem import sentence_on_problem
from ops.target import Place, Target, resolve
from ops.terminal import escape

FOLLOW_SECONDS = 2.0
# CloudWatch shows a line some seconds after it was written, so each query goes back by this time.
OVERLAP = timedelta(seconds=30)

_LEVELS = ("INFO", "WARNING", "ERROR")


@sentence_on_problem
@flat
def logs(
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Print new lines as they come, until Ctrl-C.")] = False,
    since: Annotated[
        str,
        typer.Option("--since", callback=filled, help="Only lines since then: an age like 10m, or 2026-11-22T14:30."),
    ] = "10m",
    image_id: Annotated[
        str | None, typer.Option("--id", callback=filled, help="Only lines of this image id, or of its beginning.")
    ] = None,
    service: Annotated[
        str | None,
        typer.Option("--service", callback=filled, help="Only lines of one function: ingest, resize, list."),
    ] = None,
    level: Annotated[
        str,
        typer.Option("--level", callback=filled, help="Only lines of this level or a worse one: INFO, WARNING, ERROR."),
    ] = "INFO",
    as_json: Annotated[bool, typer.Option("--json", help="Print each line as its JSON object.")] = False,
    place: Place,
) -> None:
    """Print the functions' log lines, oldest first.

    Example: darkroom logs --follow --level WARNING --stack darkroom-prod --region eu-west-1
    """
    if level.upper() not in _LEVELS:
        raise typer.BadParameter(f"{level} is not a level. The levels are: {', '.join(_LEVELS)}.")
    least = _LEVELS.index(level.upper())
    target, begin = resolve(place), moment(since)
    for line in new_lines(target, begin) if follow else lines(target, begin):
        if _is_wanted(line, image_id, service, least):
            print_line(line, as_json)


def new_lines(target: Target, since: datetime) -> Iterator[LogLine]:
    """Yield every line since a time, then each new one, until the caller stops."""
    seen: set[str] = set()
    while True:
        looked = datetime.now(UTC)
        found = {json.dumps(line.fields, sort_keys=True): line for line in lines(target, since)}
        yield from (line for text, line in found.items() if text not in seen)
        seen = set(found)
        since = max(since, looked - OVERLAP)
        time.sleep(FOLLOW_SECONDS)


def print_line(line: LogLine, as_json: bool) -> None:
    """Print one line, for people or for scripts."""
    if as_json:
        typer.echo(json.dumps(line.fields, default=str))
        return
    style = LEVEL_STYLES.get(line.level) or "default"
    told = (
        f"[dim]{line.at:%H:%M:%S}[/] [{style}]{line.level:7} {escape(line.message)}[/] [dim]{escape(line.service)}[/]"
    )
    console.print(f"{told} {line.image_id or '-'} {escape(details(line))}".rstrip(), soft_wrap=True, highlight=False)


def _is_wanted(line: LogLine, image_id: str | None, service: str | None, least: int) -> bool:
    rank = _LEVELS.index(line.level) if line.level in _LEVELS else len(_LEVELS)
    has_id = not image_id or (line.image_id or "").startswith(image_id)
    return rank >= least and service in {None, line.service} and has_id
