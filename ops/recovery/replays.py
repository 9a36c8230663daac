"""Send dead letters back to their queue, or delete them: in batches, over several connections, safe to interrupt."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import batched
from typing import Any

from ops.options import paced
from ops.recovery.letters import Letter, Reading
from ops.recovery.records import Dead, forget, record_key
from ops.recovery.replay_records import Run, ended, perhaps_sent
from ops.target import CONNECTIONS
from shared.letters import replay_attributes
from shared.queues import BATCH_MESSAGES

# Every account accepts requests of 256 KiB. A batch stays below that.
BATCH_BYTES = 200_000


def _no_progress(count: int) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Selection:
    """The letters that a command acts on, at most `rate` a second.

    `expected` is the approximate number of wanted letters, `others` the number of all other letters. `progress` gets
    the number of newly finished letters.
    """

    wanted: Callable[[Letter], bool]
    rate: int
    expected: int = 0
    others: int = 0
    progress: Callable[[int], None] = _no_progress

    @property
    def work_seconds(self) -> float:
        """Return the time for which the other letters stay hidden while the command works on the wanted letters."""
        return self.expected / self.rate if self.others else 0


@dataclass(slots=True)
class Summary:
    """The counts of a command on dead letters.

    `failed` letters were refused by SQS. `ended_before` letters were sent by an earlier replay, so they were only
    deleted. `waiting` letters may have been sent by a replay that was killed, and are left alone.
    """

    done: int = 0
    failed: int = 0
    ended_before: int = 0
    waiting: int = 0
    interrupted: bool = False


def replay(dead: Dead, selection: Selection) -> Summary:
    """Send the selected letters back to their queue, each before it is deleted."""
    run, summary = Run(dead), Summary()
    before = perhaps_sent(dead)
    finished = ended(dead, list(before.values()))

    def choose(letter: Letter) -> bool:
        if not selection.wanted(letter):
            return False
        if (sent := before.get(letter.queue_id)) is None or sent.queue_id in finished:
            return True
        summary.waiting += 1
        return False

    def act(batch: Sequence[Letter], number: int, reading: Reading) -> None:
        over = [letter for letter in batch if letter.queue_id in finished]
        again = [letter for letter in batch if letter.queue_id not in finished]
        if again:
            run.announce(again, number)
        sent = _send(dead, again, run.by)
        gone = _delete(dead, [*over, *sent], reading)
        run.kept += len(over) + len(sent) - len(gone)
        run.failed += [letter.queue_id for letter in again if letter not in sent]
        summary.ended_before += len(over)
        summary.done += len(sent)
        summary.failed += len(again) - len(sent)
        forget(dead, [record_key(dead, letter) for letter in gone])
        selection.progress(len(batch))

    _each_batch(dead, replace(selection, wanted=choose), act, summary)
    run.end()
    return summary


def drop(dead: Dead, selection: Selection) -> Summary:
    """Delete the selected letters for good."""
    summary = Summary()

    def act(batch: Sequence[Letter], _number: int, reading: Reading) -> None:
        gone = _delete(dead, batch, reading)
        forget(dead, [record_key(dead, letter) for letter in gone])
        summary.done += len(gone)
        summary.failed += len(batch) - len(gone)
        selection.progress(len(batch))

    _each_batch(dead, selection, act, summary)
    return summary


def _each_batch(
    dead: Dead,
    selection: Selection,
    act: Callable[[Sequence[Letter], int, Reading], None],
    summary: Summary,
) -> None:
    """Read the queue and hand the selected letters over in batches; Ctrl-C lets running batches finish."""
    # Read only as far ahead as the next seconds need, or letters become visible again before their turn.
    connections = max(min(CONNECTIONS, selection.rate // 2), 1)
    under_way: set[Future[None]] = set()
    with (
        Reading(dead.sqs, dead.dead_url, connections, selection.work_seconds) as reading,
        ThreadPoolExecutor(CONNECTIONS) as pool,
    ):
        try:
            letters = paced((letter for letter in reading if selection.wanted(letter)), selection.rate)
            for number, batch in enumerate(_batches(letters, min(BATCH_MESSAGES, selection.rate))):
                under_way.add(pool.submit(act, batch, number, reading))
                if len(under_way) >= CONNECTIONS:
                    done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                    _raise_first(done)
        except KeyboardInterrupt:
            summary.interrupted = True
        done, _ = wait(under_way)
        _raise_first(done)


def _raise_first(done: set[Future[None]]) -> None:
    for future in done:
        future.result()


def _batches(letters: Iterator[Letter], most: int) -> Iterator[tuple[Letter, ...]]:
    for some in batched(letters, most, strict=False):
        batch: list[Letter] = []
        for letter in some:
            if batch and sum(len(one.body.encode()) for one in (*batch, letter)) > BATCH_BYTES:
                yield tuple(batch)
                batch = []
            batch.append(letter)
        yield tuple(batch)


def _send(dead: Dead, batch: Sequence[Letter], by: str) -> list[Letter]:
    """Send the letters' events; return the letters that SQS accepted."""
    if not batch:
        return []
    now = datetime.now(UTC)
    entries: Any = [
        {
            "Id": str(number),
            "MessageBody": letter.body,
            "MessageAttributes": replay_attributes(letter.reason, letter.deaths, now, by),
        }
        for number, letter in enumerate(batch)
    ]
    taken = dead.sqs.send_message_batch(QueueUrl=dead.queue_url, Entries=entries).get("Successful", [])
    return [batch[int(one["Id"])] for one in taken]


def _delete(dead: Dead, batch: Sequence[Letter], reading: Reading) -> list[Letter]:
    """Delete the letters from the dead-letter queue; return the letters that SQS has deleted."""
    gone: list[Letter] = []
    for some in batched(batch, BATCH_MESSAGES, strict=False):
        entries: Any = [{"Id": str(number), "ReceiptHandle": one.receipt_handle} for number, one in enumerate(some)]
        done = dead.sqs.delete_message_batch(QueueUrl=dead.dead_url, Entries=entries).get("Successful", [])
        gone += [some[int(one["Id"])] for one in done]
    for letter in gone:
        reading.deleted(letter)
    return gone
