"""The outcomes of a batch: each message succeeds, is retried, waits, or becomes a dead letter with its reason."""

import pytest

from shared import limits, storage
from shared.errors import Rejected
from shared.events import RenditionCreated, Upload
from shared.letters import reason_of
from shared.settling import backoff_seconds
from shared.subscriber import process_events
from tests.support.context import Context
from tests.support.queue_pair import QueuePair, failing, recording, refuse


def test_only_the_failed_message_is_redelivered_and_soon(pair: QueuePair, overlap: int) -> None:
    event = pair.batch(("a.jpg", 1), ("b.jpg", 1), ("c.jpg", 1))
    answer = process_events(event, Context(), Upload, failing("b.jpg"), overlap=overlap)
    assert pair.come_back(event, answer) == ["b.jpg"]
    (seconds,) = pair.waits("b.jpg")
    assert seconds in range(1, limits.BACKOFF_FIRST_SECONDS + 1)
    assert pair.waits("a.jpg") == pair.waits("c.jpg") == []
    assert pair.letters() == []


def test_each_backoff_is_longer_and_random() -> None:
    drawn = {attempts: {backoff_seconds(attempts) for _ in range(300)} for attempts in (1, 2, 3, 4)}
    for attempts in (1, 2, 3):
        assert max(drawn[attempts]) < min(drawn[attempts + 1])
    assert len(drawn[4]) > 50
    assert sum(min(waits) for waits in drawn.values()) >= 170  # a deployment must not use up the attempts


def test_the_last_attempt_leaves_a_letter_with_its_reason(pair: QueuePair, overlap: int) -> None:
    event = pair.batch(("a.jpg", limits.MAX_ATTEMPTS))
    broken = failing("a.jpg", error=ZeroDivisionError("by\0zero"))
    answer = process_events(event, Context(), Upload, broken, overlap=overlap)
    assert answer == {"batchItemFailures": []}  # SQS may delete it: it is in the dead-letter queue now
    (letter,) = pair.letters()
    assert letter["Body"] == event["Records"][0]["body"]
    reason = reason_of(letter)
    assert reason.code == "unexpected"
    assert reason.sentence == "ZeroDivisionError: by�zero"
    assert reason.error_type == "ZeroDivisionError"
    assert reason.request_id == "request-1"
    assert reason.function_name == "darkroom-resize"
    assert reason.message_id == event["Records"][0]["messageId"]
    assert reason.first_failed_at == "2026-11-22T12:00:00+00:00"
    assert reason.last_failed_at > reason.first_failed_at
    assert reason.attempts == "5"


def test_a_message_comes_back_if_its_letter_cannot_be_sent(pair: QueuePair, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, "send")
    event = pair.batch(("a.jpg", limits.MAX_ATTEMPTS))
    answer = process_events(event, Context(), Upload, failing("a.jpg"))
    assert pair.come_back(event, answer) == ["a.jpg"]


def test_a_rejected_message_is_not_retried(pair: QueuePair) -> None:
    event = pair.batch(("a.jpg", 1))
    answer = process_events(event, Context(), Upload, failing("a.jpg", error=Rejected("not-an-image", "It is a poem.")))
    assert answer == {"batchItemFailures": []}
    assert reason_of(pair.letters()[0]).code == "not-an-image"


def test_a_malformed_message_is_given_up_at_its_first_attempt(pair: QueuePair, overlap: int) -> None:
    event = pair.batch(("a.jpg", 1), ("b.jpg", 1))
    event["Records"][0]["body"] = "{}"
    answer = process_events(event, Context(), Upload, failing(), overlap=overlap)
    assert answer == {"batchItemFailures": []}
    (letter,) = pair.letters()
    assert reason_of(letter).code == "malformed-event"
    assert letter["Body"] == "{}"


@pytest.mark.parametrize(("bucket", "refused"), [("uploads", []), ("ours", ["foreign-event"]), ("", [])])
def test_an_event_about_another_bucket_is_a_dead_letter_before_any_work(
    pair: QueuePair, monkeypatch: pytest.MonkeyPatch, overlap: int, bucket: str, refused: list[str]
) -> None:
    monkeypatch.setenv("EVENTS_BUCKET", bucket)
    worked: list[str] = []
    answer = process_events(pair.batch(("a.jpg", 1)), Context(), Upload, recording(worked), overlap=overlap)
    assert answer == {"batchItemFailures": []}
    assert [reason_of(letter).code for letter in pair.letters()] == refused
    assert worked == ([] if refused else ["a.jpg"])


def test_the_lease_ends_soon_after_the_invocation(pair: QueuePair) -> None:
    seen: list[tuple[str, int]] = []
    event = pair.batch(("a.jpg", 1), ("b.jpg", 1))
    process_events(event, Context(), Upload, lambda _: seen.extend(pair.hidden))
    assert ("a.jpg", 70) in seen
    assert ("b.jpg", 70) in seen


def test_each_further_receive_doubles_the_lease_up_to_fifteen_minutes(pair: QueuePair) -> None:
    seen: list[tuple[str, int]] = []
    event = pair.batch(("a.jpg", 1), ("b.jpg", 2), ("c.jpg", 4), ("d.jpg", 9))
    process_events(event, Context(), Upload, lambda _: seen.extend(pair.hidden))
    assert dict(seen) == {"a.jpg": 70, "b.jpg": 140, "c.jpg": 560, "d.jpg": 900}


def test_a_batch_goes_on_if_visibility_cannot_be_changed(pair: QueuePair, monkeypatch: pytest.MonkeyPatch) -> None:
    event = pair.batch(("a.jpg", 1), ("b.jpg", 1))
    refuse(monkeypatch, "set_visibility", "RequestThrottled")
    answer = process_events(event, Context(), Upload, failing("b.jpg"))
    assert pair.come_back(event, answer) == ["b.jpg"]


def test_a_subscriber_gets_only_its_kind_of_event_and_its_keys(pair: QueuePair) -> None:
    image_id = "7ybqx4m8hz6wwqcr6076spxfyx"
    thumb = f"thumb/{image_id}/4x3/a"
    event = pair.batch((f"{thumb}.jpg", 1), (f"{thumb}.webp", 1), (f"rejected/{image_id}.json", 1), ("a.jpg", 1))
    seen: list[str] = []
    answer = process_events(event, Context(), RenditionCreated, lambda made: seen.append(made.key), keys="*.webp")
    assert seen == [f"{thumb}.webp"]
    assert answer == {"batchItemFailures": []}


def test_a_superseded_event_is_done(pair: QueuePair) -> None:
    event = pair.batch(("a.jpg", 1))
    answer = process_events(event, Context(), Upload, failing("a.jpg", error=storage.Superseded("replaced")))
    assert answer == {"batchItemFailures": []}
    assert pair.letters() == []
