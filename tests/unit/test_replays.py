"""Replay and drop: in batches, at the promised rate, and without a loss or a double wherever they are interrupted."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ops.recovery import records, replay_records, replays
from ops.recovery.replays import Selection
from shared.keys import rejection_key
from shared.letters import HISTORY, REPLAYED_AT, Reason, keep_record, texts_of
from tests.support.fake_aws import Killed
from tests.support.letters import AT, Place


def test_a_replayed_event_says_when_it_was_replayed_and_what_happened_before() -> None:
    place = Place()
    place.bury(1)
    assert place.replay().done == 1
    (message,) = place.sqs.queue("work").visible
    sent = texts_of(message)
    assert abs(datetime.now(UTC) - datetime.fromisoformat(sent[REPLAYED_AT])) < timedelta(minutes=1)
    assert json.loads(sent[HISTORY])[0][:3] == ["crashed", AT.isoformat(), "5"]
    assert place.records() == 0


def test_the_promised_rate_is_kept_at_80_ms_a_request() -> None:
    place = Place(seconds=0.08)
    for number in range(150):
        place.bury(number)
    began = time.monotonic()
    assert place.replay(rate=50).done == 150
    assert 2.9 <= time.monotonic() - began < 6


@pytest.mark.parametrize("dies_after", [False, True], ids=["before the request", "after it"])
def test_sigkill_at_any_request_loses_nothing_and_sends_nothing_twice(dies_after: bool) -> None:
    step = 1
    while True:
        place = Place()
        ids = [place.bury(number) for number in range(23)]
        everywhere = sorted(place.sqs.queue("dead").bodies())
        place.wire.dies_at, place.wire.dies_after = step, dies_after
        try:
            place.replay()
            survived = place.wire.requests < step
        except Killed:
            survived = False
        place.next_command()

        # The uploads of the letters that were sent end. Then somebody runs the command again.
        sent = [_image_id(message) for message in place.sqs.queue("work").visible]
        for image_id in sent:
            place.s3.put("resized", f"thumb/{image_id}/1x1/cat.jpg")
        place.replay()
        _pass_the_grace(place)
        place.replay()

        assert sorted(place.sqs.queue("work").bodies()) == everywhere, step
        assert place.sqs.queue("dead").bodies() == [], step
        assert Counter(_image_id(one) for one in place.sqs.queue("work").visible) == Counter(ids)
        if survived:
            assert step > 10
            return
        step += 1


@pytest.mark.parametrize("dies_after", [False, True], ids=["before the request", "after it"])
def test_ctrl_c_at_any_request_ends_with_a_summary_and_continues_the_next_time(dies_after: bool) -> None:
    step = 1
    while True:
        place = Place()
        for number in range(35):
            place.bury(number)
        everywhere = sorted(place.sqs.queue("dead").bodies())
        place.wire.dies_at, place.wire.dies_after, place.wire.dies_with = step, dies_after, KeyboardInterrupt
        try:
            summary = place.replay()
            assert summary.done == len(place.sqs.queue("work").bodies())
        except KeyboardInterrupt:  # Before the replay begins and after it ends, there is no summary.
            pass
        survived = place.wire.requests < step
        place.next_command()
        for message in place.sqs.queue("work").visible:
            place.s3.put("resized", f"thumb/{_image_id(message)}/1x1/cat.jpg")
        place.replay()
        _pass_the_grace(place)
        place.replay()
        assert sorted(place.sqs.queue("work").bodies()) == everywhere, step
        if survived:
            return
        step += 1


def test_a_letter_that_was_perhaps_sent_is_left_until_its_upload_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place()
    place.bury(1)
    real = place.sqs.send_message_batch

    def send_and_die(**kwargs: Any) -> None:
        real(**kwargs)
        place.wire.dead = True
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(place.sqs, "send_message_batch", send_and_die)
        with pytest.raises(Killed):
            place.replay()
    place.next_command()
    assert len(place.sqs.queue("dead").bodies()) == 1

    summary = place.replay()
    assert (summary.done, summary.waiting) == (0, 1)
    assert len(place.sqs.queue("work").bodies()) == 1

    place.s3.put("resized", rejection_key(_image_id(place.sqs.queue("work").visible[0])))
    summary = place.replay()
    assert (summary.done, summary.ended_before, summary.waiting) == (0, 1, 0)
    assert place.sqs.queue("dead").bodies() == []
    assert len(place.sqs.queue("work").bodies()) == 1


def test_a_letter_that_sqs_refuses_to_send_stays_a_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place()
    for number in range(12):
        place.bury(number)
    real = place.sqs.send_message_batch

    def refuse_first(QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        answer = real(QueueUrl=QueueUrl, Entries=Entries[1:]) if len(Entries) > 1 else {"Successful": []}
        return answer | {"Failed": [{"Id": Entries[0]["Id"]}]}

    monkeypatch.setattr(place.sqs, "send_message_batch", refuse_first)
    summary = place.replay()
    assert summary.failed == 2
    assert summary.done == 10
    assert len(place.sqs.queue("dead").bodies()) == 2
    assert place.records() == 2


def test_the_outcome_of_each_letter_of_a_replay_is_known_afterwards() -> None:
    place = Place()
    ready, rejected, again, waiting = (place.bury(number) for number in range(4))
    place.replay()
    place.s3.put("resized", f"thumb/{ready}/1x1/cat.jpg")
    place.s3.put("resized", rejection_key(rejected), json.dumps({"code": "not-an-image"}).encode())
    body = next(one["Body"] for one in place.sqs.queue("work").visible if _image_id(one) == again)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    keep_record(place.s3, "resized", "dead", body, Reason("timed-out", "", message_id="new", last_failed_at=now))  # type: ignore[arg-type]
    (run,) = replay_records.runs(place.dead)
    found = {
        sent.image_ids[0]: end
        for sent, end in replay_records.outcomes(place.dead, replay_records.sent_in(place.dead, run))
    }
    assert found == {
        ready: "ready",
        rejected: "rejected: not-an-image",
        again: "a letter again: timed-out",
        waiting: "not ended yet",
    }


def test_a_drop_deletes_only_the_wanted_letters() -> None:
    place = Place()
    for number in range(20):
        place.bury(number, "crashed" if number % 2 else "timed-out")
    summary = replays.drop(place.dead, Selection(lambda one: one.reason.code == "crashed", 1000, 10, 10))
    assert summary.done == 10
    assert len(place.sqs.queue("dead").visible) == 10
    assert {key.code for key in records.listed(place.dead)} == {"timed-out"}


def test_batches_stay_below_the_size_that_sqs_takes() -> None:
    place = Place()
    for number in range(10):
        place.bury(number, record=False)
    for message in place.sqs.queue("dead").visible:
        message["Body"] += " " * 100_000
    assert place.replay().done == 10
    assert place.wire.by_name["SendMessageBatch"] >= 10


def _image_id(message: dict[str, Any]) -> str:
    key: str = json.loads(message["Body"])["Records"][0]["s3"]["object"]["key"]
    return key.split("/")[1]


def _pass_the_grace(place: Place) -> None:
    """Make the announcements older than PERHAPS_SENT."""
    for key in [key for key in place.s3.keys.get("resized", []) if key.startswith("replays/")]:
        body, at = place.s3.objects["resized", key]
        record = json.loads(body)
        if "at" in record:
            record["at"] = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
            place.s3.objects["resized", key] = json.dumps(record).encode(), at


_REPLAY = """
import signal
from tests.support.letters import Place
from ops.recovery.replays import Selection, replay
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores SIGINT
place = Place(seconds=0.02)
for number in range(3000):
    place.bury(number)
summary = replay(place.dead, Selection(lambda _: True, 50, progress=lambda count: print("progress", flush=True)))
place.wire.seconds = 0
work, dead = place.sqs.queue("work").bodies(), place.sqs.queue("dead")
print(summary.interrupted, summary.done == len(work), len(set(work)), len(work) + len(dead.visible), len(dead.hidden))
"""


def test_a_real_sigint_ends_a_replay_in_order() -> None:
    command = [sys.executable, "-c", _REPLAY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        said = process.stdout.read().splitlines()[-1].split()
    assert said[:2] == ["True", "True"]
    assert 10 <= int(said[2]) < 3000
    assert said[3:] == ["3000", "0"]
