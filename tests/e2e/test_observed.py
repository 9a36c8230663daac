"""200 mixed uploads in the real artifact: logs, report and alarms count exactly the uploads that were sent."""

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from shared import log_events
from tests.support import mixed
from tests.support.deployed import DARKROOM, Stack, until
from tests.support.mixed import DURING_OUTAGE, GOOD, HOSTILE, Ledger, ids, lines, raw


@pytest.fixture(scope="module")
def killable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with mixed.killable(tmp_path_factory.mktemp("observed")) as running:
        yield running


@pytest.fixture(scope="module")
def ledger(killable: Stack) -> Ledger:
    return mixed.send_all(killable)


def emf(stack: Stack) -> list[dict[str, Any]]:
    """Return the metrics that the functions sent, in the form of PutMetricData, each with its namespace."""
    found = []
    for text in raw(stack):
        if not text.startswith('{"_aws"'):
            continue
        document = json.loads(text)
        for group in document["_aws"]["CloudWatchMetrics"]:
            dimensions = [{"Name": name, "Value": document[name]} for name in group["Dimensions"][0]]
            for metric in group["Metrics"]:
                datum = {"MetricName": metric["Name"], "Unit": metric["Unit"], "Dimensions": dimensions}
                found.append({"Namespace": group["Namespace"], "Values": document[metric["Name"]], "Datum": datum})
    return found


def darkroom(stack: Stack, *arguments: str) -> str:
    command = [DARKROOM, *arguments, "--folder", str(stack.engine.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "300"})
    assert done.returncode == 0, done.stderr
    return done.stdout


def trace(stack: Stack, image_id: str) -> list[str]:
    return [line["message"] for line in json.loads(darkroom(stack, "trace", image_id, "--json"))]


def test_the_report_counts_every_upload(killable: Stack, ledger: Ledger) -> None:
    assert ledger.sent == 200
    report = json.loads(darkroom(killable, "report", "--json"))
    assert report["outcomes"] == {
        "ticketed": 200,
        "received": 200,
        "resized": GOOD + DURING_OUTAGE,
        "rejected": HOSTILE,
        "dead_lettered": 1,
        "superseded": 0,
        "retried": len(ids(lines(killable), log_events.MessageFailed)),
        "open": 0,
    }
    assert report["outcomes"]["retried"] >= DURING_OUTAGE + 1
    counted = {(one["what"], one["code"]): one["uploads"] for one in report["reasons"]}
    for code in set(ledger.hostile.values()):
        assert counted["rejected", code] == list(ledger.hostile.values()).count(code)
    assert counted["dead-lettered", "crashed"] == 1
    assert counted["retried", "storage-refused"] >= DURING_OUTAGE


def test_the_log_lines_match_the_ledger(killable: Stack, ledger: Ledger) -> None:
    found = lines(killable)
    assert ids(found, log_events.UploadResized) == {*ledger.good, *ledger.during_outage}
    assert ids(found, log_events.UploadRejected) == set(ledger.hostile)
    assert ids(found, log_events.DeadLetterSent) == {ledger.killer}
    standard = {"level", "location", "message", "timestamp", "service", "cold_start", "function_name", "exception"}
    standard |= {"function_memory_size", "function_arn", "function_request_id", "xray_trace_id", "exception_name"}
    for line in found:
        assert set(line.fields) <= set(log_events.EVENTS[line.message].field_names()) | standard, line.message


def test_metrics_agree_with_the_log(killable: Stack, ledger: Ledger) -> None:
    """Metrics count events, not uploads: a slow batch outlives its lease, is redelivered, and is resized twice."""
    sums: dict[str, float] = {}
    for one in emf(killable):
        sums[one["Datum"]["MetricName"]] = sums.get(one["Datum"]["MetricName"], 0) + sum(one["Values"])
    told = Counter(line.message for line in lines(killable))
    assert sums["UploadsTicketed"] == ledger.sent
    assert sums["UploadsDeadLettered"] == 1
    assert sums["UploadsResized"] == told["upload resized"] >= GOOD + DURING_OUTAGE
    assert sums["UploadsRejected"] == told["upload rejected"] >= HOSTILE
    assert sums["UploadsRetried"] == told["message failed"]
    assert sums["AttemptsFailed"] == told["message failed"] + told["dead letter sent"]


def test_a_rejected_upload_has_its_trace(killable: Stack, ledger: Ledger) -> None:
    image_id = next(iter(ledger.hostile))
    assert trace(killable, image_id) == ["upload ticketed", "upload received", "upload rejected"]
    shown = darkroom(killable, "trace", image_id)
    assert ledger.hostile[image_id] in shown
    assert "refused for good" in shown


def test_a_retried_upload_has_its_trace(killable: Stack, ledger: Ledger) -> None:
    story = trace(killable, ledger.during_outage[0])
    assert story[:3] == ["upload ticketed", "upload received", "message failed"]
    assert story[-2:] == ["upload received", "upload resized"]
    assert "in the gallery" in darkroom(killable, "trace", ledger.during_outage[0])


def test_a_dead_lettered_upload_has_its_trace(killable: Stack, ledger: Ledger) -> None:
    story = trace(killable, ledger.killer)
    # Its renderer dies at each attempt, and the function explains each.
    assert story[:1] == ["upload ticketed"]
    assert story[1:] == ["upload received", "message failed"] * 4 + ["upload received", "dead letter sent"]
    assert "given up" in darkroom(killable, "trace", ledger.killer)


def test_a_trace_ends_when_the_gallery_shows_the_picture(killable: Stack, ledger: Ledger) -> None:
    httpx.get(f"{killable.gallery_url}images?ids={ledger.good[0]}").raise_for_status()
    until(lambda: trace(killable, ledger.good[0])[-1] == "upload shown", "the last line")


def test_the_logs_contain_no_secrets(killable: Stack, ledger: Ledger) -> None:
    httpx.get(killable.gallery_url).raise_for_status()
    everything = "\n".join(raw(killable))
    for secret in ("X-Amz-Signature", "x-amz-signature", "X-Amz-Credential", "x-amz-security-token", "AWS_SECRET"):
        assert secret not in everything
    assert "猫" not in "\n".join(text for text in raw(killable) if text.startswith("{"))


def test_the_html_report_has_thumbnails_and_dead_letters(killable: Stack, ledger: Ledger) -> None:
    file = killable.engine.folder / "report.html"
    darkroom(killable, "report", "--html", str(file))
    text = file.read_text()
    assert "1 upload given up" in text
    assert text.count("data:image/jpeg;base64,") == 8
    assert ledger.killer in text


ALARMS_OF_AWS = {
    "AWS/SQS": ["ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"],
    "AWS/Lambda": ["Throttles"],
    "AWS/ApiGateway": ["5xx"],
}


def state(stack: Stack, metric: str) -> tuple[str, str]:
    (alarm,) = [
        one for one in stack.client("cloudwatch").describe_alarms()["MetricAlarms"] if one["MetricName"] == metric
    ]
    return alarm["StateValue"], alarm["AlarmDescription"]


def test_error_rate_and_latency_alarms_fire_on_the_metrics_of_the_function(killable: Stack, ledger: Ledger) -> None:
    cloudwatch = killable.client("cloudwatch")
    now = datetime.now(UTC)
    for one in emf(killable):
        for value in one["Values"]:
            cloudwatch.put_metric_data(
                Namespace=one["Namespace"], MetricData=[one["Datum"] | {"Value": value, "Timestamp": now}]
            )
    # The number of failed attempts depends on the machine's speed. As many failures as attempts are surely too many.
    attempts = [one for one in emf(killable) if one["Datum"]["MetricName"] == "AttemptsFailed"]
    failing = [attempts[0]["Datum"] | {"Value": 1.0, "Timestamp": now}] * sum(len(one["Values"]) for one in attempts)
    cloudwatch.put_metric_data(Namespace=attempts[0]["Namespace"], MetricData=failing)
    until(lambda: state(killable, "AttemptsFailed")[0] == "ALARM", "an alarm")
    # No upload was slow enough for an alarm, so the test adds a minute to the metric.
    assert state(killable, "Latency")[0] == "OK"
    (latency, *_) = [one for one in emf(killable) if one["Datum"]["MetricName"] == "Latency"]
    slow = [latency["Datum"] | {"Value": latency["Values"][0] + 60_000, "Timestamp": now}] * 4
    cloudwatch.put_metric_data(Namespace=latency["Namespace"], MetricData=slow)
    until(lambda: state(killable, "Latency")[0] == "ALARM", "an alarm")


@pytest.mark.parametrize(
    ("namespace", "metric"), [(namespace, metric) for namespace, names in ALARMS_OF_AWS.items() for metric in names]
)
def test_alarms_on_metrics_of_aws_fire(killable: Stack, ledger: Ledger, namespace: str, metric: str) -> None:
    cloudwatch = killable.client("cloudwatch")
    (alarm,) = [one for one in cloudwatch.describe_alarms()["MetricAlarms"] if one["MetricName"] == metric]
    measured = killable.waiting("ResizeDeadLetterQueueUrl") if metric.endswith("Visible") else alarm["Threshold"] + 1
    # Put the value into every evaluated period, because an alarm may need more than one bad minute.
    datum = {"MetricName": metric, "Dimensions": alarm["Dimensions"], "Value": measured}
    assert alarm["StateValue"] != "ALARM"
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=[datum | {"Timestamp": datetime.now(UTC)}])
    until(lambda: state(killable, metric)[0] == "ALARM", "an alarm")
    assert "docs/runbook.md#" in state(killable, metric)[1]
    assert alarm["AlarmActions"] == [one for one in alarm["AlarmActions"] if ":sns:" in one] != []
