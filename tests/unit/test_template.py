"""Properties of the template that no local engine can show: of each queue, function, policy and alarm."""

import json
import re
from typing import Any

import pytest

from functions.resize.formats.sniff import READABLE
from shared.limits import (
    FUNCTION_MEMORY_MB,
    LEASE_MARGIN_SECONDS,
    MAX_IMAGE_BYTES,
    MAX_IMAGE_PIXELS,
    MAX_RECEIVES,
    MAX_SIDE_PX,
    MESSAGE_SECONDS,
    MOST_IMAGE_PIXELS,
    RESERVE_SECONDS,
)
from shared.renditions import DEFAULT_RENDITIONS, parse_renditions
from tests.support.template import FUNCTIONS, RESOURCES, ROOT, TEMPLATE, of_type, statements

QUEUES = of_type("AWS::SQS::Queue")
DEAD_LETTER_QUEUES = {
    queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"].split(".")[0]
    for queue in QUEUES.values()
    if "RedrivePolicy" in queue
}


NEW_ACCOUNT_EXECUTIONS = 10  # the concurrent executions of a new AWS account
MAX_RETENTION_SECONDS = 14 * 24 * 3600  # SQS's maximum


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


def test_the_api_throttle_is_a_parameter() -> None:
    (stage,) = of_type("AWS::ApiGatewayV2::Stage").values()
    assert stage["DefaultRouteSettings"] == {
        "ThrottlingBurstLimit": {"Ref": "ApiBurstRequests"},
        "ThrottlingRateLimit": {"Ref": "ApiRequestsPerSecond"},
    }


def test_the_api_logs_each_request_as_one_json_line() -> None:
    (stage,) = of_type("AWS::ApiGatewayV2::Stage").values()
    fields = json.loads(stage["AccessLogSettings"]["Format"])
    assert fields["status"] == "$context.status"
    assert RESOURCES["ApiLogGroup"]["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_no_route_repeats_another() -> None:
    """`$default` takes every request that no other route takes."""
    routes = {route["RouteKey"]: route["Target"]["Fn::Sub"] for route in of_type("AWS::ApiGatewayV2::Route").values()}
    assert [key for key, target in routes.items() if target == routes["$default"]] == ["$default"]


def test_only_the_local_engine_gets_its_tag() -> None:
    (api,) = of_type("AWS::ApiGatewayV2::Api").values()
    on_aws, local = api["Tags"]["Fn::If"][1:]
    assert on_aws == {"Ref": "AWS::NoValue"}
    assert local == {"ms-custom-id": "da4c4007"}


def test_a_subscription_waits_for_its_queue_policy() -> None:
    """Without it SNS drops what is published between the two."""
    assert RESOURCES["ResizeSubscription"]["DependsOn"] == "ResizeQueuePolicy"


@pytest.mark.parametrize("name", sorted(of_type("AWS::S3::Bucket")))
def test_a_deleted_or_replaced_stack_leaves_its_buckets(name: str) -> None:
    assert RESOURCES[name]["DeletionPolicy"] == RESOURCES[name]["UpdateReplacePolicy"] == "Retain"


def test_names_that_are_global_to_an_account_contain_the_region() -> None:
    (dashboard,) = of_type("AWS::CloudWatch::Dashboard").values()
    (control,) = of_type("AWS::CloudFront::OriginAccessControl").values()
    for name in (dashboard["DashboardName"], control["OriginAccessControlConfig"]["Name"]):
        assert "${AWS::StackName}" in name["Fn::Sub"]
        assert "${AWS::Region}" in name["Fn::Sub"]


UNITS = re.compile(r"# (seconds|milliseconds|characters|MiB|messages|requests|of all attempts)\b")
COUNTS = {"EvaluationPeriods", "DatapointsToAlarm", "maxReceiveCount", "MinValue", "MaxValue", "Default"}


def test_every_number_has_its_unit() -> None:
    """In its own name, or in a comment beside it. Parameters have it in the name above."""
    wanting = [
        line
        for line in (ROOT / "template.yaml").read_text().splitlines()
        if (found := re.match(r" +(\w+): (\d[\d.]*)( |$)", line))
        and found[1] not in COUNTS
        and not re.search("Days|Seconds", found[1])
        and found[2] != "0"
        and not UNITS.search(line)
    ]
    assert wanting == []


def test_static_tools_can_parse_it() -> None:
    """They do not know YAML's merge keys."""
    templates = [ROOT / "template.yaml", *ROOT.glob("examples/*/template.yaml")]
    assert [path for path in templates if "<<:" in path.read_text()] == []


def test_the_cdn_requires_modern_tls_on_a_custom_domain_and_logs_requests() -> None:
    (distribution,) = of_type("AWS::CloudFront::Distribution").values()
    config = distribution["DistributionConfig"]
    condition, own, default = config["ViewerCertificate"]["Fn::If"]
    assert condition == "WithCdnDomainName"
    assert own["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert own["AcmCertificateArn"] == {"Ref": "CdnCertificateArn"}
    assert default == {"CloudFrontDefaultCertificate": True}  # AWS sets the TLS version of its own name
    assert config["Aliases"]["Fn::If"][:2] == ["WithCdnDomainName", [{"Ref": "CdnDomainName"}]]
    assert config["Logging"]["Bucket"] == {"Fn::GetAtt": "CdnLogBucket.RegionalDomainName"}


def test_the_resizer_may_requeue_into_its_own_queue() -> None:
    (allowed,) = [
        one["Resource"] for name, one in statements() if name == "ResizeRole" and one["Action"] == "sqs:SendMessage"
    ]
    assert {"Fn::GetAtt": "ResizeQueue.Arn"} in allowed
    assert {"Fn::GetAtt": "ResizeDeadLetterQueue.Arn"} in allowed


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


def test_a_traced_function_may_send_traces() -> None:
    # Lambda refuses to create a function that traces with a role that may not.
    assert TEMPLATE["Parameters"]["Tracing"]["AllowedValues"] == ["Active", "PassThrough"]
    for function in FUNCTIONS.values():
        role = function["Role"]["Fn::GetAtt"].split(".")[0]
        allowed = [statement["Action"] for name, statement in statements() if name == role]
        assert any(set(UNNAMEABLE) == set(actions) for actions in allowed), role


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_each_function_has_a_log_group_with_retention(name: str) -> None:
    function_name = FUNCTIONS[name]["FunctionName"]["Fn::Sub"]
    groups = [
        group
        for group in of_type("AWS::Logs::LogGroup").values()
        if group["LogGroupName"] == {"Fn::Sub": f"/aws/lambda/{function_name}"}
    ]
    assert len(groups) == 1
    assert groups[0]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_each_function_has_its_own_role() -> None:
    roles = [function["Role"]["Fn::GetAtt"] for function in FUNCTIONS.values()]
    assert len(set(roles)) == len(FUNCTIONS)
    assert not [function for function in FUNCTIONS.values() if "Policies" in function]


# X-Ray has no resources that a policy could name (Service Authorization Reference, AWS X-Ray).
UNNAMEABLE = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}


def test_no_policy_allows_everything() -> None:
    assert statements()
    for name, statement in statements():
        resources = statement.get("Resource", [])
        if resources == "*" and set(statement["Action"]) == UNNAMEABLE:
            continue
        assert "*" not in (resources if isinstance(resources, list) else [resources]), name
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        if statement["Effect"] == "Allow":
            assert not [action for action in actions if "*" in action], name


def test_policies_admit_services_only_for_our_own_resources() -> None:
    let_in = [
        (name, statement)
        for name, statement in statements()
        if name.endswith(("TopicPolicy", "QueuePolicy")) and statement["Effect"] == "Allow"
    ]
    assert {name for name, _ in let_in} >= {"UploadTopicPolicy", "ResizeQueuePolicy"}
    for name, statement in let_in:
        condition = statement["Condition"]
        assert list(condition["ArnEquals"]) == ["aws:SourceArn"], name
        if statement["Principal"] == {"Service": "s3.amazonaws.com"}:
            assert condition["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}, name
        else:
            # AWS documents no aws:SourceAccount for SNS to SQS. If SNS does not send it, every message is dropped.
            assert statement["Principal"] == {"Service": "sns.amazonaws.com"}, name
            assert list(condition) == ["ArnEquals"], name


@pytest.mark.parametrize("name", sorted(of_type("AWS::S3::Bucket")))
def test_a_bucket_is_private_encrypted_and_tls_only(name: str) -> None:
    bucket = RESOURCES[name]["Properties"]
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    # CloudFront writes its logs with an ACL; no other bucket takes any.
    ownership = "BucketOwnerPreferred" if name == "CdnLogBucket" else "BucketOwnerEnforced"
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": ownership}]
    for setting, value in bucket["PublicAccessBlockConfiguration"].items():
        assert value is True or value == {"Fn::If": ["AnonymousUploads", False, True]}, setting
    denied = [
        statement
        for _, statement in statements()
        if statement.get("Sid") == "TlsOnly" and {"Fn::GetAtt": f"{name}.Arn"} in statement["Resource"]
    ]
    assert denied[0]["Effect"] == "Deny"
    assert denied[0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_originals_expire() -> None:
    rules = RESOURCES["UploadBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    days = {"Fn::If": ["KeepsOriginals", 36500, {"Ref": "OriginalsRetentionDays"}]}
    (rule,) = [rule for rule in rules if rule.get("ExpirationInDays") == days]
    assert rule["Status"] == {"Fn::If": ["KeepsOriginals", "Disabled", "Enabled"]}


def test_parameters_are_described_and_safe_by_default() -> None:
    parameters = TEMPLATE["Parameters"]
    assert all(parameter["Description"] for parameter in parameters.values())
    assert parameters["AllowAnonymousUploads"]["Default"] == "false"
    assert parameters["DeleteOriginals"]["Default"] == "false"
    assert parameters["Architecture"]["Default"] == "x86_64"


@pytest.mark.parametrize(("cdn", "view", "accepted"), [
    ("true", "invited", False), ("true", "open", True), ("false", "invited", True),
])  # fmt: skip
def test_a_private_gallery_with_a_cdn_is_refused(cdn: str, view: str, accepted: bool) -> None:
    rule = TEMPLATE["Rules"]["PrivateGalleriesHaveNoCdn"]
    given = {"Cdn": cdn, "ViewAccess": view}

    def equal(condition: dict[str, list[Any]]) -> bool:
        first, second = condition["Fn::Equals"]
        return bool(given[first["Ref"]] == second)

    assert (not equal(rule["RuleCondition"]) or all(equal(one["Assert"]) for one in rule["Assertions"])) == accepted


def test_the_code_and_the_template_agree() -> None:
    assert parse_renditions(TEMPLATE["Parameters"]["Renditions"]["Default"]) == DEFAULT_RENDITIONS
    assert FUNCTIONS["ResizeFunction"]["MemorySize"] == {"Ref": "ResizeMemory"}
    assert TEMPLATE["Parameters"]["ResizeMemory"]["Default"] == FUNCTION_MEMORY_MB
    assert TEMPLATE["Parameters"]["MaxImageMegapixels"]["Default"] * 1_000_000 == MAX_IMAGE_PIXELS
    # Nobody may ask for more (docs/engine.md).
    greatest = {name: parameter.get("MaxValue") for name, parameter in TEMPLATE["Parameters"].items()}
    assert greatest["MaxUploadMegabytes"] * 1_000_000 <= MAX_IMAGE_BYTES
    assert greatest["MaxImageMegapixels"] * 1_000_000 == MOST_IMAGE_PIXELS
    assert greatest["MaxSidePixels"] == MAX_SIDE_PX


def test_the_readme_names_the_accepted_formats_and_limits() -> None:
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    default = {name: parameter["Default"] for name, parameter in TEMPLATE["Parameters"].items() if "Mega" in name}
    assert "accepts " + READABLE.replace(" or ", " and ") in readme
    assert f"{default['MaxUploadMegabytes']} MB and {default['MaxImageMegapixels']} megapixels" in readme


def test_an_undelivered_message_goes_to_the_dead_letter_queue() -> None:
    subscriptions = of_type("AWS::SNS::Subscription").values()
    for subscription in (one for one in subscriptions if one["Protocol"] == "sqs"):
        assert subscription["RawMessageDelivery"] is True
        assert subscription["RedrivePolicy"]["deadLetterTargetArn"]


def test_the_topics_are_exported_to_other_stacks() -> None:
    assert TEMPLATE["Outputs"]["UploadTopicArn"]["Export"]["Name"]


def test_other_sites_may_use_the_api_only_if_a_parameter_names_them() -> None:
    assert TEMPLATE["Parameters"]["AllowedOrigins"]["Default"] == ""
    condition, cors, otherwise = RESOURCES["Api"]["Properties"]["CorsConfiguration"]["Fn::If"]
    assert TEMPLATE["Conditions"][condition] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "AllowedOrigins"}, ""]}]}
    assert cors["AllowOrigins"] == {"Fn::Split": [",", {"Ref": "AllowedOrigins"}]}
    assert "AllowCredentials" not in cors  # the session cookie stays with the gallery
    assert otherwise == {"Ref": "AWS::NoValue"}
