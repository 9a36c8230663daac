"""Questions to the local engine about messages of SQS."""

from typing import Any

from tests.support.probes.base import Place, Probe
from tests.support.probes.sources import Inferred, Model, Recorded


def _attributes(count: int, value: str = "v") -> dict[str, Any]:
    return {f"a{number}": {"DataType": "String", "StringValue": value} for number in range(count)}


def _delete_twice(place: Place) -> str:
    handle = place.received()
    for _ in range(2):
        place.sqs.delete_message(QueueUrl=place.queue, ReceiptHandle=handle)
    return "accepted"


def _send(place: Place, body: str = "m", **more: Any) -> Any:
    return place.sqs.send_message(QueueUrl=place.queue, MessageBody=body, **more)


def _batch(place: Place, *ids: str) -> Any:
    entries = [{"Id": one, "MessageBody": "m"} for one in ids]
    return place.sqs.send_message_batch(QueueUrl=place.queue, Entries=entries)


def _small(place: Place) -> None:
    queue = place.sqs.create_queue(QueueName="small", Attributes={"MaximumMessageSize": "1024"})["QueueUrl"]
    place.sqs.send_message(QueueUrl=queue, MessageBody="m" * 1025)


def _received_again(place: Place) -> str:
    handle = place.received()
    place.sqs.change_message_visibility(QueueUrl=place.queue, ReceiptHandle=handle, VisibilityTimeout=0)
    (message,) = place.sqs.receive_message(QueueUrl=place.queue, AttributeNames=["All"])["Messages"]
    return f"received {message['Attributes']['ApproximateReceiveCount']} times"


PROBES = (
    Probe(
        "SQS: a message with 10 attributes",
        "accepted",
        Recorded("aws/aws-sdk-js#2876"),
        lambda p: _send(p, MessageAttributes=_attributes(10)),
        "yes: a letter's reason has ten",
    ),
    Probe(
        "SQS: a message with 11 attributes",
        "InvalidParameterValue",
        Recorded("aws/aws-sdk-js#2876"),
        lambda p: _send(p, MessageAttributes=_attributes(11)),
        "no: a letter has ten at most",
    ),
    Probe(
        "SQS: an attribute with an empty value",
        "InvalidParameterValue",
        Recorded("sqs/test_sqs.py::TestSqsProvider::test_send_message_with_empty_string_attribute"),
        lambda p: _send(p, MessageAttributes=_attributes(1, "")),
        "no: empty values are left out",
    ),
    Probe(
        "SQS: DelaySeconds of 900",
        "accepted",
        Model("sqs", "SendMessage", "Valid values: 0 to 900."),
        lambda p: _send(p, DelaySeconds=900),
        "yes: waiting messages",
    ),
    Probe(
        "SQS: DelaySeconds of 901",
        "InvalidParameterValue",
        Recorded("ballerina testSendMessageWithExcessiveDelay"),
        lambda p: _send(p, DelaySeconds=901),
        "no: shared/limits.py keeps to 900",
    ),
    Probe(
        "SQS: a body with a NUL character",
        "InvalidMessageContents",
        Model("sqs", "SendMessage", "The message contains characters outside the allowed set."),
        lambda p: _send(p, "\0"),
        "no: bodies are JSON",
    ),
    Probe(
        "SQS: a batch of 11",
        "TooManyEntriesInBatchRequest",
        Recorded("ballerina testSendMessageBatchExceedsLimit"),
        lambda p: _batch(p, *map(str, range(11))),
        "no: batches have ten",
    ),
    Probe(
        "SQS: an empty batch",
        "EmptyBatchRequest",
        Recorded("ballerina testSendMessageBatchWithEmptyList"),
        lambda p: _batch(p),
        "no: empty batches are not sent",
    ),
    Probe(
        "SQS: a batch with an id twice",
        "BatchEntryIdsNotDistinct",
        Recorded("ballerina testSendMessageBatchWithDuplicatemessageId"),
        lambda p: _batch(p, "1", "1"),
    ),
    Probe(
        "SQS: receiving 11 messages at once",
        "InvalidParameterValue",
        Recorded("sqs/test_sqs.py::TestSqsProvider::test_send_receive_max_number_of_messages"),
        lambda p: p.sqs.receive_message(QueueUrl=p.queue, MaxNumberOfMessages=11),
    ),
    Probe(
        "SQS: a visibility timeout of 43201 s",
        "InvalidParameterValue",
        Inferred("the page says 0 to 43,200; other parameters out of range have this code"),
        lambda p: p.sqs.change_message_visibility(
            QueueUrl=p.queue, ReceiptHandle=p.received(), VisibilityTimeout=43201
        ),
    ),
    Probe(
        "SQS: deleting a message twice",
        "accepted",
        Inferred("with an older handle “the request succeeds, but the message will not be deleted”"),
        _delete_twice,
        "yes: Lambda may delete a message again",
    ),
    Probe(
        "SQS: deleting with an invalid handle",
        "ReceiptHandleIsInvalid",
        Recorded("ballerina testDeleteMessageWithInvalidReceiptHandle"),
        lambda p: p.sqs.delete_message(QueueUrl=p.queue, ReceiptHandle="none"),
    ),
    Probe(
        "SQS: a message over the queue's maximum",
        "InvalidParameterValue",
        Recorded("sqs/test_sqs.py::TestSqsProvider::test_send_message_with_updated_maximum_message_size"),
        _small,
    ),
    Probe(
        "SQS: a message of 1 MiB",
        "accepted",
        Model("sqs", "SendMessage", "The maximum size is 1 MiB or 1,048,576 bytes"),
        lambda p: _send(p, "m" * 1_048_576),
        "no: an event has about 1 kB",
    ),
    Probe(
        "SQS: a message of more than 1 MiB",
        "InvalidParameterValue",
        Recorded("sqs/test_sqs.py::TestSqsProvider::test_send_oversized_message"),
        lambda p: _send(p, "m" * 1_048_577),
        "no: an event has about 1 kB",
    ),
    Probe(
        "SQS: a batch of more than 1 MiB",
        "BatchRequestTooLong",
        Recorded("sqs/test_sqs.py::TestSqsProvider::test_send_message_batch_with_oversized_contents"),
        lambda p: p.sqs.send_message_batch(
            QueueUrl=p.queue, Entries=[{"Id": str(n), "MessageBody": "m" * 600_000} for n in range(2)]
        ),
        "no: a replay's batches stay below 200 kB",
    ),
    Probe(
        "SQS: a batch entry's id with a colon",
        "InvalidBatchEntryId",
        Recorded("sqs/test_sqs.py::TestSqsProvider::test_invalid_batch_id"),
        lambda p: _batch(p, "invalid:id"),
        "no: ids are numbers",
    ),
    Probe(
        "SQS: deleting a batch of 11",
        "TooManyEntriesInBatchRequest",
        Recorded("sqs/test_sqs.py::TestSqsProvider::test_delete_message_batch_with_too_large_batch"),
        lambda p: p.sqs.delete_message_batch(
            QueueUrl=p.queue, Entries=[{"Id": str(n), "ReceiptHandle": "h"} for n in range(11)]
        ),
        "no: batches have ten",
    ),
    Probe(
        "SQS: changing the visibility of a batch of 11",
        "TooManyEntriesInBatchRequest",
        Recorded("sqs/test_sqs.py::TestSqsProvider::test_change_message_visibility_batch_with_too_large_batch"),
        lambda p: p.sqs.change_message_visibility_batch(
            QueueUrl=p.queue,
            Entries=[{"Id": str(n), "ReceiptHandle": "h", "VisibilityTimeout": 0} for n in range(11)],
        ),
        "no: batches have ten",
    ),
    Probe(
        "SQS: waiting 21 s for a message",
        "InvalidParameterValue",
        Inferred("the page says 0 to 20; MaxNumberOfMessages has this code"),
        lambda p: p.sqs.receive_message(QueueUrl=p.queue, WaitTimeSeconds=21),
    ),
    Probe(
        "SQS: receiving with a visibility timeout of 43201 s",
        "InvalidParameterValue",
        Inferred("the page says 0 to 43,200; MaxNumberOfMessages has this code"),
        lambda p: p.sqs.receive_message(QueueUrl=p.queue, VisibilityTimeout=43201),
    ),
    Probe(
        "SQS: a message attribute whose name begins with AWS.",
        "InvalidParameterValue",
        Inferred("“must not start with AWS-reserved prefixes”; other wrong attributes have this code"),
        lambda p: _send(p, MessageAttributes={"AWS.a": {"DataType": "String", "StringValue": "v"}}),
    ),
    Probe(
        "SQS: receiving a message again",
        "received 2 times",
        Recorded("sqs/test_sqs.py::TestSqsProvider::test_receive_message_attribute_names_filters"),
        _received_again,
        "yes: attempts are receives",
    ),
)
