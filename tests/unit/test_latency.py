"""Latency excludes the time as a dead letter, whichever tool sent the letter back."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.events import Upload
from shared.keys import upload_key
from shared.letters import Death, Reason, attributes, replay_attributes, resubmit_attributes
from shared.message import Message

UPLOADED = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = UPLOADED + timedelta(hours=3)
UPLOAD = Upload("uploads", upload_key("7ybqx" + "0" * 21, "cat.jpg"), "e" * 32, 1, UPLOADED)
REASON = Reason("crashed", "It crashed.", message_id="m", last_failed_at=UPLOADED.isoformat(), attempts="5")
REPLAYED = replay_attributes(REASON, (), LATER, "me@here")
REPLAYED_LONG_AGO = replay_attributes(REASON, (Death("crashed", "", "", "", ""),), UPLOADED, "me@here")


def received(sent_at: datetime, message_attributes: dict[str, Any]) -> Message:
    return Message(
        {
            "messageId": "m",
            "receiptHandle": "h",
            "body": json.dumps(UPLOAD.as_event()),
            "attributes": {
                "SentTimestamp": str(round(sent_at.timestamp() * 1000)),
                "ApproximateReceiveCount": "1",
                "ApproximateFirstReceiveTimestamp": str(round(sent_at.timestamp() * 1000)),
            },
            "messageAttributes": {
                name: {"dataType": "String", "stringValue": value["StringValue"]}
                for name, value in message_attributes.items()
            },
        }
    )


@pytest.mark.parametrize(
    "message_attributes",
    [
        pytest.param({}, id="a letter that SQS made, redriven in the console"),
        pytest.param(attributes(REASON), id="a letter that a function sent, redriven in the console"),
        pytest.param(REPLAYED_LONG_AGO, id="a replayed message that SQS made a letter, redriven in the console"),
        pytest.param(REPLAYED, id="replayed by darkroom"),
        pytest.param(resubmit_attributes(LATER), id="submitted again by darkroom"),
    ],
)
def test_the_latency_of_a_replayed_letter_begins_when_it_is_sent_back(message_attributes: dict[str, Any]) -> None:
    assert received(LATER, message_attributes).timed(UPLOAD).latency_from == LATER


def test_the_latency_of_a_redriven_message_that_was_requeued_begins_again() -> None:
    waiting = received(UPLOADED + timedelta(seconds=1), {}).copy(60, 1, UPLOADED, None)
    redriven = received(datetime.now(UTC) + timedelta(hours=3), dict(waiting.attributes))
    assert redriven.timed(UPLOAD).latency_from == redriven.first_sent > datetime.now(UTC) + timedelta(hours=2)


@pytest.mark.parametrize("seconds", [0, 1, 240])
def test_the_latency_of_an_upload_includes_the_time_until_its_event_is_queued(seconds: int) -> None:
    assert received(UPLOADED + timedelta(seconds=seconds), {}).timed(UPLOAD).latency_from == UPLOADED


def test_an_upload_that_waits_in_the_queue_has_its_whole_latency() -> None:
    waited = received(UPLOADED + timedelta(seconds=1), {}).copy(900, 1, UPLOADED, None)
    again = received(datetime.now(UTC), dict(waited.attributes))
    assert again.timed(UPLOAD).latency_from == UPLOADED
