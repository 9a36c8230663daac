"""The saved Logs Insights queries: name, text, and the functions whose logs they read."""

from dataclasses import dataclass

from ops.cost.observed import request_dollars_per_thousand
from ops.cost.prices import prices
from ops.cost.usage import usage
from shared.log_events import (
    DeadLetterSent,
    MessageFailed,
    UploadRejected,
    UploadResized,
    UploadSuperseded,
    UploadTicketed,
)

SERVICES = ("ingest", "resize", "list")
# The price of an upload's processing without the resizer's time: requests, messages, tickets, logs.
REQUEST_DOLLARS_PER_THOUSAND = request_dollars_per_thousand(usage(), prices("us-east-1"))
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
# Lambda's REPORT line has `Memory Size: 1536 MB`, which are MiB. Logs Insights reads it as 1536 x 10^6, so the division
# by 10^6 returns the number of MiB: docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-examples.html
MEMORY = Query(
    "memory",
    'filter @type = "REPORT" | stats max(@maxMemoryUsed / 1000000) as used_mib, max(@memorySize / 1000000) as has_mib\n'
    "  by bin(5m)",
    ("resize",),
)
# Lambda's price is for 1024 MiB. The other numbers are prices in us-east-1.
COST = Query(
    "cost",
    f'filter @type = "REPORT" or message = "{UploadResized.message}"\n'
    "| stats sum(@billedDuration / 1000) as seconds, max(@memorySize / 1024000000) as gb,\n"
    "  count(@billedDuration) as runs, count(latency_ms) as uploads,\n"
    "  seconds * gb * 0.0000166667 + runs * 0.0000002 as lambda_dollars,\n"
    f"  lambda_dollars / uploads * 1000 + {REQUEST_DOLLARS_PER_THOUSAND:.3f} as dollars_per_thousand",
    ("resize",),
)
QUERIES = (TRACE, REJECTIONS, SLOWEST, ERRORS, REASONS, OUTCOMES, MEMORY, COST)
