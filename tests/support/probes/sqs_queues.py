"""Questions to the local engine about queues of SQS and their dead letters."""

import json
from typing import Any

from tests.support.probes.base import Place, Probe
from tests.support.probes.sources import Inferred, Model, Page, Recorded


def _redriven(place: Place) -> str:
    dead = place.sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = place.sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "1"})
    work = place.sqs.create_queue(QueueName="work", Attributes={"RedrivePolicy": redrive, "VisibilityTimeout": "0"})[
        "QueueUrl"
    ]
    place.sqs.send_message(
        QueueUrl=work, MessageBody="m", MessageAttributes={"a": {"DataType": "String", "StringValue": "v"}}
    )
    for _ in range(3):
        place.sqs.receive_message(QueueUrl=work)
    (letter,) = place.sqs.receive_message(QueueUrl=dead, AttributeNames=["All"], MessageAttributeNames=["All"])[
        "Messages"
    ]
    source = "with" if "DeadLetterQueueSourceArn" in letter["Attributes"] else "without"
    return f"moved {source} source, {len(letter.get('MessageAttributes', {}))} attributes"


def _move(place: Place) -> str:
    arn = place.sqs.get_queue_attributes(QueueUrl=place.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    place.sqs.start_message_move_task(SourceArn=arn)
    return "accepted"


def _purge_twice(place: Place) -> None:
    queue = place.sqs.create_queue(QueueName="purged")["QueueUrl"]
    for _ in range(2):
        place.sqs.purge_queue(QueueUrl=queue)


def _made_again(place: Place) -> None:
    for seconds in ("1", "2"):
        place.sqs.create_queue(QueueName="twice", Attributes={"DelaySeconds": seconds})


def _redrive(place: Place, **policy: Any) -> None:
    place.sqs.set_queue_attributes(QueueUrl=place.queue, Attributes={"RedrivePolicy": json.dumps(policy)})


def _arn(place: Place) -> str:
    names = ["QueueArn"]
    arn: str = place.sqs.get_queue_attributes(QueueUrl=place.queue, AttributeNames=names)["Attributes"]["QueueArn"]
    return arn


def _kept_time(place: Place) -> str:
    dead = place.sqs.create_queue(QueueName="dead-of-times")["QueueUrl"]
    arn = place.sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "1"})
    attributes = {"RedrivePolicy": redrive, "VisibilityTimeout": "0"}
    work = place.sqs.create_queue(QueueName="times", Attributes=attributes)["QueueUrl"]
    place.sqs.send_message(QueueUrl=work, MessageBody="m")
    first = place.sqs.receive_message(QueueUrl=work, AttributeNames=["SentTimestamp"])["Messages"][0]
    for _ in range(2):
        place.sqs.receive_message(QueueUrl=work)
    letter = place.sqs.receive_message(QueueUrl=dead, AttributeNames=["SentTimestamp"])["Messages"][0]
    kept = letter["Attributes"]["SentTimestamp"] == first["Attributes"]["SentTimestamp"]
    same = letter["MessageId"] == first["MessageId"]
    return f"{'the same' if kept else 'another'} sending time, {'the same' if same else 'another'} id"


PROBES = (
    Probe(
        "SQS: retention of 1209601 s",
        "InvalidAttributeValue",
        Model("sqs", "CreateQueue", "An integer from 60 seconds (1 minute) to 1,209,600 seconds (14 days)."),
        lambda p: p.sqs.create_queue(QueueName="old", Attributes={"MessageRetentionPeriod": "1209601"}),
        "no: the template has the maximum",
    ),
    Probe(
        "SQS: a queue that does not exist",
        "NonExistentQueue",
        Recorded("ballerina testGetNonExistentQueueUrl"),
        lambda p: p.sqs.get_queue_url(QueueName="missing"),
    ),
    Probe(
        "SQS: after maxReceiveCount receives",
        "moved with source, 1 attributes",
        Model(
            "sqs",
            "CreateQueue",
            "Amazon SQS moves the message to the dead-letter-queue.",
        ),
        _redriven,
        "yes: the reason `unexplained`",
    ),
    Probe(
        "SQS: StartMessageMoveTask from a queue that is not a dead-letter queue",
        "InvalidParameterValue",
        Recorded("sqs/test_sqs_move_task.py::test_source_needs_redrive_policy"),
        _move,
        "yes: `--by-sqs` says where there is none",
    ),
    Probe(
        "SQS: purging twice within a minute",
        "PurgeQueueInProgress",
        Recorded("sqs/test_sqs.py::TestSqsProvider::test_successive_purge_calls_fail"),
        _purge_twice,
    ),
    Probe(
        "SQS: making a queue again with another attribute",
        "QueueAlreadyExists",
        Recorded("sqs/test_sqs.py::TestSqsProvider::test_create_queue_with_different_attributes_raises_exception"),
        _made_again,
    ),
    Probe(
        "SQS: a redrive policy whose target is not an ARN",
        "InvalidParameterValue",
        Recorded("sqs/test_sqs.py::TestSqsProvider::test_invalid_dead_letter_arn_rejected_before_lookup"),
        lambda p: _redrive(p, deadLetterTargetArn="dummy", maxReceiveCount=42),
    ),
    Probe(
        "SQS: a redrive policy with maxReceiveCount 0",
        "InvalidParameterValue",
        Inferred("the code of the row above, the same parameter"),
        lambda p: _redrive(p, deadLetterTargetArn=_arn(p), maxReceiveCount=0),
    ),
    Probe(
        "SQS: a queue's name with a slash",
        "InvalidParameterValue",
        Recorded("ballerina testCreateQueueWithInvalidName"),
        lambda p: p.sqs.create_queue(QueueName="a/b"),
        "no: preflight checks the stack's name",
    ),
    Probe(
        "SQS: a letter that SQS moved",
        "the same sending time, the same id",
        Page(
            "SQS Developer Guide, dead-letter queue retention",
            "When a message is moved to a dead-letter queue, the enqueue timestamp is unchanged.",
        ),
        _kept_time,
        "yes: a letter's age",
    ),
    Probe(
        "SQS: cancelling a move task with an invalid handle",
        "InvalidParameterValue",
        Recorded("sqs/test_sqs_move_task.py::test_cancel_with_invalid_task_handle"),
        lambda p: p.sqs.cancel_message_move_task(TaskHandle="foobared"),
        "yes: Ctrl-C of `--by-sqs`",
    ),
)
