"""What becomes of a batch: every message ends well, comes back later, or is a dead letter that says why."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from mypy_boto3_sqs import SQSClient

from shared import limits, queues, storage, subscriber
from shared.errors import Rejected, Unavailable
from shared.events import RenditionCreated, Upload
from shared.letters import reason_of
from shared.subscriber import backoff_seconds, process_batch, process_events
from tests.support.context import Context

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Desk:
    """A subscriber's two queues in moto, and Lambda's part: receiving a batch and deleting what did not come back."""

    def __init__(self, sqs: SQSClient, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sqs = sqs
        self.queue = sqs.create_queue(QueueName="work", Attributes={"VisibilityTimeout": "360"})["QueueUrl"]
        self.dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
        monkeypatch.setenv("QUEUE_URL", self.queue)
        monkeypatch.setenv("DEAD_LETTER_QUEUE_URL", self.dead)
        self.hidden: list[tuple[str, int]] = []
        real = queues.hide

        def hide(sqs: SQSClient, url: str, handles: list[str], seconds: int) -> None:
            real(sqs, url, handles, seconds)
            self.hidden += [(self.keys_by_handle[handle], seconds) for handle in handles]

        monkeypatch.setattr(queues, "hide", hide)
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
        """What is in the queue, as records of an invocation's event."""
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
            "attributes": message["Attributes"]
            | {"ApproximateFirstReceiveTimestamp": "1795348800000", "SentTimestamp": "1795348800000"},
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
        """The keys of the messages that `answer` gives back."""
        by_id = {record["messageId"]: self.keys_by_handle[record["receiptHandle"]] for record in event["Records"]}
        return [by_id[failure["itemIdentifier"]] for failure in answer["batchItemFailures"]]

    def letters(self) -> list[dict[str, Any]]:
        found: list[Any] = self.sqs.receive_message(
            QueueUrl=self.dead, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages", [])
        return found

    def waits(self, key: str) -> list[int]:
        """What the message's visibility was set to after the lease that every batch begins with."""
        return [seconds for hidden, seconds in self.hidden if hidden == key][1:]


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with mock_aws():
        subscriber._queues.cache_clear()
        queues.sqs_client.cache_clear()
        yield Desk(boto3.client("sqs"), monkeypatch)


def failing(*keys: str, error: Exception | None = None) -> subscriber.Work:
    def work(upload: Upload, isolate: bool) -> None:
        if upload.key in keys:
            raise error or Unavailable("storage-unavailable", "S3 is away.")

    return work


def test_only_the_failed_message_comes_back_and_soon(desk: Desk) -> None:
    event = desk.batch(("a.jpg", 1), ("b.jpg", 1), ("c.jpg", 1))
    answer = process_batch(event, Context(), failing("b.jpg"))
    assert desk.come_back(event, answer) == ["b.jpg"]
    (seconds,) = desk.waits("b.jpg")
    assert seconds in range(1, limits.BACKOFF_FIRST_SECONDS + 1)
    assert desk.waits("a.jpg") == desk.waits("c.jpg") == []
    assert desk.letters() == []


def test_each_wait_is_longer_and_none_is_certain() -> None:
    drawn = {attempts: {backoff_seconds(attempts) for _ in range(300)} for attempts in (1, 2, 3, 4)}
    for attempts in (1, 2, 3):
        assert max(drawn[attempts]) < min(drawn[attempts + 1])
    assert len(drawn[4]) > 50
    assert min(drawn[1]) >= 2  # an outage of a minute must not use up the attempts
    assert sum(min(waits) for waits in drawn.values()) >= 170


def test_the_last_attempt_leaves_a_letter_that_explains(desk: Desk) -> None:
    event = desk.batch(("a.jpg", limits.MAX_ATTEMPTS))
    answer = process_batch(event, Context(), failing("a.jpg", error=ZeroDivisionError("by\0zero")))
    assert answer == {"batchItemFailures": []}  # acknowledged: it is in the other queue now
    (letter,) = desk.letters()
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


def test_a_letter_that_cannot_be_sent_is_left_to_sqs(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise ClientError({"Error": {"Code": "ServiceUnavailable"}}, "SendMessage")

    monkeypatch.setattr(queues, "send", refuse)
    event = desk.batch(("a.jpg", limits.MAX_ATTEMPTS))
    answer = process_batch(event, Context(), failing("a.jpg"))
    assert desk.come_back(event, answer) == ["a.jpg"]


def test_what_can_never_succeed_is_not_tried_again(desk: Desk) -> None:
    event = desk.batch(("a.jpg", 1))
    answer = process_batch(event, Context(), failing("a.jpg", error=Rejected("not-an-image", "It is a poem.")))
    assert answer == {"batchItemFailures": []}
    assert reason_of(desk.letters()[0]).code == "not-an-image"


def test_a_message_that_is_no_event_is_kept_for_us(desk: Desk) -> None:
    event = desk.batch(("a.jpg", limits.MAX_ATTEMPTS))
    event["Records"][0]["body"] = "{}"
    process_batch(event, Context(), failing())
    assert reason_of(desk.letters()[0]).code == "malformed-event"


@pytest.mark.parametrize(("attempts", "isolated"), [((1, 1), False), ((1, 2), True), ((5, 1), True)])
def test_one_suspect_isolates_the_batch(desk: Desk, attempts: tuple[int, int], isolated: bool) -> None:
    seen = []
    event = desk.batch(("a.jpg", attempts[0]), ("b.jpg", attempts[1]))
    process_batch(event, Context(), lambda _, isolate: seen.append(isolate))
    assert seen == [isolated, isolated]


def test_what_is_done_with_does_not_pay_for_a_suspects_crash(desk: Desk) -> None:
    class ProcessDied(BaseException):
        pass

    def crash_at_b(upload: Upload, isolate: bool) -> None:
        if upload.key == "b.jpg":
            raise ProcessDied

    event = desk.batch(("a.jpg", 3), ("b.jpg", 2))
    with pytest.raises(ProcessDied):
        process_batch(event, Context(), crash_at_b)
    handles = [record["receiptHandle"] for record in event["Records"]]
    queues.hide(desk.sqs, desk.queue, handles[1:], 0)
    with pytest.raises(ClientError):
        desk.sqs.change_message_visibility(QueueUrl=desk.queue, ReceiptHandle=handles[0], VisibilityTimeout=0)
    assert [record["messageId"] for record in desk.received()] == [event["Records"][1]["messageId"]]


def test_a_batch_hides_its_messages_no_longer_than_it_can_live(desk: Desk) -> None:
    seen: list[tuple[str, int]] = []
    event = desk.batch(("a.jpg", 1), ("b.jpg", 1))
    process_batch(event, Context(), lambda *_: seen.extend(desk.hidden))
    assert ("a.jpg", 70) in seen
    assert ("b.jpg", 70) in seen


@pytest.mark.parametrize("attempts", [1, 3, limits.MAX_ATTEMPTS])
def test_having_to_wait_is_no_attempt(desk: Desk, attempts: int) -> None:
    context = Context()
    worked = []

    def slow(upload: Upload, isolate: bool) -> None:
        worked.append(upload.key)
        context.remaining_ms = 15_000

    event = desk.batch(("a.jpg", limits.MAX_ATTEMPTS), ("b.jpg", attempts))
    assert process_batch(event, context, slow) == {"batchItemFailures": []}
    assert worked == ["a.jpg"]  # the most tried goes first
    assert desk.letters() == []
    (fresh,) = desk.received()
    assert fresh["body"] == event["Records"][1]["body"]
    assert fresh["messageId"] != event["Records"][1]["messageId"]  # so SQS counts from one again, and we go on

    seen = []
    answer = process_batch({"Records": [fresh]}, Context(), lambda _, isolate: seen.append(isolate))
    assert seen == [attempts > 1]  # waiting makes no suspect, and a suspect remains one
    answer = process_batch({"Records": [fresh]}, Context(), failing("b.jpg"))
    if attempts == limits.MAX_ATTEMPTS:
        assert reason_of(desk.letters()[0]).attempts == str(limits.MAX_ATTEMPTS)
    else:
        assert desk.come_back({"Records": [fresh]}, answer) == ["b.jpg"]


def test_what_cannot_be_sent_anew_comes_back_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise ClientError({"Error": {"Code": "ServiceUnavailable"}}, "SendMessage")

    monkeypatch.setattr(queues, "send", refuse)
    event = desk.batch(("a.jpg", 2), ("b.jpg", 2))
    answer = process_batch(event, Context(remaining_ms=15_000), failing())
    assert desk.come_back(event, answer) == ["b.jpg"]
    assert desk.waits("b.jpg") == [0]


def test_a_function_with_little_time_still_gets_on(desk: Desk) -> None:
    worked = []
    event = desk.batch(("a.jpg", 2), ("b.jpg", 2))
    answer = process_batch(event, Context(remaining_ms=10_000), lambda upload, _: worked.append(upload.key))
    assert worked == ["a.jpg"]
    assert answer == {"batchItemFailures": []}
    assert len(desk.received()) == 1


def test_a_queue_that_does_not_listen_stops_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise ClientError({"Error": {"Code": "RequestThrottled"}}, "ChangeMessageVisibilityBatch")

    event = desk.batch(("a.jpg", 1), ("b.jpg", 1))
    monkeypatch.setattr(queues, "hide", refuse)
    answer = process_batch(event, Context(), failing("b.jpg"))
    assert desk.come_back(event, answer) == ["b.jpg"]


def test_a_subscriber_hears_its_own_kind_and_keys_only(desk: Desk) -> None:
    image_id = "7ybqx4m8hz6wwqcr6076spxfyx"
    thumb = f"thumb/{image_id}/4x3/a"
    event = desk.batch((f"{thumb}.jpg", 1), (f"{thumb}.webp", 1), (f"rejected/{image_id}.json", 1), ("a.jpg", 1))
    heard: list[str] = []
    answer = process_events(event, Context(), RenditionCreated, lambda made, _: heard.append(made.key), keys="*.webp")
    assert heard == [f"{thumb}.webp"]
    assert answer == {"batchItemFailures": []}  # the others are done with


def test_what_was_replaced_meanwhile_is_done_with(desk: Desk) -> None:
    event = desk.batch(("a.jpg", 1))
    answer = process_batch(event, Context(), failing("a.jpg", error=storage.Superseded("replaced")))
    assert answer == {"batchItemFailures": []}
    assert desk.letters() == []
