"""The panels of the CloudWatch dashboard, from which `make generated` writes the template's dashboard.

`darkroom report` draws the panels for which the log has all values.
"""

import json
from dataclasses import dataclass
from typing import Any, Literal

from ops.monitoring.queries import ERRORS, MEMORY, REJECTIONS, SLOWEST, Query
from shared import metrics
from shared.metrics import Metric

# The colours by meaning, for a light and a dark theme. The dashboard uses the first colour, the report uses both.
COLOURS = {
    "new": ("#2f6fb7", "#6aa9ee"),
    "good": ("#1f8a70", "#4cc3a5"),
    "user": ("#b7791f", "#e0ac4a"),
    "again": ("#7a5bb5", "#a98be0"),
    "bad": ("#c2372e", "#f0776c"),
    "dim": ("#7b8290", "#8d95a5"),
}
type Colour = Literal["new", "good", "user", "again", "bad", "dim"]
PERIOD_SECONDS = 300


@dataclass(frozen=True, slots=True)
class AwsMetric:
    """A metric that an AWS service publishes; values may name resources of the template, as in Fn::Sub."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a panel; `statistic` is the name in CloudWatch (Sum, Average, Maximum, p99)."""

    label: str
    metric: Metric | AwsMetric
    statistic: str
    colour: Colour
    service: str = "resize"
    right_axis: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """Several series. A `number` shows the newest value, a `chart` the values over time."""

    title: str
    kind: Literal["number", "chart", "bars"]
    unit: str
    series: tuple[Series, ...]
    width: int
    reported: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table with the result of a saved query."""

    title: str
    query: Query
    width: int
    chart: bool = False


def _queue(name: str, queue: str = "ResizeQueue") -> AwsMetric:
    return AwsMetric("AWS/SQS", name, (("QueueName", f"${{{queue}.QueueName}}"),))


def _lambda(name: str) -> AwsMetric:
    return AwsMetric("AWS/Lambda", name, (("FunctionName", "${AWS::StackName}-resize"),))


def _server_errors() -> AwsMetric:
    return AwsMetric("AWS/ApiGateway", "5xx", (("ApiId", "${Api}"),))


_HEALTH = (
    Series("arriving", _queue("NumberOfMessagesSent"), "Sum", "new"),
    Series("resized", metrics.UPLOADS_RESIZED, "Sum", "good"),
    Series("waiting", _queue("ApproximateNumberOfMessagesVisible"), "Maximum", "dim"),
    Series("oldest, seconds", _queue("ApproximateAgeOfOldestMessage"), "Maximum", "dim"),
    Series("dead letters", _queue("ApproximateNumberOfMessagesVisible", "ResizeDeadLetterQueue"), "Maximum", "bad"),
    Series("failed attempts", metrics.ATTEMPTS_FAILED, "Sum", "again"),
    Series("5xx", _server_errors(), "Sum", "bad"),
)
THROUGHPUT = Panel(
    "Uploads",
    "bars",
    "uploads",
    (
        Series("resized", metrics.UPLOADS_RESIZED, "Sum", "good"),
        Series("rejected", metrics.UPLOADS_REJECTED, "Sum", "user"),
        Series("dead-lettered", metrics.UPLOADS_DEAD_LETTERED, "Sum", "bad"),
        Series("superseded", metrics.UPLOADS_SUPERSEDED, "Sum", "dim"),
    ),
    12,
    reported=True,
)
LATENCY = Panel(
    "From upload to renditions",
    "chart",
    "ms",
    (
        Series("p50", metrics.LATENCY, "p50", "good"),
        Series("p90", metrics.LATENCY, "p90", "new"),
        Series("p99", metrics.LATENCY, "p99", "again"),
    ),
    12,
    reported=True,
)
TROUBLE = Panel(
    "Trouble on our side",
    "bars",
    "attempts",
    (
        Series("retried", metrics.UPLOADS_RETRIED, "Sum", "again"),
        Series("waiting", metrics.UPLOADS_WAITING, "Sum", "dim"),
        Series("dead-lettered", metrics.UPLOADS_DEAD_LETTERED, "Sum", "bad"),
    ),
    6,
    reported=True,
)
WORK = Panel(
    "Work on one picture, median",
    "chart",
    "ms",
    (
        Series("decode", metrics.DECODE_TIME, "p50", "new"),
        Series("resize", metrics.RESIZE_TIME, "p50", "good"),
        Series("encode", metrics.ENCODE_TIME, "p50", "again"),
    ),
    6,
    reported=True,
)
DATA = Panel(
    "Bytes",
    "chart",
    "bytes",
    (
        Series("in", metrics.BYTES_IN, "Sum", "new"),
        Series("out", metrics.BYTES_OUT, "Sum", "good"),
    ),
    6,
)
LAYOUT: tuple[tuple[int, tuple[Panel | Table, ...]], ...] = (
    (4, (Panel("Health: the last five minutes", "number", "", _HEALTH, 24),)),
    (6, (THROUGHPUT, LATENCY)),
    (
        6,
        (
            Panel("Rejected, by reason", "bars", "uploads", (Series("", metrics.UPLOADS_REJECTED, "Sum", "user"),), 6),
            TROUBLE,
            WORK,
            DATA,
        ),
    ),
    (
        6,
        (
            Panel(
                "Queue",
                "chart",
                "messages",
                (
                    Series("waiting", _queue("ApproximateNumberOfMessagesVisible"), "Maximum", "new"),
                    Series("in flight", _queue("ApproximateNumberOfMessagesNotVisible"), "Maximum", "dim"),
                    Series("a batch", metrics.BATCH_SIZE, "Average", "good"),
                    Series("oldest, s", _queue("ApproximateAgeOfOldestMessage"), "Maximum", "bad", right_axis=True),
                ),
                6,
            ),
            Panel(
                "Lambda: environments",
                "chart",
                "environments",
                (
                    Series("at once", _lambda("ConcurrentExecutions"), "Maximum", "new"),
                    Series("cold starts", metrics.COLD_STARTS, "Sum", "dim"),
                    Series("throttled", _lambda("Throttles"), "Sum", "bad"),
                    Series("crashed", _lambda("Errors"), "Sum", "again"),
                ),
                6,
            ),
            Panel(
                "Lambda: duration of a batch",
                "chart",
                "ms",
                (
                    Series("p50", _lambda("Duration"), "p50", "good"),
                    Series("p99", _lambda("Duration"), "p99", "again"),
                ),
                6,
            ),
            Table("Lambda: memory, MiB", MEMORY, 6, chart=True),
        ),
    ),
    (
        6,
        (
            Panel(
                "The door",
                "chart",
                "requests",
                (
                    Series("tickets", metrics.UPLOADS_TICKETED, "Sum", "new", service="ingest"),
                    Series("5xx", _server_errors(), "Sum", "bad"),
                ),
                6,
            ),
            Table("Newest rejections", REJECTIONS, 18),
        ),
    ),
    (8, (Table("Slowest pictures", SLOWEST, 12), Table("Warnings and errors", ERRORS, 12))),
)
REPORTED = tuple(panel for _, row in LAYOUT for panel in row if isinstance(panel, Panel) and panel.reported)


def dashboard_body() -> dict[str, Any]:
    """Return the dashboard in CloudWatch's format, with names for Fn::Sub.

    docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
    """
    widgets = []
    y = 0
    for height, row in LAYOUT:
        x = 0
        for panel in row:
            place = {"x": x, "y": y, "width": panel.width, "height": height}
            widgets.append(place | (_table(panel) if isinstance(panel, Table) else _metrics(panel)))
            x += panel.width
        y += height
    return {"start": "-PT3H", "periodOverride": "inherit", "widgets": widgets}


def dashboard_text() -> str:
    """Return `dashboard_body` as JSON with one widget per line."""
    body = dashboard_body()
    lines = ",\n".join("  " + json.dumps(widget) for widget in body.pop("widgets"))
    return f'{json.dumps(body)[:-1]}, "widgets": [\n{lines}\n]}}\n'


def _metrics(panel: Panel) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "title": panel.title,
        "region": "${AWS::Region}",
        "view": "singleValue" if panel.kind == "number" else "timeSeries",
        "period": PERIOD_SECONDS,
        "metrics": [_metric(series, f"e{number}") for number, series in enumerate(panel.series)],
    }
    if panel.kind == "bars":
        properties |= {"stacked": True}
    if panel.kind == "number":
        properties |= {"sparkline": True}
    else:
        properties |= {"yAxis": {"left": {"min": 0, "label": panel.unit, "showUnits": False}}}
    return {"type": "metric", "properties": properties}


def _metric(series: Series, name: str) -> list[Any]:
    drawn = {"label": series.label, "stat": series.statistic, "color": COLOURS[series.colour][0]}
    metric = series.metric
    if isinstance(metric, AwsMetric):
        if series.right_axis:
            drawn |= {"yAxis": "right"}
        return [metric.namespace, metric.name, *(part for pair in metric.dimensions for part in pair), drawn]
    if metric.by_code:  # one line per existing code, or one line for all codes if the series has a name
        search = (
            f'SEARCH(\'{{"${{AWS::StackName}}",code,service}} MetricName="{metric.name}" '
            f"service=\"{series.service}\"', '{series.statistic}', {PERIOD_SECONDS})"
        )
        if not series.label:
            return [{"expression": search, "id": name, "label": "${!PROP('Dim.code')}"}]
        return [{"expression": f"SUM({search})", "id": name, "label": series.label, "color": drawn["color"]}]
    return ["${AWS::StackName}", metric.name, "service", series.service, drawn]


def _table(table: Table) -> dict[str, Any]:
    sources = "".join(f"SOURCE '{group}' | " for group in table.query.log_groups)
    properties = {
        "title": table.title,
        "region": "${AWS::Region}",
        "query": sources + table.query.text,
        "view": "timeSeries" if table.chart else "table",
    }
    return {"type": "log", "properties": properties}
