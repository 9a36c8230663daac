"""The template's dashboard, alarms, saved queries and traces refer only to existing metrics, fields and sections."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ops.develop import generated
from ops.develop.log_fields import FIELDS
from ops.monitoring.panels import COLOURS, LAYOUT, dashboard_body
from ops.monitoring.queries import QUERIES
from shared.log_events import EVENTS
from shared.metrics import METRICS
from tests.support.template import FUNCTIONS, RESOURCES, ROOT, TEMPLATE, every_value, of_type, statements

OURS = {"Ref": "AWS::StackName"}
NAMES = {metric.name for metric in METRICS}
# Dimension and metric names that AWS documents for its own namespaces.
AWS_METRICS = {
    "AWS/SQS": {
        "ApproximateNumberOfMessagesVisible",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateAgeOfOldestMessage",
        "NumberOfMessagesSent",
    },
    "AWS/Lambda": {"ConcurrentExecutions", "Throttles", "Errors", "Duration", "RecursiveInvocationsDropped"},
    "AWS/SNS": {"NumberOfNotificationsFailed"},
    "AWS/ApiGateway": {"5xx"},
}
STANDARD_FIELDS = {"message", "level", "service", "function_request_id"}
ALARMS = of_type("AWS::CloudWatch::Alarm")
# The words of Logs Insights that our queries use, and names that they give.
QUERY_WORDS = {"filter", "in", "sort", "asc", "desc", "limit", "display", "stats", "count", "count_distinct", "max"}
QUERY_WORDS |= {"by", "bin", "as", "lines", "uploads", "sum", "or"}  # and each alias of the query


def test_generated_files_are_up_to_date() -> None:
    assert generated.decisions_page() == (ROOT / "docs/decisions/README.md").read_text(), "run `make generated`"
    assert generated.dashboard_resources() == generated.DASHBOARD.read_text(), "run `make generated`"
    assert generated.logs_page() == (ROOT / "docs/logs.md").read_text(), "run `make generated`"


def dashboard() -> dict[str, Any]:
    (found,) = of_type("AWS::CloudWatch::Dashboard").values()
    body: dict[str, Any] = json.loads(found["DashboardBody"]["Fn::Sub"])
    return body


def test_the_dashboard_shows_only_metrics_that_exist() -> None:
    assert dashboard() == dashboard_body()
    seen = set()
    for widget in dashboard()["widgets"]:
        for metric in widget["properties"].get("metrics", []):
            if isinstance(metric[0], dict):
                seen |= set(re.findall(r'MetricName="(\w+)"', metric[0]["expression"]))
            elif metric[0] == "${AWS::StackName}":
                seen.add(metric[1])
                assert metric[2] == "service"
                assert metric[3] in {"ingest", "resize", "list"}
            else:
                assert metric[1] in AWS_METRICS[metric[0]]
    assert seen <= NAMES
    assert seen >= NAMES, "a metric that nobody looks at costs money for nothing"


def test_the_dashboard_is_a_grid_of_24_columns() -> None:
    for _, row in LAYOUT:
        assert sum(panel.width for panel in row) == 24


def test_resources_that_the_dashboard_refers_to_exist() -> None:
    (found,) = of_type("AWS::CloudWatch::Dashboard").values()
    named = set(re.findall(r"\$\{([A-Za-z]\w*)(?:\.\w+)?\}", found["DashboardBody"]["Fn::Sub"]))
    assert named <= set(RESOURCES)


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_a_query_asks_only_for_fields_and_messages_that_exist(query: Any) -> None:
    quoted = re.findall(r'"([^"]*)"', query.text)
    words = set(re.findall(r"(?<![@\w])[a-z_]\w*", re.sub(r'"[^"]*"', "", re.sub(r"bin\(\w+\)", "", query.text))))
    aliases = set(re.findall(r"\bas (\w+)", query.text))
    assert words - QUERY_WORDS - aliases <= set(FIELDS) | STANDARD_FIELDS
    known = set(EVENTS) | {"WARNING", "ERROR", "REPORT", "PASTE AN IMAGE ID"}
    assert set(quoted) <= known
    (saved,) = [
        one
        for one in of_type("AWS::Logs::QueryDefinition").values()
        if one["Name"]["Fn::Sub"].endswith(f"/{query.name}")
    ]
    assert saved["QueryString"].strip() == query.text
    groups = {group["LogGroupName"]["Fn::Sub"] for group in of_type("AWS::Logs::LogGroup").values()}
    assert {group["Fn::Sub"] for group in saved["LogGroupNames"]} <= groups


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_an_alarm_watches_an_existing_metric_and_links_to_the_runbook(name: str) -> None:
    alarm = ALARMS[name]
    if alarm["Namespace"] == OURS:
        assert alarm["MetricName"] in NAMES
        assert alarm["Dimensions"] == [{"Name": "service", "Value": "resize"}]
    else:
        assert alarm["MetricName"] in AWS_METRICS[alarm["Namespace"]]
    assert alarm["MetricName"] != "UploadsRejected", "a user's bad file wakes nobody"
    description = alarm["AlarmDescription"]["Fn::Sub"]
    assert description.endswith(f" ${{RunbookUrl}}#{name.lower()}")
    assert f"### `{name}`" in (ROOT / "docs/runbook.md").read_text()
    assert alarm["TreatMissingData"] == "notBreaching"
    assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopic"}]


def test_there_is_an_alarm_for_each_kind_of_failure() -> None:
    assert {alarm["MetricName"] for alarm in ALARMS.values()} == {
        "ApproximateNumberOfMessagesVisible",
        "ApproximateAgeOfOldestMessage",
        "UploadsWaiting",
        "AttemptsFailed",
        "Latency",
        "Throttles",
        "RecursiveInvocationsDropped",
        "NumberOfNotificationsFailed",
        "5xx",
    }


def test_alarms_are_mailed_only_to_a_given_address() -> None:
    assert TEMPLATE["Parameters"]["AlarmEmail"]["Default"] == ""
    assert RESOURCES["AlarmSubscription"]["Condition"] == "SendsAlarms"
    assert "Condition" not in RESOURCES["AlarmTopic"]
    assert RESOURCES["AlarmSubscription"]["Properties"]["Endpoint"] == {"Ref": "AlarmEmail"}


def test_every_function_is_traced_under_its_own_name() -> None:
    common = TEMPLATE["Globals"]["Function"]
    assert common["Tracing"] == {"Ref": "Tracing"}
    assert common["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"] == OURS
    services = [one["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] for one in FUNCTIONS.values()]
    assert sorted(services) == ["ingest", "list", "remove", "resize"]
    tracers = {name for name, one in statements() if "xray:PutTraceSegments" in one["Action"]}
    assert tracers == {one["Role"]["Fn::GetAtt"].removesuffix(".Arn") for one in FUNCTIONS.values()}


def test_no_function_brings_the_x_ray_sdk() -> None:
    for requirements in ROOT.glob("**/requirements.txt"):
        if ".venv" not in str(requirements) and ".aws-sam" not in str(requirements):
            assert "aws-xray-sdk" not in requirements.read_text()


def test_colours_are_all_defined() -> None:
    used = {value["color"] for value in every_value(dashboard()) if isinstance(value, dict) and "color" in value}
    assert used <= {light for light, _ in COLOURS.values()}
    assert Path(ROOT / "ops/monitoring/report.html").exists()
