"""Files generated from the code: `python -m ops.develop.generated` writes them and a test compares them."""

import inspect
import re
from pathlib import Path
from textwrap import indent

from ops.cost import cheaper
from ops.cost.prices import prices
from ops.cost.usage import usage
from ops.develop import contract, roles
from ops.develop.log_fields import FIELDS
from ops.monitoring.panels import dashboard_text
from ops.monitoring.queries import QUERIES, Query
from shared.log_events import EVENTS
from shared.metrics import METRICS

ROOT = Path(__file__).parents[2]
COST = ROOT / "docs" / "cost.md"
DASHBOARD = ROOT / "ops" / "monitoring" / "dashboard.yaml"

_LOGS = """\
# Log lines and metrics

Written from `shared/log_events.py` and `shared/metrics.py` by `make generated`; a test compares them.

Every line is one JSON object in the log group `/aws/lambda/<stack>-<service>`. Besides its own fields each line has
`level`, `message`, `timestamp` (UTC, RFC 3339), `service`, `location`, `cold_start`, `function_name`,
`function_memory_size`, `function_arn`, `function_request_id` and, on AWS, `xray_trace_id`. A line about an exception
also has `exception` and `exception_name`. `image_id` is the correlation id: one query for it shows an upload's whole
history (`darkroom trace IMAGE_ID`). A field without a value is left out.

`INFO` is normal operation, rejected files included. `WARNING`: Darkroom recovers by itself. `ERROR`: an operator must
act. Python libraries and Lambda itself (`START`, `END`, `REPORT`) also write lines.

"""


def logs_page() -> str:
    """docs/logs.md."""
    rows = [_LOGS, "| message | level | event | fields | metrics |\n|---|---|---|---|---|\n"]
    for event in EVENTS.values():
        about = inspect.cleandoc(event.__doc__ or "")
        counted = [event.counts.name] if event.counts else []
        metrics = _code([*counted, *(metric.name for metric in event.measures.values())])
        if event.uncounted_codes:
            metrics += f" unless the code is {_code(sorted(event.uncounted_codes))}"
        rows.append(
            f"| `{event.message}` | {event.level.upper()} | {about} | {_code(event.field_names())} | {metrics} |\n"
        )
    rows.append("\n## Fields\n\n| field | meaning |\n|---|---|\n")
    rows += [f"| `{name}` | {FIELDS[name]} |\n" for name in sorted(FIELDS)]
    rows.append(
        "\n## Metrics\n\nThe namespace has the stack's name; every metric has the dimension `service`.\n\n"
        "| metric | unit | meaning |\n|---|---|---|\n"
    )
    for metric in METRICS:
        rows.append(f"| `{metric.name}` | {metric.unit.value} | {metric.about}{_by_code(metric.by_code)} |\n")
    return "".join(rows)


_DECISIONS = """\
# Decisions

Every choice that had alternatives has one file: its status and date, the alternatives, the reason, and how to go back.
To add a decision, write `docs/decisions/DATE-NAME.md` in the form of the others and run `make generated`, which writes
this list. A superseded decision keeps its file, and its status names the new file.

| date | decision | status |
|---|---|---|
"""
DECISION = re.compile(r"# (?P<title>.+)\n\nStatus: (?P<status>[^\n]+), (?P<date>\d{4}-\d\d-\d\d)\n\n")


def decisions_page() -> str:
    """Return docs/decisions/README.md: the index of all decisions, the newest date first."""
    rows = []
    for file in sorted((ROOT / "docs" / "decisions").glob("2*.md")):
        found = DECISION.match(file.read_text())
        date = file.name[:10]
        if not found or found["date"] != date:
            raise ValueError(f"{file.name} must begin with `# Title`, a blank line and `Status: accepted, {date}`")
        rows.append((date, f"| {date} | [{found['title']}]({file.name}) | {found['status']} |\n"))
    rows.sort(key=lambda row: row[0], reverse=True)  # stable: files of one date stay in the order of their names
    return _DECISIONS + "".join(row for _, row in rows)


def cost_page() -> str:
    """docs/cost.md with its table of changes, from the prices of us-east-1."""
    return cheaper.page(COST.read_text(), usage(), prices("us-east-1"))


_DASHBOARD = """\
# The dashboard and the saved queries, which template.yaml includes.
# `make generated` writes this file from panels.py and queries.py; a test compares them.
# AWS::Include takes no short forms: Fn::Sub, not !Sub.
Dashboard:
  Type: AWS::CloudWatch::Dashboard
  Properties:
    # Dashboards are global to an account, so the stack's name alone would clash with the same stack elsewhere.
    DashboardName: { "Fn::Sub": "${AWS::StackName}-${AWS::Region}" }
    DashboardBody:
      Fn::Sub: |
"""


def dashboard_resources() -> str:
    """Return ops/monitoring/dashboard.yaml: the resources that template.yaml includes."""
    return "\n".join([_DASHBOARD + indent(dashboard_text(), " " * 8), *map(_query_resource, QUERIES)])


def _query_resource(query: Query) -> str:
    groups = "".join(f"      - Fn::Sub: {group}\n" for group in query.log_groups)
    return (
        f"{query.name.title()}Query:\n  Type: AWS::Logs::QueryDefinition\n  Condition: OnAws\n  Properties:\n"
        f'    Name: {{ "Fn::Sub": "${{AWS::StackName}}/{query.name}" }}\n    LogGroupNames:\n{groups}'
        f"    QueryString: |\n{indent(query.text, ' ' * 6)}\n"
    )


def _by_code(by_code: bool) -> str:
    return "; also by `code`" if by_code else ""


def _code(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    (ROOT / "docs" / "logs.md").write_text(logs_page())
    (ROOT / "docs" / "decisions" / "README.md").write_text(decisions_page())
    DASHBOARD.write_text(dashboard_resources())
    for path, text in contract.files().items():
        path.write_text(text)
    COST.write_text(cost_page())
    roles.ROLES.write_text(roles.roles_file(roles.ROLES.read_text()))
