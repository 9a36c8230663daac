"""A dead letter: a queue message that its function gave up, with the reason in the message's attributes.

The function writes them (`attributes`), the `darkroom` command reads them (`reason_of`). Two kinds of letter come
without: SQS's own, when the function died without a word at its last attempt, and SNS's, which never saw the function.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from shared.limits import MAX_SENTENCE_CHARS

UNEXPLAINED = "unexplained"
UNDELIVERED = "undelivered"

# What SQS refuses in an attribute: docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
_REFUSED = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a message was given up. Times are UTC in ISO 8601; what is not known is empty.

    `first_failed_at` is when the message was first received, which is when its first attempt began.
    """

    code: str
    sentence: str
    error_type: str = ""
    function_name: str = ""
    request_id: str = ""
    message_id: str = ""
    first_failed_at: str = ""
    last_failed_at: str = ""
    attempts: str = ""


def attributes(reason: Reason) -> dict[str, Any]:
    """`reason` as SQS message attributes; SQS takes ten, none of them empty."""
    texts = {name: _REFUSED.sub("�", text)[:MAX_SENTENCE_CHARS] for name, text in asdict(reason).items()}
    return {name: {"DataType": "String", "StringValue": text} for name, text in texts.items() if text}


def reason_of(message: Mapping[str, Any]) -> Reason:
    """Why the dead letter `message` (as ReceiveMessage answers it) was given up."""
    sent = {name: attribute.get("StringValue", "") for name, attribute in message.get("MessageAttributes", {}).items()}
    system = message.get("Attributes", {})
    if "code" in sent:
        return Reason(**{name: sent.get(name, "") for name in Reason.__dataclass_fields__})
    if "ErrorCode" in sent:
        return Reason(
            UNDELIVERED,
            f"SNS could not put it into the queue ({sent['ErrorCode']}: {sent.get('ErrorMessage', '')}). "
            "Check the queue's policy, then replay.",
            request_id=sent.get("RequestID", ""),
            last_failed_at=iso(system.get("SentTimestamp")),
        )
    return Reason(
        UNEXPLAINED,
        "The function's process ended at the last attempt before it could say why. Read its log, then replay.",
        message_id=message.get("MessageId", ""),
        first_failed_at=iso(system.get("SentTimestamp")),
    )


def iso(milliseconds: str | None) -> str:
    """A time as SQS gives it (milliseconds since 1970) as ISO 8601, or empty."""
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC).isoformat(timespec="seconds") if milliseconds else ""
