"""One queue message as a subscriber receives it: its attempts, its waiting time, and the copies that replace it.

A message that must wait is replaced by a copy, because SQS counts every receive and a visibility timeout cannot be
taken back. SQS counts from zero for a copy, so its attributes keep the attempts, the waiting time and the first sending
time.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from threading import Lock
from typing import Any

from shared import clock
from shared.events import Created
from shared.letters import HISTORY, REPLAYED_AT, texts_of

# The attributes of a copy: attempts before it; when its message first had to wait (ISO 8601, UTC); when the first of
# its messages was sent, and when the copy was (milliseconds since 1970).
EARLIER_ATTEMPTS = "earlier_attempts"
WAITING_SINCE = "waiting_since"
FIRST_SENT_MS = "first_sent_ms"
REQUEUED_MS = "requeued_ms"
# SQS keeps a copy's sending time until a redrive from a dead-letter queue sends the message again.
_SAME_SENDING_MS = 60_000
# S3 and SNS announce an upload within seconds, rarely minutes. A message that SQS has made a dead letter by itself is
# older than this, because its last receive alone hid it for the visibility timeout of 6 minutes.
_LATEST_DELIVERY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Copy:
    """A message to send: `delay_seconds` until it becomes visible."""

    body: str
    attributes: Mapping[str, Any]
    delay_seconds: int


class Message:
    """A received message. Its fields are Lambda's record; times are UTC."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self.record = record
        self.id: str = record["messageId"]
        self.receipt_handle: str = record["receiptHandle"]
        self.body: str = record["body"]
        self._texts = texts_of(record)
        self._claimed = False
        self._lock = Lock()

    @cached_property
    def attempts(self) -> int:
        """Attempts so far, the current one included. Attempts before a redrive do not count."""
        return self.receives + (int(self._texts.get(EARLIER_ATTEMPTS, "0")) if not self._moved else 0)

    @property
    def receives(self) -> int:
        """How often SQS delivered this very message, the current time included."""
        return int(self.record["attributes"]["ApproximateReceiveCount"])

    @property
    def first_received(self) -> datetime:
        """When SQS delivered this very message for the first time."""
        return datetime.fromtimestamp(int(self.record["attributes"]["ApproximateFirstReceiveTimestamp"]) / 1000, UTC)

    @property
    def waiting_since(self) -> datetime | None:
        """When the message first had to wait, or None if it has not."""
        text = self._texts.get(WAITING_SINCE)
        return datetime.fromisoformat(text) if text and not self._moved else None

    @property
    def first_sent(self) -> datetime:
        """When the first message with this event was sent, since it was last a dead letter."""
        sent = self.record["attributes"]["SentTimestamp"]
        return datetime.fromtimestamp(int(sent if self._moved else self._texts.get(FIRST_SENT_MS, sent)) / 1000, UTC)

    def timed[E: Created](self, event: E) -> E:
        """Returns `event`, with `replayed_at` if an operator's command or another tool has replayed it.

        A redrive of SQS adds no attribute, but it gives the message a new sending time.
        """
        again = REPLAYED_AT in self._texts or self.has_reason or self.first_sent - event.at > _LATEST_DELIVERY
        return replace(event, replayed_at=self.first_sent) if again else event

    @property
    def history(self) -> str:
        """The event's earlier deaths, as the attribute has them (shared/letters.py)."""
        return self._texts.get(HISTORY, "")

    @property
    def has_reason(self) -> bool:
        """Whether it was a dead letter that another tool moved back with its attributes."""
        return "code" in self._texts

    def claim(self) -> bool:
        """Returns True to the first caller only. That caller decides the outcome of the message."""
        with self._lock:
            claimed, self._claimed = self._claimed, True
        return not claimed

    def copy(self, delay_seconds: int, attempts: int, waiting_since: datetime | None, event: Created | None) -> Copy:
        """Returns a copy of the message that has had so many attempts. With `event`, the copy contains this event
        alone.
        """
        now_ms = round(clock.now().timestamp() * 1000)
        texts = {
            FIRST_SENT_MS: str(round(self.first_sent.timestamp() * 1000)),
            REQUEUED_MS: str(now_ms),
            EARLIER_ATTEMPTS: str(attempts),
            WAITING_SINCE: waiting_since.isoformat() if waiting_since else "",
            REPLAYED_AT: self._texts.get(REPLAYED_AT, ""),
            HISTORY: self.history,
        }
        attributes = {name: {"DataType": "String", "StringValue": text} for name, text in texts.items() if text}
        return Copy(json.dumps(event.as_event()) if event else self.body, attributes, delay_seconds)

    @property
    def _moved(self) -> bool:
        """Whether the message was sent again by a redrive since it was requeued."""
        requeued = self._texts.get(REQUEUED_MS)
        return (
            bool(requeued) and int(self.record["attributes"]["SentTimestamp"]) - int(requeued or 0) > _SAME_SENDING_MS
        )
