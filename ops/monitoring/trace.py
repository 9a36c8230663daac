"""`darkroom trace`: one upload's story, from the door to the gallery."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from ops.monitoring.logs import LogLine, lines
from ops.options import JsonOption, console, filled, flat, print_json
from ops.problem import Problem, sentence_on_problem
from ops.target import Place, resolve
from shared import telemetry
from shared.keys import is_image_id, taken_at

# Clocks of machines differ by a little.
MARGIN = timedelta(minutes=5)
_STYLES = {"INFO": "", "WARNING": "yellow", "ERROR": "bold red"}
# What the table says elsewhere, or what only scripts need.
_UNTOLD = {"image_id", "message_id", "etag", "key", "error_type"}


@sentence_on_problem
@flat
def trace(
    *,
    image_id: Annotated[
        str, typer.Argument(callback=filled, help="An image id: curl, the gallery's address and all lists tell it.")
    ],
    as_json: JsonOption = False,
    place: Place,
) -> None:
    """The story of one upload, as every function logged it.

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
    """The lines as a table: when, how long after the first, who, what, and what there is to know."""
    table = Table("time (UTC)", "after", "function", "what happened", "", box=None, header_style="dim")
    for line in found:
        style = _STYLES.get(line.level, "")
        table.add_row(
            f"[dim]{line.at:%H:%M:%S}.{line.at.microsecond // 1000:03}[/]",
            f"{(line.at - found[0].at).total_seconds():.2f} s",
            f"[dim]{escape(line.service)}[/]",
            f"[{style}]{escape(line.message)}[/]" if style else escape(line.message),
            escape(details(line)),
        )
    return table


def details(line: LogLine) -> str:
    """What the line's own fields say, in their documented order; an error's sentence last."""
    event = telemetry.EVENTS.get(line.message)
    known = event.field_names() if event else ()
    told = [
        f"{name} {line.fields[name]}"
        for name in known
        if name not in _UNTOLD | {"sentence"} and line.fields.get(name) is not None
    ]
    sentence = line.fields.get("sentence")
    return ", ".join(told) + (f". {sentence}" if sentence else "")


def verdict(found: Sequence[LogLine]) -> str:
    """How it ended so far, in one sentence."""
    ends = {
        telemetry.UploadResized.message: "[green]It is in the gallery.[/]",
        telemetry.UploadRejected.message: "The file was refused for good; its uploader is told why.",
        telemetry.DeadLetterSent.message: "[bold red]It was given up[/]: see `darkroom dead-letters show`.",
        telemetry.UploadSuperseded.message: "The object was replaced or deleted before it was worked on.",
        telemetry.MessageFailed.message: "[yellow]The last attempt failed; it is tried again.[/]",
        telemetry.UploadReceived.message: "[yellow]It is being worked on; if its process died, it comes back.[/]",
        telemetry.UploadTicketed.message: "It has a ticket; nothing was heard of its bytes.",
    }
    return next((ends[line.message] for line in reversed(found) if line.message in ends), "")
