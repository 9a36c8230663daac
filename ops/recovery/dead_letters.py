"""`darkroom dead-letters`: list, show, replay and drop the messages that the functions gave up."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ops.options import (
    AllOption,
    Filters,
    JsonOption,
    Pace,
    console,
    filled,
    flat,
    print_json,
    print_rows,
    progress_bar,
    require_all,
)
from ops.problem import Problem, sentence_on_problem
from ops.recovery import letters, records, replay_records, replays
from ops.recovery.letter_details import read_details
from ops.recovery.letter_listing import (
    as_row,
    groups,
    print_differences,
    print_letters,
    say_what_would_be,
    select,
    wanted,
)
from ops.recovery.records import Dead, View, dead_of
from ops.recovery.replays import Selection, Summary
from ops.target import Place, SubscriberOption, resolve
from ops.terminal import escape
from shared.keys import LetterKey

if TYPE_CHECKING:
    pass

app = typer.Typer(no_args_is_help=True, help="Messages that were given up after the last attempt, with the reason.")
INTERRUPTED = 130

IdArgument = Annotated[str, typer.Argument(callback=filled, help="A message id or image id, or its beginning.")]
ReadQueueOption = Annotated[
    bool,
    typer.Option(
        "--read-queue", help="Read the whole queue and repair the records. Meanwhile each letter is hidden from others."
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
    """List dead letters by reason, with age and count. Letters with a record stay visible to everybody.

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
    """Show one dead letter: its reason, its earlier reasons, its event, and the log lines of the last attempt.

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
        letter = read_details(target, dead, key)
        if as_json:
            print_json(letter.as_json())
        else:
            letter.print()


@app.command()
@sentence_on_problem
@flat
def replay(
    *,
    filters: Filters,
    everything: AllOption = False,
    by_sqs: Annotated[
        bool,
        typer.Option(
            "--by-sqs",
            help="With --all: let SQS move them. `outcome` does not know such a move.",
        ),
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
        raise typer.BadParameter("--by-sqs moves every letter. Add --all if you want this.")
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
        str | None,
        typer.Argument(callback=filled, help="The beginning of a replay's name; by default the last replay."),
    ] = None,
    as_json: JsonOption = False,
    subscriber: SubscriberOption = None,
    place: Place,
) -> None:
    """Print the outcome of each letter of a replay: ready, rejected, a letter again with its code, or not ended yet.

    Example: darkroom dead-letters outcome 20261126T0931
    """
    dead = dead_of(resolve(place), subscriber)
    names = [name for name in replay_records.runs(dead) if name.startswith(run or "")]
    if not names:
        known = ", ".join(replay_records.runs(dead)[-5:]) or "none"
        raise Problem("no-such-replay", f"There is no such replay. The last ones are: {known}.")
    found = replay_records.outcomes(dead, replay_records.sent_in(dead, names[-1]))
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


def _expected(view: View, found: Sequence[LetterKey], filters: Filters) -> int:
    return len(found) if filters.given else view.total


def _act(
    dead: Dead,
    view: View,
    found: Sequence[LetterKey],
    filters: Filters,
    rate: int,
    act: Callable[[Dead, Selection], Summary],
) -> Summary:
    now, expected = datetime.now(UTC), _expected(view, found, filters)
    with progress_bar(console) as progress:
        task = progress.add_task("dead letters", total=expected)
        selection = Selection(
            lambda letter: wanted(letter, filters, now, dead),
            rate,
            expected,
            max(view.total - expected, 0),
            lambda count: progress.advance(task, count),
        )
        summary = act(dead, selection)
        progress.update(task, total=summary.done + summary.ended_before)
    return summary


def _finish(summary: Summary, done: str, left: int) -> None:
    console.print(f"{summary.done} {done}.")
    if summary.ended_before:
        console.print(
            f"{summary.ended_before} were deleted: an earlier replay sent them, and their uploads have ended."
        )
    if summary.waiting:
        minutes = int(replay_records.PERHAPS_SENT.total_seconds() // 60)
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
