"""Questions to the local engine about SNS."""

import json
from typing import Any

from tests.support.probes.base import Place, Probe
from tests.support.probes.sources import Inferred, Model, Recorded


def _delivered(place: Place, policy: dict[str, Any] | None) -> str:
    queue = place.sqs.create_queue(QueueName=f"subscriber{len(place.sqs.list_queues()['QueueUrls'])}")["QueueUrl"]
    arn = place.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    if policy is not None:
        allowed = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
        document = {"Version": "2012-10-17", "Statement": [{**allowed, "Resource": arn, "Condition": policy}]}
        place.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(document)})
    place.sns.subscribe(TopicArn=place.topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    place.sns.publish(TopicArn=place.topic, Message="announced")
    messages = place.sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", [])
    return f"delivers {messages[0]['Body']}" if messages else "does not deliver"


def _subscribed_twice(place: Place) -> str:
    queue = place.sqs.get_queue_attributes(QueueUrl=place.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    first, second = (
        place.sns.subscribe(TopicArn=place.topic, Protocol="sqs", Endpoint=queue)["SubscriptionArn"] for _ in range(2)
    )
    return "one subscription" if first == second else "two subscriptions"


def _filtered(place: Place, scope: str, policy: dict[str, Any], body: str) -> str:
    """Publish `body` to a subscription that filters; say whether it arrives."""
    topic = place.sns.create_topic(Name="filtered")["TopicArn"]
    queue = place.sqs.create_queue(QueueName=f"filtered{len(place.sqs.list_queues()['QueueUrls'])}")["QueueUrl"]
    arn = place.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    place.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": document})
    filters = {"FilterPolicy": json.dumps(policy), "FilterPolicyScope": scope, "RawMessageDelivery": "true"}
    place.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=filters)
    sent = {"kind": {"DataType": "String", "StringValue": "cat"}}
    place.sns.publish(TopicArn=topic, Message=body, MessageAttributes=sent)
    found = place.sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1, MessageAttributeNames=["All"])
    messages = found.get("Messages", [])
    if not messages:
        return "does not arrive"
    return "arrives with its attributes" if messages[0].get("MessageAttributes") else "arrives"


PROBES = (
    Probe(
        "SNS: to a queue whose policy has the topic's ARN",
        "delivers announced",
        Recorded("sns/test_sns.py::TestSNSSubscriptionSQS::test_subscribe_sqs_queue"),
        lambda p: _delivered(p, {"ArnEquals": {"aws:SourceArn": p.topic}}),
        "yes: every subscriber",
    ),
    Probe(
        "SNS: to a queue without a policy",
        "does not deliver",
        Inferred("a request that no policy allows is denied"),
        lambda p: _delivered(p, None),
        "no: subscriptions wait for the policy",
    ),
    Probe(
        "SNS: to a queue whose policy has another topic's ARN",
        "does not deliver",
        Inferred("a request that no policy allows is denied"),
        lambda p: _delivered(p, {"ArnEquals": {"aws:SourceArn": p.topic + "2"}}),
        "yes: only our topics",
    ),
    Probe(
        "SNS: to a queue whose policy demands aws:SourceAccount",
        "not documented",
        Inferred("no published queue policy for SNS relies on the key"),
        lambda p: _delivered(p, {"StringEquals": {"aws:SourceAccount": "000000000000"}}),
        "no: no queue policy demands it",
    ),
    Probe(
        "SNS: publishing to a missing topic",
        "NotFound",
        Recorded("sns/test_sns.py::TestSNSPublishCrud::test_unknown_topic_publish"),
        lambda p: p.sns.publish(TopicArn=p.topic + "2", Message="m"),
    ),
    Probe(
        "SNS: a message of more than 256 KiB",
        "InvalidParameter",
        Recorded("sns/test_sns.py::TestSNSPublishCrud::test_publish_too_long_message"),
        lambda p: p.sns.publish(TopicArn=p.topic, Message="m" * 262_145),
        "no: an event has about 1 kB",
    ),
    Probe(
        "SNS: subscribing the same queue twice",
        "one subscription",
        Recorded("sns/test_sns.py::TestSNSSubscriptionCrud::test_subscribe_idempotency"),
        _subscribed_twice,
        "yes: a deployment again announces once",
    ),
    Probe(
        "SNS: a filter policy that is not JSON",
        "InvalidParameter",
        Recorded("sns/test_sns.py::TestSNSSubscriptionCrud::test_validate_set_sub_attributes"),
        lambda p: p.sns.subscribe(
            TopicArn=p.topic,
            Protocol="sqs",
            Endpoint="arn:aws:sqs:us-east-1:000000000000:probes",
            Attributes={"FilterPolicy": "{"},
        ),
    ),
    Probe(
        "SNS: raw delivery of a message with an attribute that the filter wants",
        "arrives with its attributes",
        Recorded("sns/test_sns.py::TestSNSSubscriptionSQS::test_attribute_raw_subscribe"),
        lambda p: _filtered(p, "MessageAttributes", {"kind": ["cat"]}, "m"),
    ),
    Probe(
        "SNS: a message whose attribute the filter does not want",
        "does not arrive",
        Recorded("sns/test_sns.py::TestSNSFilter::test_filter_policy"),
        lambda p: _filtered(p, "MessageAttributes", {"kind": ["dog"]}, "m"),
    ),
    Probe(
        "SNS: a filter on a value within a list of the body",
        "arrives with its attributes",
        Recorded(
            "sns/test_sns_filter_policy.py::TestSNSFilterPolicyBody::test_filter_policy_on_message_body_array_of_object_attributes"
        ),
        lambda p: _filtered(p, "MessageBody", {"Records": {"name": ["cat"]}}, '{"Records": [{"name": "cat"}]}'),
        "no: S3 filters by prefix, subscribers in code",
    ),
    Probe(
        "SNS: an empty message",
        "InvalidParameter",
        Recorded("sns/test_sns.py::TestSNSPublishCrud::test_empty_sns_message"),
        lambda p: p.sns.publish(TopicArn=p.topic, Message=""),
    ),
    Probe(
        "SNS: publishing a batch of 11",
        "TooManyEntriesInBatchRequest",
        Recorded("sns/test_sns.py::TestSNSSubscriptionSQS::test_publish_batch_exceptions"),
        lambda p: p.sns.publish_batch(
            TopicArn=p.topic, PublishBatchRequestEntries=[{"Id": str(n), "Message": "m"} for n in range(11)]
        ),
    ),
    Probe(
        "SNS: a topic's name with a space",
        "InvalidParameter",
        Model(
            "sns",
            "CreateTopic",
            "must be made up of only uppercase and lowercase ASCII letters, numbers, underscores, and hyphens",
        ),
        lambda p: p.sns.create_topic(Name="a b"),
        "no: preflight checks the stack's name",
    ),
    Probe(
        "SNS: a user without a policy publishes",
        "AuthorizationError",
        Model("sns", "Publish", "Indicates that the user has been denied access to the requested resource."),
        lambda p: p.as_user("sns").publish(TopicArn=p.topic, Message="m"),
        "yes: the tests of the roles",
    ),
)
