"""A dead letter's reason, its history, and its record in S3."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mypy_boto3_s3 import S3Client

from shared import letters
from shared.events import Upload
from shared.keys import LETTERS_PREFIX, REPLAYS_PREFIX, LetterKey, letter_key, letters_prefix, read_letter_key
from shared.letters import Death, Reason
from shared.limits import MAX_KEY_BYTES, MAX_SENTENCE_CHARS
from tests.support.template import TEMPLATE

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
UPLOAD = Upload("uploads", "holiday/cat.jpg", "e" * 32, 1, AT)
BODY = json.dumps(UPLOAD.as_event())
REASON = Reason("crashed", "It crashed.", message_id="m1", last_failed_at=AT.isoformat(), attempts="5")
DEAD = "https://sqs.eu-west-1.amazonaws.com/1/dead"


def received(attributes: dict[str, Any], **system: str) -> dict[str, Any]:
    return {"MessageId": "m2", "Body": BODY, "MessageAttributes": attributes, "Attributes": system}


def test_a_letter_that_a_function_sent_has_its_reason() -> None:
    assert letters.reason_of(received(letters.attributes(REASON), SentTimestamp="1")) == REASON


@pytest.mark.parametrize("sent", [letters.attributes(REASON), {"ErrorCode": {"StringValue": "AccessDenied"}}])
def test_a_letter_that_sqs_moved_is_unexplained_whatever_attributes_are_left_on_it(sent: dict[str, Any]) -> None:
    message = received(sent, SentTimestamp="1795348800000", DeadLetterQueueSourceArn="arn:aws:sqs:eu-west-1:1:work")
    reason = letters.reason_of(message)
    assert reason.code == letters.UNEXPLAINED
    assert reason.attempts == ""
    assert reason.last_failed_at == ""
    assert reason.message_id == "m2"


def test_the_former_reason_of_a_redriven_letter_is_its_history() -> None:
    message = received(letters.attributes(REASON), DeadLetterQueueSourceArn="arn")
    assert letters.deaths_of(message) == (Death("crashed", AT.isoformat(), "5", "", "another tool"),)


def test_a_replayed_event_carries_when_and_by_whom_and_every_earlier_death() -> None:
    first = letters.replay_attributes(REASON, (), AT + timedelta(hours=1), "ann@desk")
    assert letters.texts_of({"MessageAttributes": first})[letters.REPLAYED_AT] == "2026-11-22T13:00:00.000+00:00"
    history = letters.texts_of({"MessageAttributes": first})[letters.HISTORY]
    again = received(letters.attributes(REASON, history))
    assert letters.reason_of(again) == REASON
    assert [death.replayed_by for death in letters.deaths_of(again)] == ["ann@desk"]
    assert len(letters.attributes(Reason(*["x"] * 9), history)) == 10


def test_a_history_is_never_longer_than_an_attribute_may_be() -> None:
    deaths: tuple[Death, ...] = ()
    for number in range(20):
        reason = Reason("storage-unavailable-for-long", "", last_failed_at=AT.isoformat(), attempts=str(number))
        text = letters.texts_of({"MessageAttributes": letters.replay_attributes(reason, deaths, AT, "x" * 500)})
        assert len(text[letters.HISTORY]) < MAX_SENTENCE_CHARS
        deaths = letters.read_history(text[letters.HISTORY])
    assert [death.attempts for death in deaths] == ["15", "16", "17", "18", "19"]


@pytest.mark.parametrize("text", ["", "no JSON", "{}", "[1]", '[["too", "few"]]', "null"])
def test_an_attribute_that_is_no_history_is_ignored(text: str) -> None:
    assert letters.read_history(text) == ()


@given(
    st.text(min_size=1), st.text(min_size=1), st.datetimes(datetime(2000, 1, 1), datetime(2999, 1, 1)), st.text(),  # noqa: DTZ001
    st.integers(0, 99), st.booleans(),
)  # fmt: skip
def test_a_record_key_contains_the_facts_about_its_letter(
    code: str, message_id: str, at: datetime, upload_key: str, attempts: int, with_image: bool
) -> None:
    code, message_id, upload_key = (
        text.encode(errors="replace").decode()[:40] for text in (code, message_id, upload_key)
    )
    made = LetterKey(
        "dead-1", code, at.replace(microsecond=0, tzinfo=UTC), UPLOAD.image.id if with_image else None, message_id,
        str(attempts), upload_key,
    )  # fmt: skip
    assert read_letter_key(letter_key(made)) == made
    assert letter_key(made).startswith(letters_prefix("dead-1", code))


def test_a_long_upload_key_is_cut_off_within_the_limit_of_s3() -> None:
    key = letter_key(LetterKey("dead", "crashed", AT, None, "m1", "5", "é" * 512))
    assert MAX_KEY_BYTES - 2 < len(key.encode()) <= MAX_KEY_BYTES
    read = read_letter_key(key)
    assert read
    assert set(read.upload_key) == {"é"}


@pytest.mark.parametrize("key", ["", "letters/", "letters/dead/crashed/yesterday/-/m1/5/a.jpg", "rejected/x.json"])
def test_any_other_key_is_no_record(key: str) -> None:
    assert read_letter_key(key) is None


def test_a_record_is_found_again_from_the_letter_alone(s3: S3Client) -> None:
    letters.keep_record(s3, "resized", DEAD, BODY, REASON, (Death("a", "b", "5", "c", "d"),))
    (listed,) = s3.list_objects_v2(Bucket="resized", Prefix=letters_prefix("dead"))["Contents"]
    read = read_letter_key(listed["Key"])
    assert read == LetterKey("dead", "crashed", AT, UPLOAD.image.id, "m1", "5", "holiday/cat.jpg")
    record = json.loads(s3.get_object(Bucket="resized", Key=listed["Key"])["Body"].read())
    assert (record["sentence"], record["body"], record["history"][0]["replayed_by"]) == ("It crashed.", BODY, "d")

    # As Lambda hands the message over after the console redrove it.
    texts = {name: {"stringValue": value["StringValue"]} for name, value in letters.attributes(REASON).items()}
    letters.forget_record(s3, "resized", DEAD, {"body": BODY, "messageAttributes": texts})
    assert s3.list_objects_v2(Bucket="resized")["KeyCount"] == 0


def test_the_record_of_a_message_that_is_no_event_can_be_kept(s3: S3Client) -> None:
    letters.keep_record(s3, "resized", DEAD, "no JSON", Reason("malformed-event", "No event."))
    (listed,) = s3.list_objects_v2(Bucket="resized", Prefix="letters/")["Contents"]
    read = read_letter_key(listed["Key"])
    assert read
    assert (read.code, read.image_id, read.upload_key) == ("malformed-event", None, "")


def test_the_resizer_keeps_records_for_longer_than_the_queue_keeps_letters() -> None:
    resources = TEMPLATE["Resources"]
    variables = resources["ResizeFunction"]["Properties"]["Environment"]["Variables"]
    assert variables["LETTERS_BUCKET"] == variables["RESIZED_BUCKET"]
    kept_days = resources["ResizeDeadLetterQueue"]["Properties"]["MessageRetentionPeriod"] / 86_400
    rules = resources["ResizedBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    days = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules}
    assert days[LETTERS_PREFIX] > kept_days
    assert days[REPLAYS_PREFIX] > kept_days
