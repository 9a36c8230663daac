"""Dead letters: looked at without a trace, sent again without a loss, thrown away only when meant."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws
from mypy_boto3_sqs import SQSClient

from ops.recovery import letters
from ops.recovery.letters import Wanted, groups, move_all, replay_one, walk
from shared.events import Upload
from shared.letters import Reason, attributes
from shared.queues import send

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Queues:
    def __init__(self, sqs: SQSClient) -> None:
        self.sqs = sqs
        self.work = sqs.create_queue(QueueName="work")["QueueUrl"]
        self.dead = sqs.create_queue(QueueName="dead")["QueueUrl"]

    def bury(self, key: str, code: str | None) -> None:
        body = json.dumps(Upload("uploads", key, "e" * 32, 1, AT).as_event())
        send(self.sqs, self.dead, body, attributes(Reason(code, "Because.", attempts="5")) if code else None)

    def keys_in(self, queue: str) -> list[str]:
        """The keys of what any consumer could receive from the queue right now."""
        found: list[str] = []
        while messages := self.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            found += [json.loads(one["Body"])["Records"][0]["s3"]["object"]["key"] for one in messages]
        return sorted(found)

    def replay(self, wanted: Wanted) -> None:
        with closing(walk(self.sqs, self.dead)) as every:
            for letter in every:
                if wanted.matches(letter, datetime.now(UTC)):
                    replay_one(self.sqs, letter, self.work, self.dead)


@pytest.fixture
def queues(monkeypatch: pytest.MonkeyPatch) -> Iterator[Queues]:
    monkeypatch.setattr(letters, "WAIT_SECONDS", 0)
    with mock_aws():
        yield Queues(boto3.client("sqs"))


def test_looking_leaves_every_letter_visible(queues: Queues) -> None:
    for number in range(23):
        queues.bury(f"{number:02}.jpg", "crashed")
    assert len(list(walk(queues.sqs, queues.dead))) == 23
    assert len(queues.keys_in(queues.dead)) == 23


def test_looking_can_be_broken_off(queues: Queues) -> None:
    for number in range(23):
        queues.bury(f"{number:02}.jpg", "crashed")
    with closing(walk(queues.sqs, queues.dead)) as every:
        next(every)
    assert len(queues.keys_in(queues.dead)) == 23


def test_letters_are_grouped_by_reason(queues: Queues) -> None:
    for key, code in (("a", "crashed"), ("b", "timed-out"), ("c", "crashed"), ("d", None)):
        queues.bury(key, code)
    found = groups(walk(queues.sqs, queues.dead), datetime.now(UTC) + timedelta(minutes=3))
    assert [(group["code"], group["count"]) for group in found] == [
        ("crashed", 2),
        ("timed-out", 1),
        ("unexplained", 1),
    ]
    assert all(170 <= group["newest_seconds"] <= group["oldest_seconds"] <= 200 for group in found)


def test_what_sns_could_not_deliver_says_so(queues: Queues) -> None:
    told = {"ErrorCode": {"DataType": "String", "StringValue": "AccessDenied"}}
    queues.sqs.send_message(QueueUrl=queues.dead, MessageBody="{}", MessageAttributes=told)  # type: ignore[arg-type]
    (letter,) = walk(queues.sqs, queues.dead)
    assert letter.reason.code == "undelivered"
    assert "AccessDenied" in letter.reason.sentence
    assert letter.events == ()


@pytest.mark.parametrize(
    ("wanted", "moved"),
    [
        (Wanted(), ["a/1.jpg", "a/2.jpg", "b/3.jpg"]),
        (Wanted(code="crashed"), ["a/1.jpg", "b/3.jpg"]),
        (Wanted(prefix="a/"), ["a/1.jpg", "a/2.jpg"]),
        (Wanted(code="crashed", prefix="a/"), ["a/1.jpg"]),
        (Wanted(older_than=timedelta(hours=1)), []),
        (Wanted(ids=(Upload("", "a/2.jpg", "e" * 32, 1, AT).image.id,)), ["a/2.jpg"]),
    ],
)
def test_a_replay_moves_what_is_wanted_and_nothing_else(queues: Queues, wanted: Wanted, moved: list[str]) -> None:
    everything = [("a/1.jpg", "crashed"), ("a/2.jpg", "timed-out"), ("b/3.jpg", "crashed")]
    for key, code in everything:
        queues.bury(key, code)
    queues.replay(wanted)
    assert queues.keys_in(queues.work) == moved
    stayed = [key for key, _ in everything if key not in moved]
    assert queues.keys_in(queues.dead) == stayed


@pytest.mark.parametrize("dies_at", ["send_message", "delete_message"])
def test_a_replay_that_dies_loses_nothing(queues: Queues, dies_at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {f"{number}.jpg" for number in range(12)}
    for name in names:
        queues.bury(name, "crashed")
    real, calls = getattr(queues.sqs, dies_at), []

    def die_at_the_fifth(**kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return real(**kwargs)

    monkeypatch.setattr(queues.sqs, dies_at, die_at_the_fifth)
    with pytest.raises(KeyboardInterrupt):
        queues.replay(Wanted())
    in_work, in_dead = queues.keys_in(queues.work), queues.keys_in(queues.dead)
    assert set(in_work) | set(in_dead) == names
    assert len(set(in_work) & set(in_dead)) == (dies_at == "delete_message")


def test_letters_that_come_back_at_once_do_not_keep_a_replay_going(
    queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    queues.bury("a.jpg", "crashed")
    times = iter([AT, *[AT + timedelta(seconds=5)] * 50])
    monkeypatch.setattr(letters, "_letter", lambda message, real=letters._letter: _dated(real(message), next(times)))
    monkeypatch.setattr(letters, "datetime", type("Clock", (datetime,), {"now": staticmethod(lambda *_: AT)}))
    seen = []
    for letter in walk(queues.sqs, queues.dead):
        seen.append(letter)
        queues.bury("a.jpg", "crashed")
    assert len(seen) == 1


def _dated(letter: letters.Letter, at: datetime) -> letters.Letter:
    return replace(letter, sent_at=at)


def test_sqs_moves_a_whole_queue_where_it_can() -> None:
    sqs = boto3.client("sqs")
    with Stubber(sqs) as stub:
        for name in ("dead", "work"):
            answer = {"Attributes": {"QueueArn": f"arn:{name}"}}
            stub.add_response("get_queue_attributes", answer, {"QueueUrl": name, "AttributeNames": ["QueueArn"]})
        stub.add_response(
            "start_message_move_task",
            {"TaskHandle": "task"},
            {"SourceArn": "arn:dead", "DestinationArn": "arn:work", "MaxNumberOfMessagesPerSecond": 50},
        )
        done = {"Status": "COMPLETED", "ApproximateNumberOfMessagesMoved": 7, "ApproximateNumberOfMessagesToMove": 7}
        stub.add_response("list_message_move_tasks", {"Results": [done]}, {"SourceArn": "arn:dead", "MaxResults": 1})
        assert list(move_all(sqs, "work", "dead", 50)) == [(7, 7)]


@pytest.mark.parametrize(("code", "raises"), [("InvalidAction", NotImplementedError), ("AccessDenied", ClientError)])
def test_where_sqs_cannot_we_do_and_where_it_may_not_we_say(code: str, raises: type[Exception]) -> None:
    sqs = boto3.client("sqs")
    with Stubber(sqs) as stub:
        for _ in range(2):
            stub.add_response("get_queue_attributes", {"Attributes": {"QueueArn": "arn"}})
        stub.add_client_error("start_message_move_task", code)
        with pytest.raises(raises):
            list(move_all(sqs, "work", "dead", 50))
