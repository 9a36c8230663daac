"""`darkroom report`: the dashboard without AWS, made from the log lines, in the terminal or as one HTML file."""

import base64
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from rich.table import Table

from ops.cost.observed import dollars_per_thousand
from ops.cost.prices import prices
from ops.cost.usage import usage
from ops.monitoring import charts, summary
from ops.monitoring.logs import LogLine, lines
from ops.monitoring.panels import COLOURS, REPORTED
from ops.options import JsonOption, console, filled, flat, print_json
from ops.options import since as moment
from ops.problem import sentence_on_problem
from ops.recovery import letters
from ops.target import Place, Target, resolve
from ops.terminal import escape
from shared import log_events
from shared.keys import image_prefix
from shared.renditions import LISTED

SLOWEST_PICTURES = 8
NEWEST_EVENTS = 15
NEWEST_REASONS = 10
_REASON_COLOURS = {"rejected": "user", "retried": "again", "dead-lettered": "bad"}


@sentence_on_problem
@flat
def report(
    *,
    since: Annotated[
        str,
        typer.Option("--since", callback=filled, help="Only uploads since then: an age like 1h, or 2026-11-22T14:30."),
    ] = "1h",
    html: Annotated[Path | None, typer.Option("--html", help="Write charts and pictures into this file.")] = None,
    as_json: JsonOption = False,
    place: Place,
) -> None:
    """Show outcomes, latency, failures by reason, and the slowest pictures.

    Example: darkroom report --since 2h --html report.html --stack darkroom-prod --region eu-west-1
    """
    begin, now = moment(since), datetime.now(UTC)
    target = resolve(place)
    found = lines(target, begin)
    if html:
        pictures = {line.image_id or "": thumbnail(target, line.image_id or "") for line in _slowest(found)}
        html.write_text(page(target.name, found, _queues(target), pictures, begin, now), "utf-8")
        console.print(f"Written: {html}", soft_wrap=True, highlight=False)
    elif as_json:
        reasons = [{"what": what, "code": code, "uploads": count} for what, code, count in summary.reasons(found)]
        print_json(
            {
                "outcomes": asdict(summary.outcomes(found)),
                "reasons": reasons,
                "latency_ms": _latency(found),
                "dollars_per_thousand": _dollars(found),
            }
        )
    else:
        _print(found)


def page(
    name: str,
    found: Sequence[LogLine],
    queues: dict[str, int],
    pictures: dict[str, str],
    since: datetime,
    now: datetime,
) -> str:
    """Return the report as one self-contained HTML document. `pictures` has thumbnails as data URIs by image id."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    outcomes = summary.outcomes(found)
    return environment.get_template("report.html").render(
        name=name,
        since=f"{since:%Y-%m-%d %H:%M}",
        now=f"{now:%Y-%m-%d %H:%M}",
        colours=COLOURS,
        verdict=verdict(outcomes, queues),
        tiles=_tiles(outcomes, queues, _latency(found), _dollars(found)),
        charts=_charts(found, since, now),
        slowest=[_picture(line, pictures.get(line.image_id or "", ""), found) for line in _slowest(found)],
        events=_events(found),
    )


def verdict(outcomes: summary.Outcomes, queues: dict[str, int]) -> dict[str, str]:
    """Return one sentence about the state of Darkroom, and the remedy if there is a problem."""
    if queues["dead_letters"]:
        return {
            "colour": "bad",
            "title": f"{_uploads(queues['dead_letters'])} given up",
            "text": "They wait in the dead-letter queue. Read the reasons, fix the cause, then replay them:",
            "command": "darkroom dead-letters list",
        }
    if queues["waiting"] + queues["in_flight"]:
        return {
            "colour": "new",
            "title": f"{_uploads(queues['waiting'] + queues['in_flight'])} under way",
            "text": f"Waiting: {queues['waiting']}. In flight: {queues['in_flight']}. To watch:",
            "command": "darkroom status --watch",
        }
    if not outcomes.received:
        return {"colour": "dim", "title": "Nothing arrived", "text": "No upload in this time.", "command": ""}
    retried = f" {outcomes.retried} needed more than one attempt." if outcomes.retried else ""
    return {
        "colour": "good",
        "title": "All is well",
        "text": f"Each of {_uploads(outcomes.received)} has its renditions, or a reason for its rejection.{retried}",
        "command": "",
    }


def thumbnail(target: Target, image_id: str) -> str:
    """Return the picture's thumbnail as a data URI, or an empty string if the thumbnail no longer exists."""
    s3 = target.client("s3")
    bucket = target.outputs["ResizedBucketName"]
    for found in s3.list_objects_v2(Bucket=bucket, Prefix=image_prefix(LISTED, image_id)).get("Contents", []):
        answer = s3.get_object(Bucket=bucket, Key=found["Key"])
        return f"data:{answer['ContentType']};base64,{base64.b64encode(answer['Body'].read()).decode()}"
    return ""


def _charts(found: Sequence[LogLine], since: datetime, now: datetime) -> list[dict[str, Any]]:
    begin, end = summary.span(found, since, now)
    seconds = summary.bin_seconds(begin, end)
    drawn: list[dict[str, Any]] = []
    for panel in REPORTED:
        points = [point for series in panel.series for point in summary.over_time(found, series, seconds)]
        drawn.append(_chart(panel.title, charts.panel_chart(panel, points, begin, end, seconds) if points else ""))
    waits = summary.waits(found, seconds)
    colours = {"p50": "var(--good)", "p99": "var(--again)"}
    svg = charts.time_chart(waits, colours, "ms", begin, end, seconds) if waits else ""
    drawn.insert(2, _chart("Wait in the queue", svg))
    reasons = [
        (f"{what}: {code}", f"var(--{_REASON_COLOURS[what]})", count)
        for what, code, count in summary.reasons(found)[:NEWEST_REASONS]
    ]
    drawn.insert(
        3, _chart("Failures by reason", charts.ranking(reasons) if reasons else "", "No failure, no rejection.")
    )
    return drawn


def _chart(title: str, svg: str, empty: str = "None in this time.") -> dict[str, Any]:
    return {"title": title, "svg": Markup(svg), "empty": empty}  # noqa: S704  (drawn by us, labels escaped by Vega)


def _tiles(
    outcomes: summary.Outcomes, queues: dict[str, int], latency: dict[str, float], dollars: float | None
) -> list[dict[str, Any]]:
    def tile(label: str, value: Any, note: str = "", colour: str = "") -> dict[str, Any]:
        return {"label": label, "value": value, "note": note, "colour": colour}

    return [
        tile("arrived", f"{outcomes.received:,}", f"{outcomes.ticketed:,} tickets"),
        tile("resized", f"{outcomes.resized:,}", "in the gallery", "good" if outcomes.resized else ""),
        tile("rejected", f"{outcomes.rejected:,}", "the file's fault", "user" if outcomes.rejected else ""),
        tile("retried", f"{outcomes.retried:,}", "our side", "again" if outcomes.retried else ""),
        tile("dead letters", f"{queues['dead_letters']:,}", "wait now", "bad" if queues["dead_letters"] else ""),
        tile("under way", f"{queues['waiting'] + queues['in_flight']:,}", f"{queues['waiting']:,} wait"),
        tile("median", _duration(latency["p50"]) if latency else "-", "to renditions"),
        tile("p99", _duration(latency["p99"]) if latency else "-", "to renditions"),
        tile("dollars", f"{dollars:.3f}" if dollars is not None else "-", "per thousand uploads"),
    ]


def _dollars(found: Sequence[LogLine]) -> float | None:
    """Return the dollars of a thousand such uploads on AWS, at us-east-1's list prices; None without uploads."""
    computing: defaultdict[str | None, float] = defaultdict(float)
    for line in found:
        if line.message == log_events.UploadResized.message:
            computing[line.image_id] = sum(line.fields[name] for name in ("decode_ms", "resize_ms", "encode_ms")) / 1000
    rejected = summary.outcomes(found).rejected
    if not computing and not rejected:
        return None
    span = (found[-1].at - found[0].at).total_seconds()
    return dollars_per_thousand(list(computing.values()), rejected, span, usage(), prices("us-east-1"))


def _picture(line: LogLine, thumb: str, found: Sequence[LogLine]) -> dict[str, str]:
    work = line.fields["decode_ms"] + line.fields["resize_ms"] + line.fields["encode_ms"]
    received = [one for one in found if one.image_id == line.image_id and "file_name" in one.fields]
    return {
        "id": line.image_id or "",
        "name": str(received[-1].fields["file_name"]) if received else "",
        "thumb": thumb,
        "latency": _duration(line.fields["latency_ms"]),
        "work": f"{_duration(work)} work, {line.fields['size_bytes'] / 1e6:.1f} MB {line.fields['format']}",
    }


def _events(found: Sequence[LogLine]) -> list[dict[str, Any]]:
    """Return each kind of warning, error and rejection with its count and its newest line, the newest first."""
    told = [line for line in found if line.level != "INFO" or line.message == log_events.UploadRejected.message]
    kinds = Counter((line.message, line.fields.get("code", "")) for line in told)
    newest = {(line.message, line.fields.get("code", "")): line for line in told}
    return [
        {
            "at": f"{line.at:%H:%M:%S}",
            "message": line.message,
            "code": code,
            "count": kinds[message, code],
            "image_id": line.image_id or "",
            "sentence": line.fields.get("sentence", line.fields.get("error", "")),
        }
        for (message, code), line in sorted(newest.items(), key=lambda item: item[1].at, reverse=True)
    ][:NEWEST_EVENTS]


def _queues(target: Target) -> dict[str, int]:
    sqs = target.client("sqs")
    queue = letters.counts(sqs, target.outputs["ResizeQueueUrl"])
    dead = letters.counts(sqs, target.outputs["ResizeDeadLetterQueueUrl"])
    return {"waiting": queue.waiting, "in_flight": queue.in_flight, "dead_letters": dead.total}


def _slowest(found: Sequence[LogLine]) -> list[LogLine]:
    return summary.slowest(found, SLOWEST_PICTURES)


def _latency(found: Sequence[LogLine]) -> dict[str, float]:
    measured = summary.values(found, log_events.UploadResized.message, "latency_ms")
    return {f"p{percent}": summary.percentile(measured, percent) for percent in (50, 90, 99)} if measured else {}


def _duration(milliseconds: float) -> str:
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


def _uploads(count: int) -> str:
    return "1 upload" if count == 1 else f"{count:,} uploads"


def _print(found: Sequence[LogLine]) -> None:
    table = Table(box=None, show_header=False)
    table.add_column(style="dim")
    for name, count in asdict(summary.outcomes(found)).items():
        table.add_row(name.replace("_", "-"), f"{count}")
    for name, milliseconds in _latency(found).items():
        table.add_row(f"latency {name}", _duration(milliseconds))
    if (dollars := _dollars(found)) is not None:
        table.add_row("dollars a thousand", f"{dollars:.3f}")
    console.print(table)
    if reasons := summary.reasons(found):
        by_reason = Table("", "reason", "uploads", box=None, header_style="dim")
        for what, code, count in reasons:
            by_reason.add_row(what, escape(code), str(count))
        console.print()
        console.print(by_reason)
    console.print("\n[dim]With charts and pictures: darkroom report --html report.html[/]")
