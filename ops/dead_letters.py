"""`darkroom dead-letters`: what the functions gave up, why, and what to do about it."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from ops import letters
from ops.letters import Letter, Wanted, groups, walk
from ops.options import (
    DEFAULT_RATE,
    CodeOption,
    IdOption,
    JsonOption,
    OlderOption,
    PrefixOption,
    RateOption,
    YesOption,
    age,
    console,
    paced,
    print_json,
    short_age,
)
from ops.problem import Problem, sentence_on_problem
from ops.target import DEFAULT_FOLDER, FolderOption, RegionOption, StackOption, SubscriberOption, Target, resolve

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

app = typer.Typer(no_args_is_help=True, help="Uploads that were tried to the last and gave nothing, with the reason.")
SHOWN_LETTERS = 20
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
def list_letters(
    code: CodeOption = None,
    prefix: PrefixOption = "",
    older_than: OlderOption = None,
    ids: IdOption = None,
    as_json: JsonOption = False,
    subscriber: SubscriberOption = None,
    stack: StackOption = None,
    region: RegionOption = None,
    folder: FolderOption = DEFAULT_FOLDER,
) -> None:
    """Dead letters by reason, with age and count. Looking leaves each visible to everybody else.

    Example: darkroom dead-letters list --code crashed --stack darkroom-prod --region eu-west-1
    """
    target = resolve(stack, region, folder)
    found, now = _find(_queues(target, subscriber), _wanted(code, prefix, older_than, ids)), datetime.now(UTC)
    if as_json:
        print_json({"groups": groups(found, now), "letters": [_as_json(letter) for letter in found]})
        return
    _print_groups(found, now)
    if found:
        _print_letters(found, now)


@app.command()
@sentence_on_problem
def show(
    wanted_id: IdArgument,
    as_json: JsonOption = False,
    subscriber: SubscriberOption = None,
    stack: StackOption = None,
    region: RegionOption = None,
    folder: FolderOption = DEFAULT_FOLDER,
) -> None:
    """One dead letter: the reason, the event, and the log lines of its last attempt.

    Example: darkroom dead-letters show 7ybqx6ccn4hqm60deqyt6crqr5
    """
    target = resolve(stack, region, folder)
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
def replay(
    code: CodeOption = None,
    prefix: PrefixOption = "",
    older_than: OlderOption = None,
    ids: IdOption = None,
    yes: YesOption = False,
    rate: RateOption = DEFAULT_RATE,
    subscriber: SubscriberOption = None,
    stack: StackOption = None,
    region: RegionOption = None,
    folder: FolderOption = DEFAULT_FOLDER,
) -> None:
    """Send dead letters back to the queue, to be tried as if for the first time. Dry run without --yes.

    Each is sent before it is deleted: interrupted at any moment, the worst is a duplicate, which changes nothing.

    Example: darkroom dead-letters replay --code storage-unavailable --yes
    """
    queues = _queues(resolve(stack, region, folder), subscriber)
    wanted = _wanted(code, prefix, older_than, ids)
    if not yes:
        _say_what_would_be(queues, wanted, f"sent back to {queues.queue.rsplit('/', 1)[-1]} at {rate} a second")
        return
    if wanted.everything and _moved_by_sqs(queues, rate):
        return
    done = 0
    for letter in _each(queues, wanted, rate, "replaying"):
        letters.replay_one(queues.sqs, letter, queues.queue, queues.dead)
        done += 1
    console.print(f"{done} replayed.")


@app.command()
@sentence_on_problem
def drop(
    code: CodeOption = None,
    prefix: PrefixOption = "",
    older_than: OlderOption = None,
    ids: IdOption = None,
    yes: YesOption = False,
    rate: RateOption = DEFAULT_RATE,
    subscriber: SubscriberOption = None,
    stack: StackOption = None,
    region: RegionOption = None,
    folder: FolderOption = DEFAULT_FOLDER,
) -> None:
    """Delete dead letters for good; their originals stay. Dry run without --yes.

    Example: darkroom dead-letters drop --code crashed --older-than 7d --yes
    """
    queues = _queues(resolve(stack, region, folder), subscriber)
    wanted = _wanted(code, prefix, older_than, ids)
    if not yes:
        _say_what_would_be(queues, wanted, "deleted for good")
        return
    done = 0
    for letter in _each(queues, wanted, rate, "dropping"):
        letters.drop_one(queues.sqs, letter, queues.dead)
        done += 1
    console.print(f"{done} dropped.")


def log_lines(target: Target, letter: Letter) -> list[str]:
    """The log lines of the letter's last attempt, oldest first, at most LOG_LINES."""
    if not letter.reason.request_id or not letter.reason.function_name:
        return []
    logs = target.session.client("logs", endpoint_url=target.endpoint_url)
    group = f"/aws/lambda/{letter.reason.function_name}"
    found = logs.filter_log_events(
        logGroupName=group,
        filterPattern=f'"{letter.reason.request_id}"',
        startTime=int((letter.sent_at - timedelta(hours=1)).timestamp() * 1000),
        limit=LOG_LINES,
    )
    return [event["message"].rstrip() for event in found["events"]]


def _queues(target: Target, subscriber: str | None) -> Queues:
    sqs = target.session.client("sqs", endpoint_url=target.endpoint_url)
    return Queues(sqs, *target.queues(subscriber))


def _wanted(code: str | None, prefix: str, older_than: str | None, ids: list[str] | None) -> Wanted:
    return Wanted(code, prefix, age(older_than) if older_than else timedelta(0), tuple(ids or ()))


def _find(queues: Queues, wanted: Wanted) -> list[Letter]:
    now = datetime.now(UTC)
    with closing(walk(queues.sqs, queues.dead)) as every:
        return sorted((letter for letter in every if wanted.matches(letter, now)), key=lambda letter: letter.sent_at)


def _each(queues: Queues, wanted: Wanted, rate: int, doing: str) -> Iterator[Letter]:
    """The letters that are wanted, at most `rate` a second, behind a progress bar."""
    now = datetime.now(UTC)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console) as progress, closing(walk(queues.sqs, queues.dead)) as every:
        task = progress.add_task(doing, total=letters.counts(queues.sqs, queues.dead)["waiting"])
        for letter in paced((letter for letter in every if wanted.matches(letter, now)), rate):
            yield letter
            progress.advance(task)
        progress.update(task, total=progress.tasks[0].completed)


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
        console.print(f"Dry run: these {len(found)} would be {what}. Add --yes to do it.", soft_wrap=True)


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
    table = Table("image id", "age", "attempts", "reason", "name", box=None, header_style="dim")
    for letter in found[:SHOWN_LETTERS]:
        table.add_row(
            ", ".join(letter.image_ids()) or letter.message_id,
            short_age((now - letter.sent_at).total_seconds()),
            letter.reason.attempts or "-",
            letter.reason.code,
            escape(", ".join(event.image.name for event in letter.events)),
        )
    console.print()
    console.print(table)
    if len(found) > SHOWN_LETTERS:
        console.print(f"[dim]and {len(found) - SHOWN_LETTERS} more; --json lists them all[/]")


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
