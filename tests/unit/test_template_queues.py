"""Properties of the template's queues, topics and alarms that no local engine can show."""

from typing import Any

import pytest

from shared.limits import (
    LEASE_MARGIN_SECONDS,
    MAX_RECEIVES,
    MESSAGE_SECONDS,
    RESERVE_SECONDS,
)
from tests.support.template import FUNCTIONS, MAX_RETENTION_SECONDS, RESOURCES, TEMPLATE, of_type

QUEUES = of_type("AWS::SQS::Queue")
DEAD_LETTER_QUEUES = {
    queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"].split(".")[0]
    for queue in QUEUES.values()
    if "RedrivePolicy" in queue
}
NEW_ACCOUNT_EXECUTIONS = 10  # the concurrent executions of a new AWS account


def source_queue(event: dict[str, Any]) -> str:
    name: str = event["Properties"]["Queue"]["Fn::GetAtt"].split(".")[0]
    return name


@pytest.mark.parametrize("name", sorted(set(QUEUES) - DEAD_LETTER_QUEUES))
def test_each_queue_has_its_own_dead_letter_queue(name: str) -> None:
    redrive = QUEUES[name]["RedrivePolicy"]
    assert redrive["maxReceiveCount"] == MAX_RECEIVES
    dead_letter_queue = redrive["deadLetterTargetArn"]["Fn::GetAtt"].split(".")[0]
    assert QUEUES[dead_letter_queue]["MessageRetentionPeriod"] == MAX_RETENTION_SECONDS
    sharing = [other for other, queue in QUEUES.items() if queue.get("RedrivePolicy") == redrive]
    assert sharing == [name]


@pytest.mark.parametrize("name", sorted(DEAD_LETTER_QUEUES))
def test_an_alarm_watches_each_dead_letter_queue(name: str) -> None:
    watched = [
        alarm["Dimensions"][0]["Value"]
        for alarm in of_type("AWS::CloudWatch::Alarm").values()
        if alarm.get("MetricName") == "ApproximateNumberOfMessagesVisible"
    ]
    assert {"Fn::GetAtt": f"{name}.QueueName"} in watched


def on_aws(choice: dict[str, Any]) -> Any:
    """Returns the value that a choice between AWS and the local engine has on AWS."""
    condition, value, _ = choice["Fn::If"]
    assert condition == "OnAws"
    return value


def test_a_message_stays_hidden_for_six_function_timeouts() -> None:
    consumed = [
        (function["Timeout"], event)
        for function in FUNCTIONS.values()
        for event in function.get("Events", {}).values()
        if event["Type"] == "SQS"
    ]
    assert consumed
    for timeout_seconds, event in consumed:
        assert QUEUES[source_queue(event)]["VisibilityTimeout"] >= 6 * timeout_seconds
        assert QUEUES[source_queue(event)]["VisibilityTimeout"] > timeout_seconds + LEASE_MARGIN_SECONDS
        assert timeout_seconds >= MESSAGE_SECONDS + RESERVE_SECONDS
        assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert event["Properties"].get("BatchSize", 10) == 10
        assert event["Properties"].get("MaximumBatchingWindowInSeconds", 0) <= 5
        most = event["Properties"]["ScalingConfig"]["MaximumConcurrency"]
        if isinstance(most, int):  # in the block of a generated subscriber
            assert most <= NEW_ACCOUNT_EXECUTIONS / 2
            continue
        concurrency = TEMPLATE["Parameters"][on_aws(most)["Ref"]]
        assert concurrency["MinValue"] == 2
        assert concurrency["Default"] <= NEW_ACCOUNT_EXECUTIONS / 2


@pytest.mark.parametrize("name", sorted(QUEUES))
def test_a_queue_keeps_messages_for_the_longest_time(name: str) -> None:
    """SQS deletes a message that is older than this, without a dead letter."""
    assert QUEUES[name]["MessageRetentionPeriod"] == MAX_RETENTION_SECONDS


def test_lambda_does_not_drop_requeued_messages() -> None:
    """A consumer sends waiting messages to its own queue; recursive loop detection drops those after 16 rounds."""
    consumers = {
        name: function
        for name, function in FUNCTIONS.items()
        if any(event["Type"] == "SQS" for event in function.get("Events", {}).values())
    }
    assert consumers
    for name, function in consumers.items():
        assert function["RecursiveLoop"] == "Allow", name
        assert {"MetricName": "RecursiveInvocationsDropped", "FunctionName": name} in [
            {"MetricName": alarm["MetricName"], "FunctionName": alarm["Dimensions"][0]["Value"].get("Ref")}
            for alarm in of_type("AWS::CloudWatch::Alarm").values()
            if alarm["Namespace"] == "AWS/Lambda"
        ]


def test_a_subscription_waits_for_its_queue_policy() -> None:
    """SNS drops messages that are published before the queue's policy exists."""
    assert RESOURCES["ResizeSubscription"]["DependsOn"] == "ResizeQueuePolicy"


def test_an_alarm_watches_each_topic_for_failed_deliveries() -> None:
    watched = [
        alarm["Dimensions"]
        for alarm in of_type("AWS::CloudWatch::Alarm").values()
        if alarm["MetricName"] == "NumberOfNotificationsFailed"
    ]
    announcing = [name for name in of_type("AWS::SNS::Topic") if name != "AlarmTopic"]
    assert watched == [[{"Name": "TopicName", "Value": {"Fn::GetAtt": f"{name}.TopicName"}}] for name in announcing]


def test_the_resizer_waits_a_moment_for_a_batch() -> None:
    assert FUNCTIONS["ResizeFunction"]["Events"]["Uploads"]["Properties"]["MaximumBatchingWindowInSeconds"] > 0


def test_an_undelivered_message_goes_to_the_dead_letter_queue() -> None:
    subscriptions = of_type("AWS::SNS::Subscription").values()
    for subscription in (one for one in subscriptions if one["Protocol"] == "sqs"):
        assert subscription["RawMessageDelivery"] is True
        assert subscription["RedrivePolicy"]["deadLetterTargetArn"]


def test_the_topics_are_exported_to_other_stacks() -> None:
    assert TEMPLATE["Outputs"]["UploadTopicArn"]["Export"]["Name"]
