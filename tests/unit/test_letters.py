"""Reading the dead-letter queue, and keeping the records in S3 equal to it."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws

from ops.problem import Problem
from ops.recovery import letters, records
from ops.recovery.letters import HOLD_SECONDS, Reading, move_all, walk
from shared.letters import UNDELIVERED, UNEXPLAINED, Reason, attributes
from shared.queues import send
from tests.support.letters import Place


def test_reading_leaves_every_letter_visible() -> None:
    place = Place()
    for number in range(123):
        place.bury(number)
    assert len({letter.message_id for letter in walk(place.dead.sqs, "dead")}) == 123
    assert len(place.sqs.queue("dead").visible) == 123


def test_a_reading_that_is_broken_off_releases_what_it_held() -> None:
    place = Place()
    for number in range(123):
        place.bury(number)
    with Reading(place.dead.sqs, "dead") as reading:
        next(iter(reading))
    assert len(place.sqs.queue("dead").visible) == 123


def test_a_reading_works_on_a_real_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "WAIT_SECONDS", 0)
    with mock_aws():
        sqs = boto3.client("sqs")
        dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
        for number in range(23):
            send(sqs, dead, "{}", attributes(Reason("crashed", "Because.", message_id=f"m{number}")))
        assert {letter.message_id for letter in walk(sqs, dead)} == {f"m{number}" for number in range(23)}
        assert letters.counts(sqs, dead) == letters.Counts(waiting=23, in_flight=0)


@pytest.mark.parametrize("by_sqs", [False, True], ids=["sent by a function", "moved by SQS with an old time"])
def test_a_reading_ends_however_fast_letters_arrive(by_sqs: bool) -> None:
    place = Place()
    for number in range(300):
        place.bury(number, record=False)
    hour_ago = str(int((datetime.now(UTC) - timedelta(hours=1)).timestamp() * 1000))
    in_a_minute = str(int((datetime.now(UTC) + timedelta(minutes=1)).timestamp() * 1000))

    def arrive(sqs: Any) -> None:
        for _ in range(20):
            sqs.queue("dead").add("{}", SentTimestamp=hour_ago if by_sqs else in_a_minute)

    place.sqs.arrive = arrive
    read = list(walk(place.dead.sqs, "dead"))
    place.sqs.arrive = lambda _: None
    assert place.wire.by_name["ReceiveMessage"] < 300
    assert by_sqs or len(read) <= 300
    assert place.sqs.queue("dead").hidden == {}


def test_letters_that_arrive_during_a_reading_cost_none_of_the_others() -> None:
    place = Place()
    for number in range(1000):
        place.bury(number, record=False)
    in_a_minute = str(int((datetime.now(UTC) + timedelta(minutes=1)).timestamp() * 1000))

    def arrive(sqs: Any) -> None:
        sqs.queue("dead").add("{}", SentTimestamp=in_a_minute)

    place.sqs.arrive = arrive
    assert len({letter.message_id for letter in walk(place.dead.sqs, "dead")}) == 1000


def test_a_killed_command_holds_letters_for_seconds_only() -> None:
    place = Place()
    for number in range(100):
        place.bury(number)
    reading = Reading(place.dead.sqs, "dead")
    list(reading)
    assert len(place.sqs.queue("dead").hidden) == 100
    place.sqs.queue("dead").release_due(place.sqs.clock() + 2 * HOLD_SECONDS)
    assert len(place.sqs.queue("dead").visible) == 100


def test_a_listing_from_records_receives_and_hides_nothing() -> None:
    place = Place()
    for number in range(50):
        place.bury(number)
    view = records.look(place.dead)
    assert (len(view.letters), view.held, view.unread) == (50, 0, 0)
    assert "ReceiveMessage" not in place.wire.by_name


def test_a_letter_that_sqs_moved_gets_a_record_and_the_next_listing_hides_nothing() -> None:
    place = Place()
    place.bury(1)
    sent = {"SentTimestamp": "1795348800000", "DeadLetterQueueSourceArn": "arn"}
    place.sqs.queue("dead").add("{}", attributes(Reason("crashed", "Long ago.", message_id="m0", attempts="5")), **sent)
    view = records.look(place.dead)
    assert sorted(key.code for key in view.letters) == ["crashed", UNEXPLAINED]
    assert [key.attempts for key in view.letters if key.code == UNEXPLAINED] == [""]
    place.wire.by_name.clear()
    assert records.look(place.dead) == view
    assert "ReceiveMessage" not in place.wire.by_name


def test_a_message_that_sns_could_not_deliver_says_so() -> None:
    place = Place()
    place.sqs.queue("dead").add("{}", {"ErrorCode": {"DataType": "String", "StringValue": "AccessDenied"}})
    (letter,) = walk(place.dead.sqs, "dead")
    assert letter.reason.code == UNDELIVERED
    assert "AccessDenied" in letter.reason.sentence
    assert letter.events == ()


def test_the_record_of_a_letter_that_another_tool_took_away_is_deleted() -> None:
    place = Place()
    place.bury(1)
    place.bury(2)
    place.sqs.queue("dead").visible.pop()
    view = records.look(place.dead)
    assert (len(view.letters), view.unread) == (1, 0)
    assert place.records() == 1


def test_while_others_hold_letters_no_record_is_deleted_and_the_view_says_how_many() -> None:
    place = Place()
    for number in range(10):
        place.bury(number)
    place.sqs.receive_message("dead", 4)
    view = records.look(place.dead, read_queue=True)
    assert (len(view.letters), view.held) == (10, 4)
    assert place.records() == 10


def test_held_letters_without_a_record_are_counted_as_unread() -> None:
    place = Place()
    for number in range(3):
        place.bury(number, record=False)
    place.sqs.receive_message("dead", 3)
    view = records.look(place.dead)
    assert (view.letters, view.held, view.unread) == ((), 3, 3)


def test_a_large_difference_is_read_only_when_asked() -> None:
    place = Place()
    for number in range(records.READ_AT_ONCE + 1):
        place.bury(number, record=False)
    assert records.look(place.dead).unread == records.READ_AT_ONCE + 1
    view = records.look(place.dead, read_queue=True)
    assert (len(view.letters), view.unread) == (records.READ_AT_ONCE + 1, 0)


class MoveTasks:
    """Answers the calls of a move as SQS documents them, one status for each list.

    A task is listed a moment after its start. It shows its handle only while it runs, and can be cancelled only then.
    """

    def __init__(self, *statuses: str, earlier: bool = False) -> None:
        self.statuses, self.started, self.cancelled = list(statuses), False, False
        self.earlier = [{"Status": "COMPLETED", "ApproximateNumberOfMessagesMoved": 99, "StartedTimestamp": 1}]
        self.earlier = self.earlier if earlier else []

    def get_queue_attributes(self, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:  # noqa: N803
        return {"Attributes": {"QueueArn": f"arn:{QueueUrl}"}}

    def start_message_move_task(self, **asked: Any) -> dict[str, str]:
        assert asked == {"SourceArn": "arn:dead", "DestinationArn": "arn:work", "MaxNumberOfMessagesPerSecond": 50}
        self.started = True
        return {"TaskHandle": "task"}

    def list_message_move_tasks(self, SourceArn: str, MaxResults: int) -> dict[str, Any]:  # noqa: N803
        assert (SourceArn, MaxResults) == ("arn:dead", 1)
        if not self.started:
            return {"Results": self.earlier}
        status = self.statuses.pop(0)
        if status == "not listed":
            return {"Results": self.earlier}
        task = {"Status": status, "StartedTimestamp": 2, "ApproximateNumberOfMessagesMoved": 7}
        if status == "RUNNING":
            task |= {"TaskHandle": "task", "ApproximateNumberOfMessagesToMove": 9}
        if status == "FAILED":
            task |= {"FailureReason": "CouldNotDetermineMessageSource"}
        return {"Results": [task]}

    def cancel_message_move_task(self, TaskHandle: str) -> dict[str, Any]:  # noqa: N803
        assert TaskHandle == "task"
        self.cancelled = True
        return {"ApproximateNumberOfMessagesMoved": 7}


@pytest.fixture
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "MOVE_POLL_SECONDS", 0)


def moved(tasks: MoveTasks) -> list[letters.Moved]:
    sqs: Any = tasks
    return list(move_all(sqs, "work", "dead", 50))


@pytest.mark.usefixtures("_at_once")
def test_a_move_by_sqs_is_followed_to_its_end() -> None:
    tasks = MoveTasks("RUNNING", "COMPLETED")
    assert moved(tasks) == [letters.Moved(7, 9), letters.Moved(7, 0)]
    assert not tasks.cancelled


@pytest.mark.usefixtures("_at_once")
@pytest.mark.parametrize("earlier", [False, True])
def test_a_move_that_is_not_listed_yet_is_waited_for(earlier: bool) -> None:
    """The list is empty, or its newest task ended earlier."""
    assert moved(MoveTasks("not listed", "not listed", "COMPLETED", earlier=earlier)) == [letters.Moved(7, 0)]


@pytest.mark.usefixtures("_at_once")
def test_a_failed_move_is_an_error_with_the_reason_of_sqs() -> None:
    with pytest.raises(Problem, match=r"after 7 of about 0: CouldNotDetermineMessageSource") as raised:
        moved(MoveTasks("RUNNING", "FAILED"))
    assert raised.value.code == "move-failed"


@pytest.mark.usefixtures("_at_once")
def test_an_interrupted_move_is_cancelled() -> None:
    tasks = MoveTasks("RUNNING", "RUNNING")
    sqs: Any = tasks
    with closing(move_all(sqs, "work", "dead", 50)) as progress:
        next(progress)
    assert tasks.cancelled


@pytest.mark.parametrize(("code", "raises"), [("InvalidAction", Problem), ("AccessDenied", ClientError)])
def test_an_sqs_without_moves_is_a_problem_and_a_denied_move_an_error(code: str, raises: type[Exception]) -> None:
    sqs = boto3.client("sqs")
    with Stubber(sqs) as stub:
        for _ in range(2):
            stub.add_response("get_queue_attributes", {"Attributes": {"QueueArn": "arn"}})
        stub.add_client_error("list_message_move_tasks", code)
        with pytest.raises(raises):
            list(move_all(sqs, "work", "dead", 50))
