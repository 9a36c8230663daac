"""`darkroom dead-letters`: list, show, replay and drop the messages that the functions gave up."""

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ops.options import (
    AllOption,
    Filters,
    JsonOption,
    Pace,
    console,
    filled,
    flat,
    print_dry_run,
    print_json,
    print_reasons,
    print_rows,
    progress_bar,
    require_all,
    short_age,
)
from ops.problem import Problem, sentence_on_problem
from ops.recovery import letters, records, replays
from ops.recovery.letters import Letter
from ops.recovery.records import Dead, View
from ops.recovery.replays import Summary
from ops.target import Place, SubscriberOption, Target, resolve
from ops.terminal import escape, printable
from shared.keys import LetterKey, display_name
from shared.letters import Reason, events_of, read_record

if TYPE_CHECKING:
    from mypy_boto3_logs.type_defs import FilteredLogEventTypeDef

app = typer.Typer(no_args_is_help=True, help="Messages that were given up after the last attempt, with the reason.")
LOG_LINES = 100
INTERRUPTED = 130

IdArgument = Annotated[str, typer.Argument(callback=filled, help="A message id or image id, or its beginning.")]
ReadQueueOption = Annotated[
    bool,
    typer.Option(
        "--read-queue", help="Read the whole queue and mend the records. Each letter is hidden from others meanwhile."
    ),
]


@app.command("list")
@sentence_on_problem
@flat
def list_letters(
    *,
    filters: Filters,
    read_queue: ReadQueueOption = False,
    as_json: JsonOption = False,
    subscriber: SubscriberOption = None,
    place: Place,
) -> None:
    """List dead letters by reason, with age and count. Letters that have a record stay visible to everybody.

    Example: darkroom dead-letters list --code crashed --stack darkroom-prod --region eu-west-1
    """
    dead = dead_of(resolve(place), subscriber)
    view = records.look(dead, read_queue=read_queue)
    found = select(view, filters)
    if as_json:
        print_json(
            {
                "groups": groups(dead, found),
                "letters": [as_row(key) for key in found],
                "held": view.held,
                "unread": view.unread,
            }
        )
        return
    print_letters(dead, found)
    print_differences(view)


@app.command()
@sentence_on_problem
@flat
def show(
    *,
    wanted_id: IdArgument,
    as_json: JsonOption = False,
    subscriber: SubscriberOption = None,
    place: Place,
) -> None:
    """Show one dead letter: the reason, its earlier deaths, the event, and the log lines of its last attempt.

    Example: darkroom dead-letters show 7ybqx6ccn4hqm60deqyt6crqr5
    """
    target = resolve(place)
    dead = dead_of(target, subscriber)
    view = records.look(dead)
    found = select(view, Filters(ids=[wanted_id]))
    if not found:
        print_differences(view)
        raise Problem("no-such-letter", f"No dead letter has an id that begins with {wanted_id}.")
    for key in found:
        record = read_record(dead.s3, dead.bucket, key)
        reason = Reason(**{name: str(record.get(name, "")) for name in Reason.__dataclass_fields__})
        body = str(record.get("body", ""))
        image_ids = [event.image.id for event in events_of(body)]
        lines = log_lines(target, reason, key.at)
        if as_json:
            print_json(
                as_row(key) | asdict(reason) | {"history": record["history"], "event": _event(body), "log": lines}
            )
            continue
        for name, value in asdict(reason).items():
            console.print(f"[dim]{name:16}[/]{escape(value) or '-'}", highlight=False)
        console.print(f"[dim]{'image_id':16}[/]{', '.join(image_ids) or '-'}", highlight=False)
        for death in record["history"]:
            sent_back = f"sent back by {death['replayed_by']} {death['replayed_at']}".rstrip()
            told = f"{death['code']} {death['at']}, {death['attempts'] or '?'} attempts, {sent_back}"
            console.print(f"[dim]{'died before':16}[/]{escape(told)}", highlight=False, soft_wrap=True)
        console.print_json(data=_event(body))
        console.print(f"[dim]{len(lines)} log lines of request {reason.request_id or '(unknown)'}[/]")
        for line in lines:
            console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


@app.command()
@sentence_on_problem
@flat
def replay(
    *,
    filters: Filters,
    everything: AllOption = False,
    by_sqs: Annotated[
        bool,
        typer.Option("--by-sqs", help="With --all: let SQS move them. It needs no running command, but no outcome."),
    ] = False,
    pace: Pace,
    subscriber: SubscriberOption = None,
    place: Place,
) -> None:
    """Send dead letters back to the queue, where their attempts start at zero. Dry run without --yes.

    Each letter is sent before it is deleted. Ctrl-C finishes the batches under way; run it again to continue.

    Example: darkroom dead-letters replay --code storage-unavailable --yes
    """
    require_all(filters.given, everything, pace)
    if by_sqs and not everything:
        raise typer.BadParameter("--by-sqs moves every letter. Add --all if that is what you want.")
    dead = dead_of(resolve(place), subscriber)
    view = records.look(dead)
    found = select(view, filters)
    if not pace.yes:
        name = dead.queue_url.rsplit("/", 1)[-1]
        say_what_would_be(dead, view, found, f"sent back to {name} at {pace.rate} a second", filters)
    elif by_sqs:
        _move_by_sqs(dead, pace.rate)
    else:
        summary = _act(dead, view, found, filters, pace.rate, replays.replay)
        _finish(summary, "replayed", max(_expected(view, found, filters) - summary.done - summary.ended_before, 0))


@app.command()
@sentence_on_problem
@flat
def drop(
    *,
    filters: Filters,
    everything: AllOption = False,
    pace: Pace,
    subscriber: SubscriberOption = None,
    place: Place,
) -> None:
    """Delete dead letters for good. Their originals stay, and reconcile finds them. Dry run without --yes.

    Example: darkroom dead-letters drop --code crashed --older-than 7d --yes
    """
    require_all(filters.given, everything, pace)
    dead = dead_of(resolve(place), subscriber)
    view = records.look(dead)
    found = select(view, filters)
    if not pace.yes:
        say_what_would_be(dead, view, found, "deleted for good", filters)
        return
    summary = _act(dead, view, found, filters, pace.rate, replays.drop)
    console.print(
        "Their originals stay. `darkroom reconcile` lists those without renditions and would submit them again: delete "
        "the originals that you do not want back.",
        soft_wrap=True,
    )
    _finish(summary, "dropped", max(_expected(view, found, filters) - summary.done, 0))


@app.command()
@sentence_on_problem
@flat
def outcome(
    *,
    run: Annotated[
        str | None, typer.Argument(callback=filled, help="The beginning of a replay's name; without it, the last one.")
    ] = None,
    as_json: JsonOption = False,
    subscriber: SubscriberOption = None,
    place: Place,
) -> None:
    """Print the outcome of each letter of a replay: ready, rejected, a letter again and why, or not ended yet.

    Example: darkroom dead-letters outcome 20261126T0931
    """
    dead = dead_of(resolve(place), subscriber)
    names = [name for name in replays.runs(dead) if name.startswith(run or "")]
    if not names:
        known = ", ".join(replays.runs(dead)[-5:]) or "none"
        raise Problem("no-such-replay", f"There is no such replay. The last ones are: {known}.")
    found = replays.outcomes(dead, replays.sent_in(dead, names[-1]))
    if as_json:
        letters_ = [{"message_id": one.message_id, "image_ids": one.image_ids, "outcome": end} for one, end in found]
        print_json({"replay": names[-1], "letters": letters_})
        return
    table = Table("outcome", "letters", box=None, header_style="dim")
    for end, count in Counter(end for _, end in found).most_common():
        table.add_row(escape(end), str(count))
    console.print(f"Replay {names[-1]}", highlight=False)
    console.print(table)
    console.print()
    print_rows(("image id", "outcome"), [(", ".join(one.image_ids) or one.message_id, end) for one, end in found])


def dead_of(target: Target, subscriber: str | None) -> Dead:
    """Return the dead letters of a subscriber, or of the resizer. Raises Problem (`no-subscriber`)."""
    queue_url, dead_url = target.queues(subscriber)
    return Dead(target.client("sqs"), target.client("s3"), queue_url, dead_url, target.outputs["ResizedBucketName"])


def select(view: View, filters: Filters) -> list[LetterKey]:
    """Select letters. Raises Problem (`bad-age`; `no-such-code` if no letter has the reason that is asked for)."""
    now = datetime.now(UTC)
    codes = Counter(key.code for key in view.letters)
    if filters.code and view.letters and filters.code not in codes:
        known = ", ".join(f"{code} ({count})" for code, count in codes.most_common())
        raise Problem("no-such-code", f"No dead letter has the reason {filters.code}. The reasons are: {known}.")
    return [
        key
        for key in view.letters
        if filters.matches(
            now, code=key.code, at=key.at, upload_keys=[key.upload_key], ids=[key.message_id, key.image_id or ""]
        )
    ]


def wanted(letter: Letter, filters: Filters, now: datetime, dead: Dead) -> bool:
    """Answer whether the filters select the letter, by the same facts as in its record."""
    key = records.record_key(dead, letter)
    ids = [letter.message_id, letter.queue_id, *letter.image_ids()]
    keys = [event.key for event in letter.events]
    return filters.matches(now, code=key.code, at=key.at, upload_keys=keys, ids=ids)


def groups(dead: Dead, found: Sequence[LetterKey]) -> list[dict[str, Any]]:
    """Count letters by reason, the most frequent first, with their ages in seconds and an example sentence."""
    now = datetime.now(UTC)
    grouped = []
    for code, count in Counter(key.code for key in found).most_common():
        ages = [round((now - key.at).total_seconds()) for key in found if key.code == code]
        grouped.append(
            {
                "code": code,
                "count": count,
                "oldest_seconds": max(ages),
                "newest_seconds": min(ages),
                "sentence": _sentence(dead, found, code),
            }
        )
    return grouped


def as_row(key: LetterKey) -> dict[str, Any]:
    """Return a letter for JSON."""
    return {
        "code": key.code,
        "message_id": key.message_id,
        "image_ids": [key.image_id] if key.image_id else [],
        "keys": [key.upload_key] if key.upload_key else [],
        "attempts": key.attempts,
        "at": key.at.isoformat(),
    }


def print_letters(dead: Dead, found: Sequence[LetterKey]) -> None:
    """Print the letters by reason, and the first letters one by one."""
    if not found:
        console.print("No dead letters.")
        return
    sentences = {code: _sentence(dead, found, code) for code in {key.code for key in found}}
    print_reasons((key.code, key.at, sentences[key.code]) for key in found)
    console.print()
    now = datetime.now(UTC)
    rows = [
        (
            key.image_id or key.message_id,
            short_age((now - key.at).total_seconds()),
            key.attempts or "-",
            key.code,
            display_name(key.upload_key.rsplit("/", 1)[-1]),
        )
        for key in found
    ]
    print_rows(("image id", "age", "attempts", "reason", "name"), rows)


def print_differences(view: View) -> None:
    """Print the letters that the records do not show: held by others, or without a record."""
    notes = Console(stderr=True)
    if view.held:
        notes.print(
            f"{view.held} letters are hidden by another command or tool, or by one that was killed. They are visible "
            f"again by {records.held_until()}, unless that command runs on.",
            soft_wrap=True,
        )
    if view.unread > 0:
        notes.print(
            f"About {view.unread} more letters are in the queue without a record: SQS or SNS put them there, or others "
            "hide them. `darkroom dead-letters list --read-queue` reads them.",
            soft_wrap=True,
        )
    if view.unread < 0:
        notes.print(
            f"About {-view.unread} of these may be gone: the queue has fewer letters than there are records. "
            "`darkroom dead-letters list --read-queue` compares them.",
            soft_wrap=True,
        )


def say_what_would_be(dead: Dead, view: View, found: Sequence[LetterKey], what: str, filters: Filters) -> None:
    """Print the letters that a command would act on."""
    print_letters(dead, found)
    print_differences(view)
    if found:
        print_dry_run(len(found), what, all_needed=not filters.given)


def log_lines(target: Target, reason: Reason, at: datetime) -> list[str]:
    """Read the log lines of a letter's last attempt, oldest first, at most LOG_LINES."""
    if not reason.request_id or not reason.function_name:
        return []
    events: list[FilteredLogEventTypeDef] = target.client("logs").filter_log_events(
        logGroupName=f"/aws/lambda/{reason.function_name}",
        filterPattern=f'"{reason.request_id}"',
        startTime=int((at - timedelta(hours=1)).timestamp() * 1000),
        limit=LOG_LINES,
    )["events"]
    return [event["message"].rstrip() for event in events]


def _expected(view: View, found: Sequence[LetterKey], filters: Filters) -> int:
    return len(found) if filters.given else view.total


def _act(dead: Dead, view: View, found: Sequence[LetterKey], filters: Filters, rate: int, act: Any) -> Summary:
    now, expected = datetime.now(UTC), _expected(view, found, filters)
    with progress_bar(console) as progress:
        task = progress.add_task("dead letters", total=expected)
        summary: Summary = act(
            dead,
            lambda letter: wanted(letter, filters, now, dead),
            expected,
            max(view.total - expected, 0),
            rate,
            lambda count: progress.advance(task, count),
        )
        progress.update(task, total=summary.done + summary.ended_before)
    return summary


def _finish(summary: Summary, done: str, left: int) -> None:
    console.print(f"{summary.done} {done}.")
    if summary.ended_before:
        console.print(
            f"{summary.ended_before} were deleted: an earlier replay sent them, and their uploads have ended."
        )
    if summary.waiting:
        minutes = int(replays.PERHAPS_SENT.total_seconds() // 60)
        console.print(
            f"{summary.waiting} were left: a replay that was killed may have sent them. Replay them again "
            f"{minutes} minutes after it. Those whose uploads end before are then deleted only.",
            soft_wrap=True,
        )
    left -= summary.waiting + summary.failed
    if left > 0 and not summary.interrupted:
        console.print(f"About {left} were not found: others hold them, or they are gone. Run the command again to see.")
    if summary.interrupted:
        console.print(f"Interrupted; about {left} are left. Run the command again to continue.")
        raise typer.Exit(INTERRUPTED)
    if summary.failed:
        raise Problem("sqs-refused", f"SQS did not take {summary.failed} of them; they stay. Run the command again.")


def _move_by_sqs(dead: Dead, rate: int) -> None:
    moved = letters.Moved(0, 0)
    recorded = list(records.listed(dead))
    progress = letters.move_all(dead.sqs, dead.queue_url, dead.dead_url, rate)
    try:
        with closing(progress), console.status("SQS moves them") as status:
            for moved in progress:
                status.update(f"SQS moves them: {moved.letters} of about {moved.of}")
    except KeyboardInterrupt:
        console.print(f"Cancelled after {moved.letters} of about {moved.of}. Run the command again to continue.")
        raise typer.Exit(INTERRUPTED) from None
    records.forget(dead, recorded)
    console.print(f"{moved.letters} replayed, by SQS itself.")


def _sentence(dead: Dead, found: Sequence[LetterKey], code: str) -> str:
    newest = max((key for key in found if key.code == code), key=lambda key: key.at)
    return str(read_record(dead.s3, dead.bucket, newest).get("sentence", ""))


def _event(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body
