"""`darkroom status`: shows the queue, the dead letters and the last hour."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import httpx
import typer
from rich.live import Live
from rich.table import Table

from ops.options import JsonOption, console, flat, print_json, short_age
from ops.problem import sentence_on_problem
from ops.recovery import letters, records
from ops.recovery.originals import objects
from ops.recovery.records import dead_of
from ops.recovery.rejections import rejections
from ops.target import Place, Target, resolve
from shared.keys import read_rendition_key, rendition_prefix, taken_at
from shared.renditions import LISTED

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

WATCH_SECONDS = 5
LOOK_BACK = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Status:
    """The state of the pipeline. `oldest_seconds` is None if no message waits.

    Other commands hold `dead_letters_held` of the dead letters. `dead_letters_unread` have no record yet, so their
    reason is not known. `rejected` and `ready` count the last hour.
    """

    waiting: int
    in_flight: int
    oldest_seconds: float | None
    dead_letters: dict[str, int]
    dead_letters_held: int
    dead_letters_unread: int
    rejected: dict[str, int]
    ready: int


@sentence_on_problem
@flat
def status(
    *,
    watch: Annotated[bool, typer.Option("--watch", help=f"Update every {WATCH_SECONDS} s, until Ctrl-C.")] = False,
    as_json: JsonOption = False,
    place: Place,
) -> None:
    """Show the queue, dead letters by reason, and the uploads of the last hour.

    Example: darkroom status --watch --stack darkroom-prod --region eu-west-1
    """
    target = resolve(place)
    if as_json:
        print_json(asdict(next(_statuses(target))))
    elif not watch:
        console.print(_table(next(_statuses(target))))
    else:
        with Live(console=console, auto_refresh=False) as live:
            for now in _statuses(target):
                live.update(_table(now), refresh=True)
                time.sleep(WATCH_SECONDS)


def ready_since(s3: "S3Client", bucket: str, since: datetime) -> int:
    """Count the ready uploads since a time. The listing has the newest first, so reading stops at this time."""
    found = 0
    for listed in objects(s3, bucket, rendition_prefix(LISTED)):
        key = read_rendition_key(listed["Key"])
        if key and taken_at(key.image_id) < since:
            return found
        found += bool(key)
    return found


def _statuses(target: Target) -> Iterator[Status]:
    """Yield the current status on each iteration. Reads the dead-letter queue only if its count has changed."""
    dead = dead_of(target, None)
    s3, resized = dead.s3, dead.bucket
    seen: letters.Counts | None = None
    while True:
        hour_ago = datetime.now(UTC) - LOOK_BACK
        counted = letters.counts(dead.sqs, dead.queue_url)
        view = records.look(dead, since=seen)
        seen = letters.counts(dead.sqs, dead.dead_url)
        yield Status(
            waiting=counted.waiting,
            in_flight=counted.in_flight,
            oldest_seconds=_oldest_seconds(target) if counted.total else None,
            dead_letters=dict(Counter(key.code for key in view.letters).most_common()),
            dead_letters_held=view.held,
            dead_letters_unread=max(view.unread, 0),
            rejected=dict(Counter(one.code for one in rejections(s3, resized, hour_ago)).most_common()),
            ready=ready_since(s3, resized, hour_ago),
        )


def _oldest_seconds(target: Target) -> float | None:
    """Return the age of the oldest message, from CloudWatch: receiving messages would count as attempts.

    The local engine has no metrics, but a page of it lists the messages.
    """
    queue_url = target.outputs["ResizeQueueUrl"]
    if target.endpoint_url:
        with suppress(httpx.HTTPError, ValueError, KeyError):
            answer = httpx.get(f"{target.endpoint_url}/_ministack/sqs/messages", params={"QueueUrl": queue_url})
            accounts = answer.json()["messages"].values()
            sent = [
                m["SentTimestamp"] for regions in accounts for q in regions.values() for ms in q.values() for m in ms
            ]
            return time.time() - min(sent) if sent else None
        return None
    now = datetime.now(UTC)
    points = target.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SQS",
        MetricName="ApproximateAgeOfOldestMessage",
        Dimensions=[{"Name": "QueueName", "Value": queue_url.rsplit("/", 1)[-1]}],
        StartTime=now - timedelta(minutes=10),
        EndTime=now,
        Period=60,
        Statistics=["Maximum"],
    )["Datapoints"]
    return max(points, key=lambda point: point["Timestamp"])["Maximum"] if points else None


def _table(now: Status) -> Table:
    table = Table(box=None, show_header=False)
    table.add_column(style="dim")
    table.add_row("waiting", f"{now.waiting}")
    table.add_row("in flight", f"{now.in_flight}")
    table.add_row("oldest message", short_age(now.oldest_seconds) if now.oldest_seconds is not None else "-")
    table.add_row("dead letters", _dead_letters(now))
    table.add_row("rejected, last hour", _counted(now.rejected))
    table.add_row("ready, last hour", f"{now.ready} ({now.ready / LOOK_BACK.total_seconds() * 60:.1f} a minute)")
    return table


def _dead_letters(now: Status) -> str:
    told = _counted(now.dead_letters)
    if now.dead_letters_unread:
        told += f"; {now.dead_letters_unread} more without a record"
    if now.dead_letters_held:
        told += f"; {now.dead_letters_held} hidden by another command"
    return told


def _counted(counts: dict[str, int]) -> str:
    if not counts:
        return "0"
    return f"{sum(counts.values())}: " + ", ".join(f"{count} {code}" for code, count in counts.items())
