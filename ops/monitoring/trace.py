"""`darkroom trace`: the log lines of one upload, from the door to the gallery."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

import typer
from rich.table import Table

from ops.monitoring.logs import LogLine, lines
from ops.options import JsonOption, console, filled, flat, print_json
from ops.problem import Problem, sentence_on_problem
from ops.target import Place, resolve
from ops.terminal import escape
from shared import log_events
from shared.keys import is_image_id, taken_at

# The clocks of machines differ a little.
MARGIN = timedelta(minutes=5)
LEVEL_STYLES = {"INFO": "", "WARNING": "yellow", "ERROR": "bold red"}
# Fields that the table shows elsewhere, or that only scripts need.
_UNTOLD = {"image_id", "message_id", "etag", "key", "error_type"}


@sentence_on_problem
@flat
def trace(
    *,
    image_id: Annotated[
        str,
        typer.Argument(callback=filled, help="An image id, as in a ticket, in the gallery's address and in all lists."),
    ],
    as_json: JsonOption = False,
    place: Place,
) -> None:
    """Show the history of one upload, from the log lines of all functions.

    Example: darkroom trace 7ybqx6ca92a1gqgtnm6h4p9bzt --stack darkroom-prod --region eu-west-1
    """
    if not is_image_id(image_id):
        raise Problem("bad-id", f"{image_id!r} is not an image id: those have 26 characters, such as 7ybqx6ca92a1….")
    found = lines(resolve(place), taken_at(image_id) - MARGIN, image_id)
    if not found:
        raise Problem("no-trace", "No log line has this id. It may be older than logs are kept, or of another stack.")
    if as_json:
        print_json([line.fields for line in found])
        return
    console.print(timeline(found))
    console.print(verdict(found))


def timeline(found: Sequence[LogLine]) -> Table:
    """Make a table of the lines: the time, the seconds since the first one, function, event and details."""
    table = Table("time (UTC)", "after", "function", "what happened", "", box=None, header_style="dim")
    for line in found:
        style = LEVEL_STYLES.get(line.level, "")
        table.add_row(
            f"[dim]{line.at:%H:%M:%S}.{line.at.microsecond // 1000:03}[/]",
            f"{(line.at - found[0].at).total_seconds():.2f} s",
            f"[dim]{escape(line.service)}[/]",
            f"[{style}]{escape(line.message)}[/]" if style else escape(line.message),
            escape(details(line)),
        )
    return table


def details(line: LogLine) -> str:
    """Write the line's own fields in their documented order, and an error's sentence last."""
    event = log_events.EVENTS.get(line.message)
    known = event.field_names() if event else ()
    told = [
        f"{name} {line.fields[name]}"
        for name in known
        if name not in _UNTOLD | {"sentence"} and line.fields.get(name) is not None
    ]
    sentence = line.fields.get("sentence")
    return ", ".join(told) + (f". {sentence}" if sentence else "")


def verdict(found: Sequence[LogLine]) -> str:
    """Say in one sentence how the upload has ended so far."""
    ends = {
        log_events.UploadResized.message: "[green]It is in the gallery.[/]",
        log_events.UploadRejected.message: "The file was refused for good. Its uploader is told why.",
        log_events.DeadLetterSent.message: "[bold red]It was given up[/]: see `darkroom dead-letters show`.",
        log_events.UploadSuperseded.message: "The object was replaced or deleted before it was worked on.",
        log_events.MessageFailed.message: "[yellow]The last attempt failed. The message will be tried again.[/]",
        log_events.UploadReceived.message: "[yellow]A function works on it. If the function dies, SQS resends it.[/]",
        log_events.UploadTicketed.message: "It has a ticket, but S3 has not announced the file.",
    }
    return next((ends[line.message] for line in reversed(found) if line.message in ends), "")
