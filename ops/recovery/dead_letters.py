"""`darkroom dead-letters`: what the functions gave up, why, and what to do about it."""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from ops.options import (
    Filters,
    JsonOption,
    Pace,
    console,
    flat,
    paced,
    print_dry_run,
    print_json,
    print_rows,
    progress_bar,
    short_age,
)
from ops.problem import Problem, sentence_on_problem
from ops.recovery import letters
from ops.recovery.letters import Letter, Wanted, groups, walk
from ops.target import Place, SubscriberOption, Target, resolve

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

app = typer.Typer(no_args_is_help=True, help="Uploads that were tried to the last and gave nothing, with the reason.")
LOG_LINES = 100


@dataclass(frozen=True, slots=True)
class Queues:
    """A subscriber's queue and dead-letter queue by URL, and the way to them."""

    sqs: "SQSClient"
    queue: str
    dead: str


IdArgument = Annotated[str, typer.Argument(help="A message id or image id, or its beginning.")]


@app.command("list")
@sentence_on_problem
@flat
def list_letters(
    *,
    filters: Filters,
    as_json: JsonOption = False,
    subscriber: SubscriberOption = None,
    place: Place,
) -> None:
    """Dead letters by reason, with age and count. Looking leaves each visible to everybody else.

    Example: darkroom dead-letters list --code crashed --stack darkroom-prod --region eu-west-1
    """
    found, now = _find(_queues(resolve(place), subscriber), _wanted(filters)), datetime.now(UTC)
    if as_json:
        print_json({"groups": groups(found, now), "letters": [_as_json(letter) for letter in found]})
        return
    _print_groups(found, now)
    if found:
        _print_letters(found, now)


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
    """One dead letter: the reason, the event, and the log lines of its last attempt.

    Example: darkroom dead-letters show 7ybqx6ccn4hqm60deqyt6crqr5
    """
    target = resolve(place)
    found = _find(_queues(target, subscriber), Wanted(ids=(wanted_id,)))
    if not found:
        raise Problem("no-such-letter", f"No dead letter has an id that begins with {wanted_id}.")
    for letter in found:
        lines = log_lines(target, letter)
        if as_json:
            print_json(_as_json(letter) | {"event": _event(letter), "log": lines})
            continue
        for name, value in asdict(letter.reason).items():
            console.print(f"[dim]{name:16}[/]{escape(value) or '-'}", highlight=False)
        console.print(f"[dim]{'image_id':16}[/]{', '.join(letter.image_ids()) or '-'}", highlight=False)
        console.print_json(data=_event(letter))
        console.print(f"[dim]{len(lines)} log lines of request {letter.reason.request_id or '(unknown)'}[/]")
        for line in lines:
            console.print(line, markup=False, highlight=False, soft_wrap=True)


@app.command()
@sentence_on_problem
@flat
def replay(
    *,
    filters: Filters,
    pace: Pace,
    subscriber: SubscriberOption = None,
    place: Place,
) -> None:
    """Send dead letters back to the queue, to be tried as if for the first time. Dry run without --yes.

    Each is sent before it is deleted: interrupted at any moment, the worst is a duplicate, which changes nothing.

    Example: darkroom dead-letters replay --code storage-unavailable --yes
    """
    queues, wanted = _queues(resolve(place), subscriber), _wanted(filters)
    if not pace.yes:
        _say_what_would_be(queues, wanted, f"sent back to {queues.queue.rsplit('/', 1)[-1]} at {pace.rate} a second")
    elif not wanted.everything or not _moved_by_sqs(queues, pace.rate):
        done = _each(
            queues, wanted, pace.rate, lambda letter: letters.replay_one(queues.sqs, letter, queues.queue, queues.dead)
        )
        console.print(f"{done} replayed.")


@app.command()
@sentence_on_problem
@flat
def drop(
    *,
    filters: Filters,
    pace: Pace,
    subscriber: SubscriberOption = None,
    place: Place,
) -> None:
    """Delete dead letters for good; their originals stay, and reconcile finds them. Dry run without --yes.

    Example: darkroom dead-letters drop --code crashed --older-than 7d --yes
    """
    queues, wanted = _queues(resolve(place), subscriber), _wanted(filters)
    if not pace.yes:
        _say_what_would_be(queues, wanted, "deleted for good")
    else:
        done = _each(queues, wanted, pace.rate, lambda letter: letters.drop_one(queues.sqs, letter, queues.dead))
        console.print(f"{done} dropped. Their originals stay.")
        # No commands that delete them: many a letter is of an upload that is ready by now.
        console.print(
            "`darkroom reconcile` lists those without renditions and would submit them again: delete what shall not."
        )


def log_lines(target: Target, letter: Letter) -> list[str]:
    """The log lines of the letter's last attempt, oldest first, at most LOG_LINES."""
    if not letter.reason.request_id or not letter.reason.function_name:
        return []
    logs = target.client("logs")
    group = f"/aws/lambda/{letter.reason.function_name}"
    found = logs.filter_log_events(
        logGroupName=group,
        filterPattern=f'"{letter.reason.request_id}"',
        startTime=int((letter.sent_at - timedelta(hours=1)).timestamp() * 1000),
        limit=LOG_LINES,
    )
    return [event["message"].rstrip() for event in found["events"]]


def _queues(target: Target, subscriber: str | None) -> Queues:
    sqs = target.client("sqs")
    return Queues(sqs, *target.queues(subscriber))


def _wanted(filters: Filters) -> Wanted:
    return Wanted(filters.code, filters.prefix, filters.least_age(), tuple(filters.ids or ()))


def _find(queues: Queues, wanted: Wanted) -> list[Letter]:
    now = datetime.now(UTC)
    with closing(walk(queues.sqs, queues.dead)) as every:
        return sorted((letter for letter in every if wanted.matches(letter, now)), key=lambda letter: letter.sent_at)


def _each(queues: Queues, wanted: Wanted, rate: int, do: Callable[[Letter], object]) -> int:
    """Does it to the letters that are wanted, at most `rate` a second, behind a progress bar; answers how many."""
    now, done = datetime.now(UTC), 0
    with progress_bar(console) as progress, closing(walk(queues.sqs, queues.dead)) as every:
        task = progress.add_task("dead letters", total=letters.counts(queues.sqs, queues.dead)["waiting"])
        for letter in paced((letter for letter in every if wanted.matches(letter, now)), rate):
            do(letter)
            done += 1
            progress.advance(task)
        progress.update(task, total=done)
    return done


def _moved_by_sqs(queues: Queues, rate: int) -> bool:
    moved = 0
    try:
        with console.status("SQS moves them") as status:
            for moved, of in letters.move_all(queues.sqs, queues.queue, queues.dead, rate):
                status.update(f"SQS moves them: {moved} of about {of}")
    except NotImplementedError:
        return False
    console.print(f"{moved} replayed, by SQS itself.")
    return True


def _say_what_would_be(queues: Queues, wanted: Wanted, what: str) -> None:
    found, now = _find(queues, wanted), datetime.now(UTC)
    _print_groups(found, now)
    if found:
        _print_letters(found, now)
        print_dry_run(len(found), what)


def _print_groups(found: list[Letter], now: datetime) -> None:
    if not found:
        console.print("No dead letters.")
        return
    table = Table("reason", "count", "oldest", "newest", "says", box=None, header_style="dim")
    for group in groups(found, now):
        ages = short_age(group["oldest_seconds"]), short_age(group["newest_seconds"])
        table.add_row(group["code"], str(group["count"]), *ages, escape(group["sentence"]))
    console.print(table)


def _print_letters(found: list[Letter], now: datetime) -> None:
    console.print()
    rows = [
        (
            ", ".join(letter.image_ids()) or letter.message_id,
            short_age((now - letter.sent_at).total_seconds()),
            letter.reason.attempts or "-",
            letter.reason.code,
            ", ".join(event.image.name for event in letter.events),
        )
        for letter in found
    ]
    print_rows(("image id", "age", "attempts", "reason", "name"), rows)


def _as_json(letter: Letter) -> dict[str, Any]:
    return {
        **asdict(letter.reason),
        "message_id": letter.message_id,
        "image_ids": letter.image_ids(),
        "keys": [event.key for event in letter.events],
        "sent_at": letter.sent_at.isoformat(),
    }


def _event(letter: Letter) -> Any:
    try:
        return json.loads(letter.body)
    except ValueError:
        return letter.body
