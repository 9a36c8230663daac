"""Shows one dead letter: its reason, its earlier reasons, its event, and the log lines of the last attempt."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ops.options import console
from ops.recovery.letter_listing import as_row
from ops.recovery.records import Dead
from ops.target import Target
from ops.terminal import escape, printable
from shared.keys import LetterKey
from shared.letters import Reason, events_of, read_record

if TYPE_CHECKING:
    from mypy_boto3_logs.type_defs import FilteredLogEventTypeDef

LOG_LINES = 100


@dataclass(frozen=True, slots=True)
class Details:
    """A dead letter with all its details. `event` is text if the message is not JSON."""

    key: LetterKey
    reason: Reason
    image_ids: list[str]
    history: list[dict[str, Any]]
    event: Any
    log: list[str]

    def as_json(self) -> dict[str, Any]:
        """Return the letter for JSON."""
        details = {"history": self.history, "event": self.event, "log": self.log}
        return as_row(self.key) | asdict(self.reason) | details

    def print(self) -> None:
        """Print the letter for people."""
        for name, value in asdict(self.reason).items():
            console.print(f"[dim]{name:16}[/]{escape(value) or '-'}", highlight=False)
        console.print(f"[dim]{'image_id':16}[/]{', '.join(self.image_ids) or '-'}", highlight=False)
        for earlier in self.history:
            sent_back = f"sent back by {earlier['replayed_by']} {earlier['replayed_at']}".rstrip()
            told = f"{earlier['code']} {earlier['at']}, {earlier['attempts'] or '?'} attempts, {sent_back}"
            console.print(f"[dim]{'earlier reason':16}[/]{escape(told)}", highlight=False, soft_wrap=True)
        console.print_json(data=self.event)
        console.print(f"[dim]{len(self.log)} log lines of request {self.reason.request_id or '(unknown)'}[/]")
        for line in self.log:
            console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


def read_details(target: Target, dead: Dead, key: LetterKey) -> Details:
    """Read a letter's record and its log lines."""
    record = read_record(dead.s3, dead.bucket, key)
    reason = Reason(**{name: str(record.get(name, "")) for name in Reason.__dataclass_fields__})
    body = str(record.get("body", ""))
    image_ids = [event.image.id for event in events_of(body)]
    return Details(key, reason, image_ids, record["history"], _event(body), log_lines(target, reason, key.at))


def log_lines(target: Target, reason: Reason, at: datetime) -> list[str]:
    """Read the log lines of a letter's last attempt, oldest first, at most LOG_LINES."""
    if not reason.request_id or not reason.function_name:
        return []
    events: list[FilteredLogEventTypeDef] = target.client("logs").filter_log_events(
        logGroupName=f"/aws/lambda/{reason.function_name}",
        filterPattern=f'"{reason.request_id}"',
        startTime=int((at - timedelta(hours=1)).timestamp() * 1000),
        limit=LOG_LINES,
    )["events"]
    return [event["message"].rstrip() for event in events]


def _event(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body
