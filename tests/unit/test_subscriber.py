"""The outcomes of a batch: each message succeeds, is retried, waits, or becomes a dead letter with its reason."""

import json
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.sqs.models import sqs_backends
from mypy_boto3_sqs import SQSClient

from shared import clock, limits, queues, settling, storage, subscriber
from shared.breaker import Breaker
from shared.errors import Outage, Rejected, Unavailable
from shared.events import RenditionCreated, Upload
from shared.letters import reason_of
from shared.log_events import LogEvent, UploadReceived
from shared.message import Message
from shared.settling import backoff_seconds, wait_seconds
from shared.subscriber import Work, process_events
from tests.support.context import Context

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


def moto_queues() -> list[Any]:
    """Returns moto's own queues."""
    return list(sqs_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"].queues.values())


class QueuePair:
    """A subscriber's two queues in moto, and Lambda's part: it receives a batch and reads the answer."""

    def __init__(self, sqs: SQSClient, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sqs = sqs
        self.queue = sqs.create_queue(QueueName="work", Attributes={"VisibilityTimeout": "360"})["QueueUrl"]
        self.dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
        monkeypatch.setenv("QUEUE_URL", self.queue)
        monkeypatch.setenv("DEAD_LETTER_QUEUE_URL", self.dead)
        self.hidden: list[tuple[str, int]] = []
        real = queues.set_visibility

        def set_visibility(sqs: SQSClient, url: str, handles: list[str], seconds: int) -> None:
            real(sqs, url, handles, seconds)
            self.hidden += [(self.keys_by_handle[handle], seconds) for handle in handles]

        monkeypatch.setattr(queues, "set_visibility", set_visibility)
        self.keys_by_handle: dict[str, str] = {}

    def batch(self, *uploads: tuple[str, int]) -> dict[str, Any]:
        """Uploads by key, each with the number of times it was received, as the event of one invocation."""
        for key, _ in uploads:
            body = json.dumps(Upload("uploads", key, "e" * 32, 1, AT).as_event())
            self.sqs.send_message(QueueUrl=self.queue, MessageBody=body)
        received: dict[str, Any] = {}
        while len(received) < len(uploads):
            for record in self.received():
                received[self.keys_by_handle[record["receiptHandle"]]] = record
        for key, attempts in uploads:
            received[key]["attributes"]["ApproximateReceiveCount"] = str(attempts)
        return {"Records": [received[key] for key, _ in uploads]}

    def received(self) -> list[dict[str, Any]]:
        """Receives up to ten visible messages, as records of an invocation's event."""
        answer = self.sqs.receive_message(
            QueueUrl=self.queue,
            MaxNumberOfMessages=10,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        return [self._record(message) for message in answer.get("Messages", [])]

    def _record(self, message: Any) -> dict[str, Any]:
        key = json.loads(message["Body"])["Records"][0]["s3"]["object"]["key"]
        self.keys_by_handle[message["ReceiptHandle"]] = key
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"] | {"ApproximateFirstReceiveTimestamp": "1795348800000"},
            "messageAttributes": {
                name: {"dataType": sent["DataType"], "stringValue": sent["StringValue"]}
                for name, sent in message.get("MessageAttributes", {}).items()
            },
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:work",
            "awsRegion": "eu-west-1",
            "md5OfBody": "",
        }

    def come_back(self, event: dict[str, Any], answer: dict[str, Any]) -> list[str]:
        """Returns the keys of the messages that `answer` reports as failed."""
        by_id = {record["messageId"]: self.keys_by_handle[record["receiptHandle"]] for record in event["Records"]}
        return [by_id[failure["itemIdentifier"]] for failure in answer["batchItemFailures"]]

    def delayed(self) -> list[dict[str, Any]]:
        """Receives the messages that wait in the queue, before their time."""
        for queue in moto_queues():
            for message in queue._messages:
                message.delayed_until = 0
        return self.received()

    def letters(self) -> list[dict[str, Any]]:
        found: list[Any] = self.sqs.receive_message(
            QueueUrl=self.dead, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages", [])
        return found

    def waits(self, key: str) -> list[int]:
        """Returns the visibility timeouts that the message got after the batch's lease."""
        return [seconds for hidden, seconds in self.hidden if hidden == key][1:]


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Iterator[QueuePair]:
    with mock_aws():
        monkeypatch.setattr(subscriber, "breaker", Breaker())
        settling.own_queues.cache_clear()
        queues.sqs_client.cache_clear()
        yield QueuePair(boto3.client("sqs"), monkeypatch)


OUTAGE = Outage("storage-unavailable", "S3 is down.")
REFUSED = Unavailable("storage-refused", "S3 refused.")


def failing(*keys: str, error: Exception | None = None) -> Work[Upload]:
    def work(upload: Upload) -> None:
        if upload.key in keys:
            raise error or REFUSED

    return work


def recording(worked: list[str]) -> Work[Upload]:
    return lambda upload: worked.append(upload.key)


class Time:
    """A clock that only moves when a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passed = timedelta()
        monkeypatch.setattr(clock, "monotonic", lambda: 1000 + self.passed.total_seconds())
        start = datetime.now(UTC)
        monkeypatch.setattr(clock, "now", lambda: start + self.passed)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)


@pytest.fixture(params=[1, 4], ids=["sequential", "overlapping"])
def overlap(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


def refuse(monkeypatch: pytest.MonkeyPatch, function: str, code: str = "ServiceUnavailable") -> None:
    """Has one function of shared.queues fail as SQS does."""

    def fail(*_: Any) -> None:
        raise ClientError({"Error": {"Code": code}}, function)

    monkeypatch.setattr(queues, function, fail)


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


@pytest.mark.parametrize(("waited", "longest"), [(0, 15), (60, 60), (600, 600), (40_000, 900)])
def test_a_wait_is_at_most_as_long_as_the_wait_before(waited: float, longest: int) -> None:
    drawn = [wait_seconds(waited) for _ in range(300)]
    assert longest / 2 <= min(drawn) < max(drawn) <= longest


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


@pytest.mark.parametrize("attempts", [1, 3, limits.MAX_ATTEMPTS])
def test_a_message_without_time_is_requeued_without_an_attempt(pair: QueuePair, time: Time, attempts: int) -> None:
    worked = []

    def slow(upload: Upload) -> None:
        worked.append(upload.key)
        time.passed += timedelta(seconds=45)

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


def test_an_outage_makes_the_message_wait_without_an_attempt(pair: QueuePair, time: Time, overlap: int) -> None:
    event = pair.batch(("a.jpg", limits.MAX_ATTEMPTS))
    for _ in range(20):
        answer = process_events(event, Context(), Upload, failing("a.jpg", error=OUTAGE), overlap=overlap)
        assert answer == {"batchItemFailures": []}
        assert pair.letters() == []
        event = {"Records": pair.delayed()}
        assert len(event["Records"]) == 1
        time.passed += timedelta(minutes=10)
    worked: list[str] = []
    process_events(event, Context(), Upload, recording(worked), overlap=overlap)
    assert worked == ["a.jpg"]
    process_events(event, Context(), Upload, failing("a.jpg"), overlap=overlap)
    (letter,) = pair.letters()
    assert reason_of(letter).attempts == str(limits.MAX_ATTEMPTS)


def test_a_message_that_waited_for_half_a_day_becomes_a_letter(pair: QueuePair, time: Time) -> None:
    event = pair.batch(("a.jpg", 1))
    process_events(event, Context(), Upload, failing("a.jpg", error=OUTAGE))
    event = {"Records": pair.delayed()}
    time.passed += timedelta(seconds=limits.MAX_WAITED_SECONDS + 1)
    assert process_events(event, Context(), Upload, failing("a.jpg", error=OUTAGE)) == {"batchItemFailures": []}
    (letter,) = pair.letters()
    assert (reason_of(letter).code, reason_of(letter).sentence) == (OUTAGE.code, OUTAGE.sentence)


def test_waiting_keeps_the_first_sending_time(
    pair: QueuePair, time: Time, monkeypatch: pytest.MonkeyPatch, overlap: int
) -> None:
    event = pair.batch(("a.jpg", 1))
    process_events(event, Context(), Upload, failing("a.jpg", error=OUTAGE), overlap=overlap)
    time.passed += timedelta(minutes=30)
    told: list[LogEvent] = []
    monkeypatch.setattr(subscriber, "tell", lambda event, **_: told.append(event))
    process_events({"Records": pair.delayed()}, Context(), Upload, failing(), overlap=overlap)
    (received,) = [event for event in told if isinstance(event, UploadReceived)]
    assert received.queue_ms == pytest.approx(30 * 60_000, abs=10_000)


def test_attempts_from_before_a_redrive_do_not_count(pair: QueuePair, time: Time) -> None:
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
    """The last moment: the work has failed, but SQS has not yet been told, when the invocation must end."""
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
