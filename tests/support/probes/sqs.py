"""Questions to the local engine about SQS."""

import json
from typing import Any

from tests.support.probes.base import Place, Probe

API = "Amazon SQS API"
RECORDED = "recorded, test_sqs.py::TestSqsProvider."


def _attributes(count: int, value: str = "v") -> dict[str, Any]:
    return {f"a{number}": {"DataType": "String", "StringValue": value} for number in range(count)}


def _delete_twice(place: Place) -> str:
    handle = place.received()
    for _ in range(2):
        place.sqs.delete_message(QueueUrl=place.queue, ReceiptHandle=handle)
    return "accepted"


def _redriven(place: Place) -> str:
    dead = place.sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = place.sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "1"})
    work = place.sqs.create_queue(QueueName="work", Attributes={"RedrivePolicy": redrive, "VisibilityTimeout": "0"})[
        "QueueUrl"
    ]
    place.sqs.send_message(QueueUrl=work, MessageBody="m", MessageAttributes=_attributes(1))
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


def _send(place: Place, body: str = "m", **more: Any) -> Any:
    return place.sqs.send_message(QueueUrl=place.queue, MessageBody=body, **more)


def _batch(place: Place, *ids: str) -> Any:
    entries = [{"Id": one, "MessageBody": "m"} for one in ids]
    return place.sqs.send_message_batch(QueueUrl=place.queue, Entries=entries)


def _purge_twice(place: Place) -> None:
    queue = place.sqs.create_queue(QueueName="purged")["QueueUrl"]
    for _ in range(2):
        place.sqs.purge_queue(QueueUrl=queue)


def _made_again(place: Place) -> None:
    for seconds in ("1", "2"):
        place.sqs.create_queue(QueueName="twice", Attributes={"DelaySeconds": seconds})


def _small(place: Place) -> None:
    queue = place.sqs.create_queue(QueueName="small", Attributes={"MaximumMessageSize": "1024"})["QueueUrl"]
    place.sqs.send_message(QueueUrl=queue, MessageBody="m" * 1025)


def _redrive(place: Place, **policy: Any) -> None:
    place.sqs.set_queue_attributes(QueueUrl=place.queue, Attributes={"RedrivePolicy": json.dumps(policy)})


def _arn(place: Place) -> str:
    names = ["QueueArn"]
    arn: str = place.sqs.get_queue_attributes(QueueUrl=place.queue, AttributeNames=names)["Attributes"]["QueueArn"]
    return arn


def _received_again(place: Place) -> str:
    handle = place.received()
    place.sqs.change_message_visibility(QueueUrl=place.queue, ReceiptHandle=handle, VisibilityTimeout=0)
    (message,) = place.sqs.receive_message(QueueUrl=place.queue, AttributeNames=["All"])["Messages"]
    return f"received {message['Attributes']['ApproximateReceiveCount']} times"


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
    Probe("SQS: a message with 10 attributes", "accepted", "SQS Developer Guide, message metadata",
          lambda p: _send(p, MessageAttributes=_attributes(10)), "yes: a letter's reason has ten"),
    Probe("SQS: a message with 11 attributes", "InvalidParameterValue", "SQS Developer Guide, message metadata",
          lambda p: _send(p, MessageAttributes=_attributes(11)), "no: a letter has ten at most"),
    Probe("SQS: an attribute with an empty value", "InvalidParameterValue", f"{API}, MessageAttributeValue",
          lambda p: _send(p, MessageAttributes=_attributes(1, "")), "no: empty values are left out"),
    Probe("SQS: DelaySeconds of 900", "accepted", f"{API}, SendMessage", lambda p: _send(p, DelaySeconds=900),
          "yes: waiting messages"),
    Probe("SQS: DelaySeconds of 901", "InvalidParameterValue", f"{API}, SendMessage",
          lambda p: _send(p, DelaySeconds=901), "no: shared/limits.py keeps to 900"),
    Probe("SQS: a body with a NUL character", "InvalidMessageContents", f"{API}, SendMessage",
          lambda p: _send(p, "\0"), "no: bodies are JSON"),
    Probe("SQS: a batch of 11", "TooManyEntriesInBatchRequest", f"{API}, SendMessageBatch",
          lambda p: _batch(p, *map(str, range(11))), "no: batches have ten"),
    Probe("SQS: an empty batch", "EmptyBatchRequest", f"{API}, SendMessageBatch", lambda p: _batch(p),
          "no: empty batches are not sent"),
    Probe("SQS: a batch with an id twice", "BatchEntryIdsNotDistinct", f"{API}, SendMessageBatch",
          lambda p: _batch(p, "1", "1")),
    Probe("SQS: receiving 11 messages at once", "InvalidParameterValue", f"{API}, ReceiveMessage",
          lambda p: p.sqs.receive_message(QueueUrl=p.queue, MaxNumberOfMessages=11)),
    Probe("SQS: a visibility timeout of 43201 s", "InvalidParameterValue", f"{API}, ChangeMessageVisibility",
          lambda p: p.sqs.change_message_visibility(
              QueueUrl=p.queue, ReceiptHandle=p.received(), VisibilityTimeout=43201
          )),
    Probe("SQS: retention of 1209601 s", "InvalidAttributeValue", f"{API}, CreateQueue",
          lambda p: p.sqs.create_queue(QueueName="old", Attributes={"MessageRetentionPeriod": "1209601"}),
          "no: the template has the maximum"),
    Probe("SQS: deleting a message twice", "accepted", f"{API}, DeleteMessage", _delete_twice,
          "yes: Lambda may delete a message again"),
    Probe("SQS: deleting with a handle that is none", "ReceiptHandleIsInvalid", f"{API}, DeleteMessage",
          lambda p: p.sqs.delete_message(QueueUrl=p.queue, ReceiptHandle="none")),
    Probe("SQS: a queue that does not exist", "NonExistentQueue", f"{API}, GetQueueUrl",
          lambda p: p.sqs.get_queue_url(QueueName="missing")),
    Probe("SQS: after maxReceiveCount receives", "moved with source, 1 attributes",
          "SQS Developer Guide, dead-letter queues", _redriven, "yes: the reason `unexplained`"),
    Probe("SQS: StartMessageMoveTask from a queue that is no dead-letter queue", "InvalidParameterValue",
          f"{API}, StartMessageMoveTask", _move, "yes: `--by-sqs` says where there is none"),
    Probe("SQS: purging twice within a minute", "PurgeQueueInProgress",
          f"{RECORDED}test_successive_purge_calls_fail", _purge_twice),
    Probe("SQS: making a queue again with another attribute", "QueueAlreadyExists",
          f"{RECORDED}test_create_queue_with_different_attributes_raises_exception", _made_again),
    Probe("SQS: a message over the queue's maximum", "InvalidParameterValue",
          f"{RECORDED}test_send_message_with_updated_maximum_message_size", _small),
    Probe("SQS: a message of 1 MiB", "accepted", "SQS Developer Guide, message quotas",
          lambda p: _send(p, "m" * 1_048_576), "no: an event has about 1 kB"),
    Probe("SQS: a message of more than 1 MiB", "InvalidParameterValue", "SQS Developer Guide, message quotas",
          lambda p: _send(p, "m" * 1_048_577), "no: an event has about 1 kB"),
    Probe("SQS: a batch of more than 1 MiB", "BatchRequestTooLong", "SQS Developer Guide, message quotas",
          lambda p: p.sqs.send_message_batch(
              QueueUrl=p.queue, Entries=[{"Id": str(n), "MessageBody": "m" * 600_000} for n in range(2)]
          ), "no: a replay's batches stay below 200 kB"),
    Probe("SQS: a batch entry's id with a colon", "InvalidBatchEntryId", f"{RECORDED}test_invalid_batch_id",
          lambda p: _batch(p, "invalid:id"), "no: ids are numbers"),
    Probe("SQS: deleting a batch of 11", "TooManyEntriesInBatchRequest",
          f"{RECORDED}test_delete_message_batch_with_too_large_batch",
          lambda p: p.sqs.delete_message_batch(
              QueueUrl=p.queue, Entries=[{"Id": str(n), "ReceiptHandle": "h"} for n in range(11)]
          ), "no: batches have ten"),
    Probe("SQS: changing the visibility of a batch of 11", "TooManyEntriesInBatchRequest",
          f"{RECORDED}test_change_message_visibility_batch_with_too_large_batch",
          lambda p: p.sqs.change_message_visibility_batch(
              QueueUrl=p.queue,
              Entries=[{"Id": str(n), "ReceiptHandle": "h", "VisibilityTimeout": 0} for n in range(11)],
          ), "no: batches have ten"),
    Probe("SQS: a redrive policy whose target is no ARN", "InvalidParameterValue",
          f"{RECORDED}test_invalid_dead_letter_arn_rejected_before_lookup",
          lambda p: _redrive(p, deadLetterTargetArn="dummy", maxReceiveCount=42)),
    Probe("SQS: a redrive policy with maxReceiveCount 0", "InvalidParameterValue", f"{API}, SetQueueAttributes",
          lambda p: _redrive(p, deadLetterTargetArn=_arn(p), maxReceiveCount=0)),
    Probe("SQS: waiting 21 s for a message", "InvalidParameterValue", f"{API}, ReceiveMessage",
          lambda p: p.sqs.receive_message(QueueUrl=p.queue, WaitTimeSeconds=21)),
    Probe("SQS: receiving with a visibility timeout of 43201 s", "InvalidParameterValue", f"{API}, ReceiveMessage",
          lambda p: p.sqs.receive_message(QueueUrl=p.queue, VisibilityTimeout=43201)),
    Probe("SQS: a queue's name with a slash", "InvalidParameterValue", f"{API}, CreateQueue",
          lambda p: p.sqs.create_queue(QueueName="a/b"), "no: preflight checks the stack's name"),
    Probe("SQS: a message attribute whose name begins with AWS.", "InvalidParameterValue",
          "SQS Developer Guide, message metadata",
          lambda p: _send(p, MessageAttributes={"AWS.a": {"DataType": "String", "StringValue": "v"}})),
    Probe("SQS: receiving a message again", "received 2 times", f"{API}, ReceiveMessage", _received_again,
          "yes: attempts are receives"),
    Probe("SQS: a letter that SQS moved", "the same sending time, the same id",
          "SQS Developer Guide, dead-letter queues", _kept_time, "yes: a letter's age"),
    Probe("SQS: cancelling a move task with a handle that is none", "InvalidParameterValue",
          "recorded, test_sqs_move_task.py::test_cancel_with_invalid_task_handle",
          lambda p: p.sqs.cancel_message_move_task(TaskHandle="foobared"), "yes: Ctrl-C of `--by-sqs`"),
)  # fmt: skip
