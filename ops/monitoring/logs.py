"""Reads the structured log lines of a running Darkroom, from CloudWatch Logs or from the local engine."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ops.target import Target

# The most events in one response of FilterLogEvents: docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference
PAGE_EVENTS = 10_000


@dataclass(frozen=True, slots=True)
class LogLine:
    """One log event; docs/logs.md names its `fields`. `at` is in UTC."""

    at: datetime
    service: str
    level: str
    message: str
    image_id: str | None
    fields: dict[str, Any]


def lines(target: Target, since: datetime, image_id: str | None = None) -> list[LogLine]:
    """Return the log lines of every function since a time, of all uploads or of one, in order of time."""
    logs = target.client("logs")
    pattern = f'"{image_id}"' if image_id else '"level"'
    texts = (text for group in _groups(target) for text in _texts(logs, group, pattern, int(since.timestamp() * 1000)))
    found = parse(texts)
    return [line for line in found if image_id in {None, line.image_id} and line.at >= since]


def parse(texts: Iterable[str]) -> list[LogLine]:
    """Return Darkroom's own lines among `texts` in order of time, without the lines of Lambda and libraries."""
    found = []
    for text in texts:
        try:
            fields = json.loads(text)
            at = datetime.fromisoformat(fields["timestamp"]).astimezone(UTC)
            line = LogLine(at, fields["service"], fields["level"], fields["message"], fields.get("image_id"), fields)
        except (ValueError, KeyError, TypeError):
            continue
        found.append(line)
    return sorted(found, key=lambda line: line.at)


def _groups(target: Target) -> list[str]:
    cloudformation = target.client("cloudformation")
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=target.name)
    return [
        found["PhysicalResourceId"]
        for page in pages
        for found in page["StackResourceSummaries"]
        if found["ResourceType"] == "AWS::Logs::LogGroup"
    ]


def _texts(logs: Any, group: str, pattern: str, start_ms: int) -> Iterator[str]:
    """Yield the messages of a log group. Without a token (local engine), the next request starts at the last event."""
    seen: set[str] = set()
    more: dict[str, Any] = {"startTime": start_ms}
    while True:
        answer = logs.filter_log_events(logGroupName=group, filterPattern=pattern, limit=PAGE_EVENTS, **more)
        fresh = [event for event in answer["events"] if event.get("eventId") not in seen or "eventId" not in event]
        seen |= {event["eventId"] for event in fresh if "eventId" in event}
        yield from (event["message"] for event in fresh)
        if token := answer.get("nextToken"):
            more = {"startTime": start_ms, "nextToken": token}
        elif fresh and len(answer["events"]) == PAGE_EVENTS:
            more = {"startTime": answer["events"][-1]["timestamp"]}
        else:
            return
