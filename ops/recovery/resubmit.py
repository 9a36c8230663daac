"""`darkroom rerender` and `darkroom reconcile`: send originals through the pipeline again."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import batched
from typing import Annotated, Any

import typer
from rich.console import Console

from ops.options import (
    AllOption,
    JsonOption,
    Pace,
    PrefixOption,
    age,
    console,
    filled,
    flat,
    paced,
    print_dry_run,
    print_json,
    print_rows,
    progress_bar,
    require_all,
    short_age,
    since,
)
from ops.problem import Problem, sentence_on_problem
from ops.recovery import letters, records
from ops.recovery.originals import as_first_announced, ends, lost, originals
from ops.recovery.records import dead_of
from ops.target import CONNECTIONS, Place, Target, resolve
from shared.events import Upload
from shared.keys import is_door_key
from shared.letters import resubmit_attributes
from shared.queues import BATCH_MESSAGES

FOUND_LOST = 3


@sentence_on_problem
@flat
def rerender(
    *,
    prefix: PrefixOption = None,
    from_time: Annotated[
        str | None,
        typer.Option("--since", callback=filled, help="Only uploads since then: 2026-11-22, or an age like 2h."),
    ] = None,
    everything: AllOption = False,
    pace: Pace,
    as_json: JsonOption = False,
    place: Place,
) -> None:
    """Make the renditions of stored originals again, after their configuration changed. Dry run without --yes.

    Example: darkroom rerender --prefix uploads/ --since 2026-11-01 --yes
    """
    require_all(bool(prefix or from_time), everything, pace)
    target = resolve(place)
    s3 = target.client("s3")
    known = ends(s3, target.outputs["ResizedBucketName"]).every()
    begin = since(from_time) if from_time else datetime.min.replace(tzinfo=UTC)
    every = as_first_announced(originals(s3, target.outputs["UploadBucketName"], prefix or ""), known)
    chosen = [upload for upload in every if upload.at >= begin]
    _submit_and_report(target, chosen, "rendered again", pace, as_json, all_needed=not (prefix or from_time))


@sentence_on_problem
@flat
def reconcile(
    *,
    prefix: PrefixOption = None,
    grace: Annotated[
        str, typer.Option("--grace", callback=filled, help="How old an original must be to count as lost.")
    ] = "15m",
    pace: Pace,
    as_json: JsonOption = False,
    place: Place,
) -> None:
    """Find originals without rendition, rejection or dead letter, and submit them. Dry run without --yes.

    A dry run that finds lost originals ends with exit code 3. While messages wait in the queue, reconcile leaves out
    originals that did not come through the door: if their first event arrived later, they would appear twice. While
    another command holds dead letters, reconcile refuses to run, because their uploads are not lost.

    Example: darkroom reconcile --grace 1h --stack darkroom-prod --region eu-west-1
    """
    target = resolve(place)
    s3 = target.client("s3")
    sqs = target.client("sqs")
    # This order finds an upload at least once, even if it moves from one place to the next.
    uploads = list(originals(s3, target.outputs["UploadBucketName"], prefix or ""))
    dead = _image_ids_of_letters(target)
    ended = ends(s3, target.outputs["ResizedBucketName"]).every() | dead
    found = list(lost(uploads, ended, datetime.now(UTC) - age(grace)))
    waiting = letters.counts(sqs, target.outputs["ResizeQueueUrl"]).total
    if waiting:
        notes = Console(stderr=True)
        notes.print(f"{waiting} messages are in the queue. Uploads that they announce may be among these.")
        found = [upload for upload in found if is_door_key(upload.key)]
    _submit_and_report(target, found, "submitted", pace, as_json)
    if found and not pace.yes:
        raise typer.Exit(FOUND_LOST)


def submit(target: Target, uploads: Sequence[Upload], rate: int, progress_on: Console) -> None:
    """Send each upload's event to the resizer's queue only: other subscribers do not receive it."""
    sqs, queue_url = target.client("sqs"), target.outputs["ResizeQueueUrl"]

    def send(batch: Sequence[Upload]) -> None:
        attributes = resubmit_attributes(datetime.now(UTC))
        entries: Any = [
            {"Id": str(number), "MessageBody": json.dumps(upload.as_event()), "MessageAttributes": attributes}
            for number, upload in enumerate(batch)
        ]
        answer = sqs.send_message_batch(QueueUrl=queue_url, Entries=entries)
        if refused := answer.get("Failed"):
            why = refused[0].get("Message", "")
            raise Problem("sqs-refused", f"SQS refused {len(refused)} events: {why}. Try again.")
        progress.advance(task, len(batch))

    with progress_bar(progress_on) as progress, ThreadPoolExecutor(CONNECTIONS) as pool:
        task = progress.add_task("submitting", total=len(uploads))
        batches = batched(paced(uploads, rate), min(BATCH_MESSAGES, rate), strict=False)
        for sent in [pool.submit(send, batch) for batch in batches]:
            sent.result()


def _image_ids_of_letters(target: Target) -> set[str]:
    dead = dead_of(target, None)
    view = records.look(dead)
    if view.unread and not view.held:
        view = records.look(dead, read_queue=True)
    if view.held:
        raise Problem(
            "letters-held",
            f"{view.held} dead letters are hidden by another command or tool, or by one that was killed. Their uploads "
            f"are not lost. Run reconcile again after {records.held_until()}.",
        )
    return {key.image_id for key in view.letters if key.image_id}


def _submit_and_report(
    target: Target, uploads: Sequence[Upload], what: str, pace: Pace, as_json: bool, *, all_needed: bool = False
) -> None:
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
        print_dry_run(len(uploads), f"{what}, at {pace.rate} a second", all_needed=all_needed)
