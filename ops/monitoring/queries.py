"""The saved Logs Insights queries: name, text, and the functions whose logs they read."""

from dataclasses import dataclass

from shared.telemetry import (
    DeadLetterSent,
    MessageFailed,
    UploadRejected,
    UploadResized,
    UploadSuperseded,
    UploadTicketed,
)

SERVICES = ("ingest", "resize", "list")
ROWS = 20


@dataclass(frozen=True, slots=True)
class Query:
    """A query over the logs of `services`, saved in each stack as `<stack>/<name>`."""

    name: str
    text: str
    services: tuple[str, ...] = SERVICES

    @property
    def log_groups(self) -> list[str]:
        return [f"/aws/lambda/${{AWS::StackName}}-{service}" for service in self.services]


def _messages(*messages: str) -> str:
    return "filter message in [" + ", ".join(f'"{message}"' for message in messages) + "]"


TRACE = Query(
    "trace",
    'filter image_id = "PASTE AN IMAGE ID" | sort @timestamp asc\n'
    "| display @timestamp, service, level, message, code, attempts, latency_ms, sentence",
)
REJECTIONS = Query(
    "rejections",
    f"{_messages(UploadRejected.message)} | sort @timestamp desc | limit {ROWS}\n"
    "| display @timestamp, image_id, code, sentence, size_bytes",
    ("resize",),
)
SLOWEST = Query(
    "slowest",
    f"{_messages(UploadResized.message)} | sort latency_ms desc | limit {ROWS}\n"
    "| display @timestamp, image_id, latency_ms, decode_ms, resize_ms, encode_ms, size_bytes, format",
    ("resize",),
)
ERRORS = Query(
    "errors",
    f'filter level in ["WARNING", "ERROR"] | sort @timestamp desc | limit {ROWS}\n'
    "| display @timestamp, service, level, message, image_id, code, sentence, attempts, function_request_id",
)
REASONS = Query(
    "reasons",
    f"{_messages(UploadRejected.message, MessageFailed.message, DeadLetterSent.message)}\n"
    "| stats count(*) as lines, count_distinct(image_id) as uploads by message, code | sort lines desc",
    ("resize",),
)
OUTCOMES = Query(
    "outcomes",
    _messages(
        UploadTicketed.message,
        UploadResized.message,
        UploadRejected.message,
        UploadSuperseded.message,
        DeadLetterSent.message,
    )
    + "\n| stats count_distinct(image_id) as uploads by message",
)
MEMORY = Query(
    "memory",
    'filter @type = "REPORT" | stats max(@maxMemoryUsed / 1048576) as used_mib, max(@memorySize / 1048576) as has_mib\n'
    "  by bin(5m)",
    ("resize",),
)
QUERIES = (TRACE, REJECTIONS, SLOWEST, ERRORS, REASONS, OUTCOMES, MEMORY)
