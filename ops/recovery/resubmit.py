"""`darkroom rerender` and `darkroom reconcile`: originals go through the pipeline again."""

import json
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from ops.options import (
    JsonOption,
    Pace,
    PrefixOption,
    age,
    console,
    flat,
    paced,
    print_dry_run,
    print_json,
    print_rows,
    progress_bar,
    short_age,
    since,
)
from ops.problem import sentence_on_problem
from ops.recovery import letters
from ops.recovery.originals import as_first_announced, ends, lost, originals
from ops.target import Place, Target, resolve
from shared.events import Upload
from shared.keys import is_door_key

FOUND_LOST = 3


@sentence_on_problem
@flat
def rerender(
    *,
    prefix: PrefixOption = "",
    from_time: Annotated[
        str | None, typer.Option("--since", help="Only uploads since then: 2026-11-22, or an age like 2h.")
    ] = None,
    pace: Pace,
    as_json: JsonOption = False,
    place: Place,
) -> None:
    """Make the renditions of stored originals anew, after their configuration changed. Dry run without --yes.

    Example: darkroom rerender --prefix uploads/ --since 2026-11-01 --yes
    """
    target = resolve(place)
    s3 = target.client("s3")
    known = ends(s3, target.outputs["ResizedBucketName"]).every()
    begin = since(from_time) if from_time else datetime.min.replace(tzinfo=UTC)
    every = as_first_announced(originals(s3, target.outputs["UploadBucketName"], prefix), known)
    chosen = [upload for upload in every if upload.at >= begin]
    _submit_and_report(target, chosen, "rendered anew", pace, as_json)


@sentence_on_problem
@flat
def reconcile(
    *,
    prefix: PrefixOption = "",
    grace: Annotated[str, typer.Option("--grace", help="How old an original must be to count as lost.")] = "15m",
    pace: Pace,
    as_json: JsonOption = False,
    place: Place,
) -> None:
    """Find originals without rendition, rejection or dead letter, and submit them. Dry run without --yes.

    A dry run that finds any ends with exit code 3. While messages wait in the queue, an original that did not come
    through the door is left alone: should its first event still arrive, it would appear twice.

    Example: darkroom reconcile --grace 1h --stack darkroom-prod --region eu-west-1
    """
    target = resolve(place)
    s3 = target.client("s3")
    sqs = target.client("sqs")
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
    _submit_and_report(target, found, "submitted", pace, as_json)
    if found and not pace.yes:
        raise typer.Exit(FOUND_LOST)


def submit(target: Target, uploads: Sequence[Upload], rate: int, progress_on: Console) -> None:
    """Sends each upload's event to the resizer's queue; other subscribers hear nothing of it."""
    sqs = target.client("sqs")
    with progress_bar(progress_on) as progress:
        task = progress.add_task("submitting", total=len(uploads))
        for upload in paced(uploads, rate):
            sqs.send_message(QueueUrl=target.outputs["ResizeQueueUrl"], MessageBody=json.dumps(upload.as_event()))
            progress.advance(task)


def _submit_and_report(target: Target, uploads: Sequence[Upload], what: str, pace: Pace, as_json: bool) -> None:
    if pace.yes:
        submit(target, uploads, pace.rate, Console(stderr=True) if as_json else console)
    if as_json:
        rows = [{"image_id": upload.image.id, "key": upload.key, "at": upload.at.isoformat()} for upload in uploads]
        print_json({"done": pace.yes, "uploads": rows})
        return
    if not uploads:
        console.print("Nothing to do.")
        return
    now = datetime.now(UTC)
    print_rows(
        ("image id", "age", "key"),
        [(upload.image.id, short_age((now - upload.at).total_seconds()), upload.key) for upload in uploads],
    )
    if pace.yes:
        console.print(f"{len(uploads)} {what}.")
    else:
        print_dry_run(len(uploads), f"{what}, at {pace.rate} a second")
