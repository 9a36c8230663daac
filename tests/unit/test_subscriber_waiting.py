"""Messages that wait: for an outage to end, or for more time. Waiting costs no attempt."""

import json
from datetime import timedelta

import pytest

from shared import limits, subscriber
from shared.events import Upload
from shared.letters import reason_of
from shared.log_events import LogEvent, UploadReceived
from shared.message import Message
from shared.settling import wait_seconds
from shared.subscriber import process_events
from tests.support.context import Context
from tests.support.queue_pair import AT, OUTAGE, REFUSED, QueuePair, StoppedClock, failing, recording, refuse


@pytest.mark.parametrize(("waited", "longest"), [(0, 15), (60, 60), (600, 600), (40_000, 900)])
def test_a_wait_is_at_most_as_long_as_the_wait_before(waited: float, longest: int) -> None:
    drawn = [wait_seconds(waited) for _ in range(300)]
    assert longest / 2 <= min(drawn) < max(drawn) <= longest


@pytest.mark.parametrize("attempts", [1, 3, limits.MAX_ATTEMPTS])
def test_a_message_without_time_is_requeued_without_an_attempt(
    pair: QueuePair, stopped_clock: StoppedClock, attempts: int
) -> None:
    worked = []

    def slow(upload: Upload) -> None:
        worked.append(upload.key)
        stopped_clock.passed += timedelta(seconds=45)

    event = pair.batch(("a.jpg", limits.MAX_ATTEMPTS), ("b.jpg", attempts))
    assert process_events(event, Context(), Upload, slow) == {"batchItemFailures": []}
    assert worked == ["a.jpg"]  # the message with the most attempts goes first
    assert pair.letters() == []
    (copy,) = pair.received()
    assert copy["body"] == event["Records"][1]["body"]
    assert copy["messageId"] != event["Records"][1]["messageId"]
    answer = process_events({"Records": [copy]}, Context(), Upload, failing("b.jpg"))
    if attempts == limits.MAX_ATTEMPTS:
        assert reason_of(pair.letters()[0]).attempts == str(limits.MAX_ATTEMPTS)
    else:
        assert pair.come_back({"Records": [copy]}, answer) == ["b.jpg"]


def test_a_message_that_cannot_be_requeued_is_redelivered(pair: QueuePair, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, "requeue")
    event = pair.batch(("a.jpg", 2), ("b.jpg", 2))
    answer = process_events(event, Context(remaining_ms=15_000), Upload, failing())
    assert pair.come_back(event, answer) == ["b.jpg"]
    (seconds,) = pair.waits("b.jpg")
    assert limits.MIN_WAIT_SECONDS / 2 <= seconds <= limits.MAX_WAIT_SECONDS


def test_the_first_message_is_tried_with_little_time(pair: QueuePair) -> None:
    worked: list[str] = []
    event = pair.batch(("a.jpg", 2), ("b.jpg", 2))
    answer = process_events(event, Context(remaining_ms=10_000), Upload, recording(worked))
    assert worked == ["a.jpg"]
    assert answer == {"batchItemFailures": []}
    assert len(pair.received()) == 1


def test_an_outage_makes_the_message_wait_without_an_attempt(
    pair: QueuePair, stopped_clock: StoppedClock, overlap: int
) -> None:
    event = pair.batch(("a.jpg", limits.MAX_ATTEMPTS))
    for _ in range(20):
        answer = process_events(event, Context(), Upload, failing("a.jpg", error=OUTAGE), overlap=overlap)
        assert answer == {"batchItemFailures": []}
        assert pair.letters() == []
        event = {"Records": pair.delayed()}
        assert len(event["Records"]) == 1
        stopped_clock.passed += timedelta(minutes=10)
    worked: list[str] = []
    process_events(event, Context(), Upload, recording(worked), overlap=overlap)
    assert worked == ["a.jpg"]
    process_events(event, Context(), Upload, failing("a.jpg"), overlap=overlap)
    (letter,) = pair.letters()
    assert reason_of(letter).attempts == str(limits.MAX_ATTEMPTS)


def test_a_message_that_waited_for_half_a_day_becomes_a_letter(pair: QueuePair, stopped_clock: StoppedClock) -> None:
    event = pair.batch(("a.jpg", 1))
    process_events(event, Context(), Upload, failing("a.jpg", error=OUTAGE))
    event = {"Records": pair.delayed()}
    stopped_clock.passed += timedelta(seconds=limits.MAX_WAITED_SECONDS + 1)
    assert process_events(event, Context(), Upload, failing("a.jpg", error=OUTAGE)) == {"batchItemFailures": []}
    (letter,) = pair.letters()
    assert (reason_of(letter).code, reason_of(letter).sentence) == (OUTAGE.code, OUTAGE.sentence)


def test_waiting_keeps_the_first_sending_time(
    pair: QueuePair, stopped_clock: StoppedClock, monkeypatch: pytest.MonkeyPatch, overlap: int
) -> None:
    event = pair.batch(("a.jpg", 1))
    process_events(event, Context(), Upload, failing("a.jpg", error=OUTAGE), overlap=overlap)
    stopped_clock.passed += timedelta(minutes=30)
    told: list[LogEvent] = []
    monkeypatch.setattr(subscriber, "tell", lambda event, **_: told.append(event))
    process_events({"Records": pair.delayed()}, Context(), Upload, failing(), overlap=overlap)
    (received,) = [event for event in told if isinstance(event, UploadReceived)]
    assert received.queue_ms == pytest.approx(30 * 60_000, abs=10_000)


def test_attempts_from_before_a_redrive_do_not_count(pair: QueuePair, stopped_clock: StoppedClock) -> None:
    event = pair.batch(("a.jpg", limits.MAX_ATTEMPTS))
    process_events(event, Context(), Upload, failing("a.jpg", error=OUTAGE))
    (copy,) = pair.delayed()
    copy["attributes"]["SentTimestamp"] = str(int(copy["attributes"]["SentTimestamp"]) + 3_600_000)
    answer = process_events({"Records": [copy]}, Context(), Upload, failing("a.jpg"))
    assert pair.come_back({"Records": [copy]}, answer) == ["a.jpg"]


def test_an_open_breaker_lets_one_message_of_a_batch_try(pair: QueuePair, overlap: int) -> None:
    tried: list[str] = []

    def work(upload: Upload) -> None:
        tried.append(upload.key)
        raise OUTAGE

    names = [f"{number}.jpg" for number in range(10)]
    process_events(pair.batch(*((name, 1) for name in names)), Context(), Upload, work, overlap=overlap)
    assert len(tried) in range(limits.BREAKER_OUTAGES, limits.BREAKER_OUTAGES + overlap)
    tried.clear()
    process_events({"Records": pair.delayed()}, Context(), Upload, work, overlap=overlap)
    assert len(tried) == 1
    worked: list[str] = []
    process_events({"Records": pair.delayed()}, Context(), Upload, recording(worked), overlap=overlap)
    assert sorted(worked) == names  # the service is back: nobody waits any longer
    assert pair.letters() == []


def test_failed_events_of_a_long_message_go_on_alone(pair: QueuePair, overlap: int) -> None:
    event = pair.batch(("a.jpg", 1))
    records = [Upload("uploads", f"{n}.jpg", "e" * 32, 1, AT).as_event()["Records"][0] for n in range(100)]
    event["Records"][0]["body"] = json.dumps({"Records": records})
    worked: list[str] = []

    def work(upload: Upload) -> None:
        if upload.key == "7.jpg":
            raise REFUSED
        if upload.key == "8.jpg":
            raise OUTAGE
        worked.append(upload.key)

    assert process_events(event, Context(), Upload, work, overlap=overlap) == {"batchItemFailures": []}
    assert len(worked) == 98
    copies = pair.delayed()
    attempts = {pair.keys_by_handle[copy["receiptHandle"]]: Message(copy).attempts for copy in copies}
    assert attempts == {"7.jpg": 2, "8.jpg": 1}
