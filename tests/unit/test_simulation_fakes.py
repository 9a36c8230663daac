"""The simulation's fakes answer as moto does wherever both know a request."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.support.simulation.faults import Fault, Service
from tests.support.simulation.queue import Queue
from tests.support.simulation.s3 import Bucket, S3Client
from tests.support.simulation.sqs import SqsClient
from tests.support.simulation.world import VirtualExecutor, World
from tests.unit.conftest import REGION


@pytest.fixture(params=["moto", "simulated"])
def s3(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "simulated":
        yield S3Client(Service(World()), {"uploads": Bucket()})
        return
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="uploads", CreateBucketConfiguration={"LocationConstraint": REGION})
        yield client


@pytest.fixture(params=["moto", "simulated"])
def sqs(request: pytest.FixtureRequest) -> Iterator[tuple[Any, str, str]]:
    if request.param == "simulated":
        world = World()
        dead = Queue(world, "dead")
        work = Queue(world, "work", dead_letters=dead, max_receives=2)
        yield SqsClient(Service(world), [work, dead]), work.url, dead.url
        return
    with mock_aws():
        client: Any = boto3.client("sqs")
        dead_url = client.create_queue(QueueName="dead")["QueueUrl"]
        arn = client.get_queue_attributes(QueueUrl=dead_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 2})
        attributes = {"VisibilityTimeout": "360", "RedrivePolicy": redrive}
        yield client, client.create_queue(QueueName="work", Attributes=attributes)["QueueUrl"], dead_url


def code_of(raised: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    answer = raised.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def received(client: Any, url: str) -> list[Any]:
    answer = client.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"]
    )
    found: list[Any] = answer.get("Messages", [])
    return found


def test_an_object_is_read_as_it_was_written(s3: Any) -> None:
    etag = s3.put_object(Bucket="uploads", Key="a", Body=b"cat", Metadata={"width": "4"})["ETag"]
    answer = s3.get_object(Bucket="uploads", Key="a", IfMatch=etag)
    assert (answer["Body"].read(), answer["ContentLength"]) == (b"cat", 3)
    head = s3.head_object(Bucket="uploads", Key="a")
    assert (head["ETag"], head["ContentLength"], head["Metadata"]) == (etag, 3, {"width": "4"})


def test_reading_a_replaced_object_fails_its_precondition(s3: Any) -> None:
    etag = s3.put_object(Bucket="uploads", Key="a", Body=b"cat")["ETag"]
    s3.put_object(Bucket="uploads", Key="a", Body=b"dog")
    with pytest.raises(ClientError) as raised:
        s3.get_object(Bucket="uploads", Key="a", IfMatch=etag)
    assert code_of(raised) == ("PreconditionFailed", 412)


def test_a_missing_object_is_404(s3: Any) -> None:
    with pytest.raises(ClientError) as raised:
        s3.get_object(Bucket="uploads", Key="a")
    assert code_of(raised) == ("NoSuchKey", 404)
    with pytest.raises(ClientError) as raised:
        s3.head_object(Bucket="uploads", Key="a")
    assert code_of(raised) == ("404", 404)


def test_a_write_that_must_be_the_first_fails_the_second_time(s3: Any) -> None:
    s3.put_object(Bucket="uploads", Key="a", Body=b"cat", IfNoneMatch="*")
    with pytest.raises(ClientError) as raised:
        s3.put_object(Bucket="uploads", Key="a", Body=b"dog", IfNoneMatch="*")
    assert code_of(raised) == ("PreconditionFailed", 412)
    assert s3.get_object(Bucket="uploads", Key="a")["Body"].read() == b"cat"


def test_deleting_a_missing_object_is_no_error(s3: Any) -> None:
    s3.put_object(Bucket="uploads", Key="a", Body=b"cat")
    s3.delete_object(Bucket="uploads", Key="a")
    s3.delete_object(Bucket="uploads", Key="a")
    assert s3.list_objects_v2(Bucket="uploads")["KeyCount"] == 0


def test_a_listing_has_a_prefix_an_order_and_pages(s3: Any) -> None:
    for key in ("view/b", "thumb/c", "thumb/a", "thumb/b", "zoo/a"):
        s3.put_object(Bucket="uploads", Key=key, Body=b"")
    first = s3.list_objects_v2(Bucket="uploads", Prefix="thumb/", MaxKeys=2)
    assert [found["Key"] for found in first["Contents"]] == ["thumb/a", "thumb/b"]
    assert first["IsTruncated"]
    token = first["NextContinuationToken"]
    rest = s3.list_objects_v2(Bucket="uploads", Prefix="thumb/", ContinuationToken=token)
    assert [found["Key"] for found in rest["Contents"]] == ["thumb/c"]
    assert not rest["IsTruncated"]
    after = s3.list_objects_v2(Bucket="uploads", Prefix="thumb/", StartAfter="thumb/b")
    assert [found["Key"] for found in after["Contents"]] == ["thumb/c"]
    assert "Contents" not in s3.list_objects_v2(Bucket="uploads", Prefix="none/")


def test_a_received_message_is_hidden_and_counted(sqs: tuple[Any, str, str]) -> None:
    client, work, _ = sqs
    client.send_message(
        QueueUrl=work, MessageBody="cat", MessageAttributes={"tried": {"DataType": "Number", "StringValue": "3"}}
    )
    (message,) = received(client, work)
    assert message["Body"] == "cat"
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert message["MessageAttributes"]["tried"]["StringValue"] == "3"
    assert received(client, work) == []
    entries = [{"Id": "0", "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0}]
    client.change_message_visibility_batch(QueueUrl=work, Entries=entries)
    (again,) = received(client, work)
    assert again["MessageId"] == message["MessageId"]
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"


def test_a_message_received_too_often_moves_to_the_dead_letters(sqs: tuple[Any, str, str]) -> None:
    client, work, dead = sqs
    client.send_message(QueueUrl=work, MessageBody="cat")
    for _ in range(2):
        (message,) = received(client, work)
        client.change_message_visibility(QueueUrl=work, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    assert received(client, work) == []
    (letter,) = received(client, dead)
    assert (letter["Body"], letter["MessageId"]) == ("cat", message["MessageId"])


def test_a_deleted_message_stays_away_and_deleting_again_is_no_error(sqs: tuple[Any, str, str]) -> None:
    client, work, _ = sqs
    client.send_message(QueueUrl=work, MessageBody="cat")
    (message,) = received(client, work)
    client.delete_message(QueueUrl=work, ReceiptHandle=message["ReceiptHandle"])
    client.delete_message(QueueUrl=work, ReceiptHandle=message["ReceiptHandle"])
    assert received(client, work) == []


def test_a_delay_of_more_than_fifteen_minutes_is_refused(sqs: tuple[Any, str, str]) -> None:
    client, work, _ = sqs
    with pytest.raises(ClientError) as raised:
        client.send_message(QueueUrl=work, MessageBody="cat", DelaySeconds=901)
    assert code_of(raised) == ("InvalidParameterValue", 400)


def test_a_delayed_message_is_not_received_yet(sqs: tuple[Any, str, str]) -> None:
    client, work, _ = sqs
    client.send_message(QueueUrl=work, MessageBody="cat", DelaySeconds=900)
    assert received(client, work) == []


# Moto does not do the following, or only in real time.


def test_a_hidden_message_comes_back_when_its_time_is_up() -> None:
    world = World()
    queue = Queue(world, "work", visibility_seconds=360)
    queue.send("cat")
    world.run(0)
    assert len(queue.receive()) == 1
    world.run(359)
    assert queue.receive() == []
    world.run(360)
    assert len(queue.receive()) == 1


def test_delayed_messages_are_not_in_flight_and_messages_over_the_limit_are_not_received(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tests.support.simulation.queue.MAX_IN_FLIGHT", 20)
    world = World()
    queue = Queue(world, "work")
    for _ in range(25):
        queue.send("cat")
    queue.send("later", delay_seconds=900)
    world.run(0)
    assert sum(len(queue.receive()) for _ in range(5)) == 20
    assert queue.in_flight == 20
    assert (len(queue.visible), queue.waiting) == (5, 26)


def test_a_message_older_than_the_retention_is_gone() -> None:
    world = World()
    queue = Queue(world, "work", retention_seconds=3600)
    queue.send("cat", delay_seconds=0)
    world.run(3601)
    assert queue.receive() == []
    assert (queue.expired, queue.waiting) == (1, 0)


def test_a_message_hidden_twice_until_the_same_moment_comes_back_once() -> None:
    world = World()
    queue = Queue(world, "work", visibility_seconds=10)
    queue.send("cat")
    world.run(0)
    (message,) = queue.receive()
    assert queue.change_visibility(message.receipt, 10)
    world.run(10)
    assert len(queue.receive()) == 1


def test_an_outdated_receipt_neither_deletes_nor_hides() -> None:
    world = World()
    queue = Queue(world, "work", visibility_seconds=10)
    queue.send("cat")
    world.run(0)
    (first,) = (message.receipt for message in queue.receive())
    world.run(10)
    assert len(queue.receive()) == 1
    assert not queue.delete(first)
    assert not queue.change_visibility(first, 0)


def test_a_fault_lasts_as_long_as_it_says() -> None:
    world = World()
    s3 = S3Client(Service(world, [Fault("s3:*", 60, 180)]), {"uploads": Bucket()})
    outcomes: list[tuple[float, str]] = []

    def ask() -> None:
        try:
            s3.put_object(Bucket="uploads", Key="a", Body=b"")
            outcomes.append((world.seconds, "done"))
        except ClientError as error:
            outcomes.append((world.seconds, error.response["Error"]["Code"]))

    for at in (0, 60, 230, 240):
        world.at(at, lambda: world.spawn(ask))
    world.run(300)
    assert [(round(at), code) for at, code in outcomes] == [
        (0, "done"),
        (63, "SlowDown"),
        (233, "SlowDown"),
        (240, "done"),
    ]


def test_tasks_of_a_killed_process_do_nothing_more() -> None:
    world = World()
    done: list[str] = []

    def work(name: str) -> None:
        world.sleep(10)
        done.append(name)

    world.spawn(lambda: work("killed"), "process 1")
    world.spawn(lambda: work("lives"), "process 2")
    world.at(5, lambda: world.kill("process 1"))
    world.run(20)
    assert done == ["lives"]


def test_an_executor_overlaps_waiting_up_to_its_workers() -> None:
    world = World()
    ended: list[float] = []

    def work() -> None:
        pool = VirtualExecutor(world, 2)
        futures = [pool.submit(world.sleep, 10) for _ in range(4)]
        assert [future.result() for future in futures] == [None] * 4
        ended.append(world.seconds)

    world.spawn(work)
    world.run(100)
    assert ended == [20]
