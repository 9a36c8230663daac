"""The upload event, raw and in SNS's envelope, and other messages that arrive in a queue."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Rejected
from shared.events import Upload, uploads_in


def s3_event(*keys: str, name: str = "ObjectCreated:Post") -> dict[str, Any]:
    return {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "awsRegion": "eu-west-1",
                "eventTime": "2026-11-22T10:11:12.345Z",
                "eventName": name,
                "s3": {
                    "bucket": {"name": "uploads", "arn": "arn:aws:s3:::uploads"},
                    "object": {
                        "key": key,
                        "size": 1024,
                        "eTag": "d41d8cd98f00b204e9800998ecf8427e",
                        "sequencer": "0A1B",
                    },
                },
            }
            for key in keys
        ]
    }


def in_envelope(event: dict[str, Any]) -> str:
    return json.dumps({"Type": "Notification", "MessageId": "1", "TopicArn": "arn", "Message": json.dumps(event)})


@pytest.mark.parametrize("body_of", [json.dumps, in_envelope])
def test_every_record_of_a_message_is_an_upload(body_of: Any) -> None:
    first, second = uploads_in(body_of(s3_event("a.jpg", "b.jpg")))
    assert first == Upload(
        bucket="uploads",
        key="a.jpg",
        etag="d41d8cd98f00b204e9800998ecf8427e",
        size_bytes=1024,
        at=datetime(2026, 11, 22, 10, 11, 12, 345000, UTC),
        sequencer="0A1B",
    )
    assert second.key == "b.jpg"


@pytest.mark.parametrize(
    ("in_event", "key"),
    [
        ("my+holiday/a%2Bb.jpg", "my holiday/a+b.jpg"),
        ("%25E7%258C%25AB.jpg", "%E7%8C%AB.jpg"),
        ("%E7%8C%AB.jpg", "猫.jpg"),
    ],
)
def test_a_key_is_decoded_exactly_once(in_event: str, key: str) -> None:
    assert uploads_in(json.dumps(s3_event(in_event)))[0].key == key


@pytest.mark.parametrize("body_of", [json.dumps, in_envelope])
def test_the_test_event_of_s3_announces_no_upload(body_of: Any) -> None:
    assert uploads_in(body_of({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "uploads"})) == []


def test_a_deletion_announces_no_upload() -> None:
    assert uploads_in(json.dumps(s3_event("a.jpg", name="ObjectRemoved:Delete"))) == []


@pytest.mark.parametrize(
    "body", ["", "no json", "[]", "{}", '"text"', "null", '{"Records": [{}]}', '{"Records": null}']
)
def test_a_message_without_an_event_becomes_a_dead_letter(body: str) -> None:
    with pytest.raises(Rejected) as raised:
        uploads_in(body)
    assert raised.value.code == "malformed-event"


@given(
    st.builds(
        Upload,
        bucket=st.just("uploads"),
        key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60),
        etag=st.text("0123456789abcdef", min_size=32, max_size=32),
        size_bytes=st.integers(0, 10**9),
        at=st.datetimes(datetime(2020, 1, 1), timezones=st.just(UTC)).map(lambda at: at.replace(microsecond=0)),  # noqa: DTZ001
        sequencer=st.none() | st.just("0A"),
    )
)
def test_an_upload_written_as_an_event_is_read_back(upload: Upload) -> None:
    assert uploads_in(json.dumps(upload.as_event())) == [upload]
