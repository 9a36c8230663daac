"""`darkroom rerender` and `darkroom reconcile`: originals go through the pipeline again."""

import json
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from ops import letters
from ops.options import (
    DEFAULT_RATE,
    JsonOption,
    PrefixOption,
    RateOption,
    YesOption,
    age,
    console,
    paced,
    print_json,
    short_age,
    since,
)
from ops.originals import as_first_announced, ends, lost, originals
from ops.problem import sentence_on_problem
from ops.target import DEFAULT_FOLDER, FolderOption, RegionOption, StackOption, Target, resolve
from shared.events import Upload
from shared.keys import is_door_key

FOUND_LOST = 3
SHOWN_UPLOADS = 20


@sentence_on_problem
def rerender(
    prefix: PrefixOption = "",
    from_time: Annotated[
        str | None, typer.Option("--since", help="Only uploads since then: 2026-11-22, or an age like 2h.")
    ] = None,
    yes: YesOption = False,
    rate: RateOption = DEFAULT_RATE,
    as_json: JsonOption = False,
    stack: StackOption = None,
    region: RegionOption = None,
    folder: FolderOption = DEFAULT_FOLDER,
) -> None:
    """Make the renditions of stored originals anew, after their configuration changed. Dry run without --yes.

    Example: darkroom rerender --prefix uploads/ --since 2026-11-01 --yes
    """
    target = resolve(stack, region, folder)
    s3 = target.session.client("s3", endpoint_url=target.endpoint_url)
    known = ends(s3, target.outputs["ResizedBucketName"]).every()
    begin = since(from_time) if from_time else datetime.min.replace(tzinfo=UTC)
    every = as_first_announced(originals(s3, target.outputs["UploadBucketName"], prefix), known)
    chosen = [upload for upload in every if upload.at >= begin]
    if yes:
        submit(target, chosen, rate, Console(stderr=True) if as_json else console)
    _report(chosen, "rendered anew", yes, rate, as_json)


@sentence_on_problem
def reconcile(
    prefix: PrefixOption = "",
    grace: Annotated[str, typer.Option("--grace", help="How old an original must be to count as lost.")] = "15m",
    yes: YesOption = False,
    rate: RateOption = DEFAULT_RATE,
    as_json: JsonOption = False,
    stack: StackOption = None,
    region: RegionOption = None,
    folder: FolderOption = DEFAULT_FOLDER,
) -> None:
    """Find originals without rendition, rejection or dead letter, and submit them. Dry run without --yes.

    A dry run that finds any ends with exit code 3. While messages wait in the queue, an original that did not come
    through the door is left alone: should its first event still arrive, it would appear twice.

    Example: darkroom reconcile --grace 1h --stack darkroom-prod --region eu-west-1
    """
    target = resolve(stack, region, folder)
    s3 = target.session.client("s3", endpoint_url=target.endpoint_url)
    sqs = target.session.client("sqs", endpoint_url=target.endpoint_url)
    # In this order: what moves on from one place to the next meanwhile is then seen at least once.
    uploads = list(originals(s3, target.outputs["UploadBucketName"], prefix))
    with closing(letters.walk(sqs, target.outputs["ResizeDeadLetterQueueUrl"])) as every:
        dead = {image_id for letter in every for image_id in letter.image_ids()}
    ended = ends(s3, target.outputs["ResizedBucketName"]).every() | dead
    found = list(lost(uploads, ended, datetime.now(UTC) - age(grace)))
    waiting = sum(letters.counts(sqs, target.outputs["ResizeQueueUrl"]).values())
    if waiting:
        notes = Console(stderr=True)
        notes.print(f"{waiting} messages are in the queue; what they announce may be among these.")
        found = [upload for upload in found if is_door_key(upload.key)]
    if yes:
        submit(target, found, rate, Console(stderr=True) if as_json else console)
    _report(found, "submitted", yes, rate, as_json)
    if found and not yes:
        raise typer.Exit(FOUND_LOST)


def submit(target: Target, uploads: Sequence[Upload], rate: int, progress_on: Console) -> None:
    """Sends each upload's event to the resizer's queue; other subscribers hear nothing of it."""
    sqs = target.session.client("sqs", endpoint_url=target.endpoint_url)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=progress_on) as progress:
        task = progress.add_task("submitting", total=len(uploads))
        for upload in paced(uploads, rate):
            sqs.send_message(QueueUrl=target.outputs["ResizeQueueUrl"], MessageBody=json.dumps(upload.as_event()))
            progress.advance(task)


def _report(uploads: Sequence[Upload], what: str, done: bool, rate: int, as_json: bool) -> None:
    if as_json:
        rows = [{"image_id": upload.image.id, "key": upload.key, "at": upload.at.isoformat()} for upload in uploads]
        print_json({"done": done, "uploads": rows})
        return
    if not uploads:
        console.print("Nothing to do.")
        return
    now = datetime.now(UTC)
    table = Table("image id", "age", "key", box=None, header_style="dim")
    for upload in uploads[:SHOWN_UPLOADS]:
        table.add_row(upload.image.id, short_age((now - upload.at) / timedelta(seconds=1)), escape(upload.key))
    console.print(table)
    if len(uploads) > SHOWN_UPLOADS:
        console.print(f"[dim]and {len(uploads) - SHOWN_UPLOADS} more; --json lists them all[/]")
    if done:
        console.print(f"{len(uploads)} {what}.")
    else:
        console.print(
            f"Dry run: these {len(uploads)} would be {what}, at {rate} a second. Add --yes to do it.", soft_wrap=True
        )
