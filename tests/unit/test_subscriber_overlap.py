"""Messages that overlap in threads: none is lost when the invocation must end."""

import threading
from collections.abc import Sequence
from typing import Any

import pytest
from mypy_boto3_sqs import SQSClient

from shared import queues, settling, subscriber
from shared.events import Upload
from shared.message import Message
from shared.subscriber import process_events
from tests.support.context import Context
from tests.support.queue_pair import REFUSED, QueuePair, failing


def test_overlapping_messages_are_worked_on_at_the_same_time(pair: QueuePair) -> None:
    together = threading.Barrier(4, timeout=10)
    event = pair.batch(*((f"{number}.jpg", 1) for number in range(8)))

    def work(_: Upload) -> None:
        together.wait()

    answer = process_events(event, Context(), Upload, work, overlap=4)
    assert answer == {"batchItemFailures": []}
    assert pair.received() == []


def test_work_does_not_wait_for_the_lease_but_a_retry_does(pair: QueuePair, monkeypatch: pytest.MonkeyPatch) -> None:
    began = threading.Event()
    set_visibility = queues.set_visibility

    def slow(client: Any, url: str, handles: Sequence[str], seconds: int) -> None:
        assert began.wait(10)
        set_visibility(client, url, handles, seconds)

    def work(_: Upload) -> None:
        monkeypatch.setattr(queues, "set_visibility", set_visibility)
        threading.Timer(0.2, began.set).start()
        raise REFUSED

    monkeypatch.setattr(queues, "set_visibility", slow)
    process_events(pair.batch(("a.jpg", 1)), Context(), Upload, work, overlap=2)
    lease, retry = [seconds for _, seconds in pair.hidden]
    assert lease > retry == pair.waits("a.jpg")[0]


def test_a_message_that_is_stuck_is_requeued_in_time(pair: QueuePair, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(subscriber, "RESERVE_SECONDS", 0.1)
    monkeypatch.setattr(subscriber, "START_SECONDS", 0.1)

    def work(upload: Upload) -> None:
        if upload.key == "stuck.jpg":
            release.wait(10)
            raise REFUSED

    event = pair.batch(("stuck.jpg", 1), ("a.jpg", 1), ("b.jpg", 1))
    answer = process_events(event, Context(remaining_ms=1000), Upload, work, overlap=2)
    release.set()
    assert answer == {"batchItemFailures": []}
    (copy,) = pair.received()
    assert pair.keys_by_handle[copy["receiptHandle"]] == "stuck.jpg"
    assert Message(copy).attempts == 1


def test_a_message_that_is_still_being_settled_is_not_lost(pair: QueuePair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The work has failed, but SQS has not answered yet when the invocation must end."""
    release = threading.Event()
    monkeypatch.setattr(subscriber, "RESERVE_SECONDS", 0.5)
    monkeypatch.setattr(subscriber, "START_SECONDS", 0.1)
    monkeypatch.setattr(subscriber, "MARGIN_SECONDS", 0.1)
    monkeypatch.setattr(settling, "MARGIN_SECONDS", 0.1)
    event = pair.batch(("a.jpg", 1), ("b.jpg", 1))
    real = queues.set_visibility
    calls: list[int] = []

    def slow(sqs: SQSClient, url: str, handles: list[str], seconds: int) -> None:
        calls.append(seconds)
        if len(calls) > 1:  # the first call is the lease
            release.wait(10)
        real(sqs, url, handles, seconds)

    monkeypatch.setattr(queues, "set_visibility", slow)
    answer = process_events(event, Context(remaining_ms=1000), Upload, failing("a.jpg"), overlap=2)
    release.set()
    assert pair.come_back(event, answer) == ["a.jpg"]


def test_a_message_whose_settling_fails_is_not_lost(pair: QueuePair, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: int) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(settling, "backoff_seconds", broken)
    event = pair.batch(("a.jpg", 1), ("b.jpg", 1))
    answer = process_events(event, Context(), Upload, failing("a.jpg"), overlap=2)
    assert pair.come_back(event, answer) == ["a.jpg"]
