"""Unit tests of webhook: real events, a receiver on this machine, and the public verifier of Standard Webhooks."""

import json
import socket
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from examples.webhook import handler, post
from examples.webhook.tests.receiver import NEW, OLD, Receiver, answer
from shared import config
from tests.support.subscribers import BUCKET, Desk, rejection_record

IMAGE_ID = "7ybqx4m8hz6wwqcr6076spxfyx"
KEY = f"thumb/{IMAGE_ID}/4000x3000/A!20!3Cb!3E.jpg"
REJECTION_KEY = f"rejected/{IMAGE_ID}.json"
REMOVAL_KEY = f"removed/{IMAGE_ID}.json"


def deliver(desk: Desk, key: str = KEY, body: bytes = b"picture") -> list[Any]:
    failures: list[Any] = handler.handle(desk.announce(key, body), desk.context)["batchItemFailures"]
    return failures


def test_a_finished_picture_is_posted_and_the_public_verifier_accepts_it(desk: Desk, receiver: Receiver) -> None:
    assert deliver(desk) == []
    ((headers, body),) = receiver.posted
    Webhook(OLD).verify(body, headers)
    content = json.loads(body)
    assert content["type"] == "picture.finished"
    assert content["timestamp"] == "2026-11-22T10:11:12.345000+00:00"
    assert content["data"]["image"] == IMAGE_ID
    assert content["data"]["name"] == "A <b>"
    assert (content["data"]["width_px"], content["data"]["height_px"]) == (4000, 3000)
    assert content["text"] == f"A &lt;b&gt; is ready, 4000 x 3000: {content['data']['thumb_url']}"
    assert headers["webhook-id"].startswith(f"renditions_{IMAGE_ID}_")


@pytest.mark.parametrize("changed", ["webhook-id", "webhook-timestamp", "body", "secret"])
def test_the_public_verifier_refuses_a_changed_post(desk: Desk, receiver: Receiver, changed: str) -> None:
    deliver(desk)
    ((headers, body),) = receiver.posted
    if changed == "webhook-timestamp":
        headers[changed] = str(int(headers[changed]) - 1)
    elif changed == "webhook-id":
        headers[changed] += "0"
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW if changed == "secret" else OLD).verify(body + b" " * (changed == "body"), headers)


def test_both_secrets_verify_while_they_are_rotated(
    desk: Desk, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBHOOK_SECRET", f"{NEW} {OLD}")
    monkeypatch.setattr(handler, "settings", config.at_start(post.Settings))
    deliver(desk)
    ((headers, body),) = receiver.posted
    Webhook(OLD).verify(body, headers)
    Webhook(NEW).verify(body, headers)


def test_log_lines_carry_the_id_of_the_picture(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    deliver(desk)
    deliver(desk, REJECTION_KEY, rejection_record())
    received = [record for record in caplog.records if record.message == "upload received"]
    assert [record.image_id for record in received] == [IMAGE_ID, IMAGE_ID]  # type: ignore[attr-defined]


def test_a_retried_post_has_the_same_id(desk: Desk, receiver: Receiver) -> None:
    deliver(desk)
    deliver(desk)
    first, second = (headers["webhook-id"] for headers, _ in receiver.posted)
    assert first == second


def test_a_rejection_is_posted_with_its_reason(desk: Desk, receiver: Receiver) -> None:
    assert deliver(desk, REJECTION_KEY, rejection_record()) == []
    ((headers, body),) = receiver.posted
    Webhook(OLD).verify(body, headers)
    content = json.loads(body)
    assert content["type"] == "picture.rejected"
    assert content["data"]["code"] == "not-an-image"
    assert content["text"] == "poem.txt was rejected: It is not a picture."


@pytest.mark.parametrize(
    ("forever", "more"), [(True, "It cannot be restored."), (False, "It can be restored for some days.")]
)
def test_a_removal_is_posted(desk: Desk, receiver: Receiver, forever: bool, more: str) -> None:
    record = {"image": IMAGE_ID, "removed_at": "2026-11-26T12:00:00+00:00", "forever": forever}
    assert deliver(desk, REMOVAL_KEY, json.dumps(record).encode()) == []
    ((headers, body),) = receiver.posted
    Webhook(OLD).verify(body, headers)
    content = json.loads(body)
    assert content["type"] == "picture.removed"
    assert content["data"] == record
    assert content["text"] == f"Picture {IMAGE_ID} was removed: {more}"


def test_the_removal_of_a_restored_picture_is_not_posted(desk: Desk, receiver: Receiver) -> None:
    event = desk.announce(REMOVAL_KEY, b"{}")
    desk.s3.delete_object(Bucket=BUCKET, Key=REMOVAL_KEY)
    assert handler.handle(event, desk.context)["batchItemFailures"] == []
    assert receiver.posted == []


def test_a_restored_picture_is_posted_with_another_id(desk: Desk, receiver: Receiver) -> None:
    event = desk.announce(KEY, b"picture")
    later = json.loads(json.dumps(event).replace("10:11:12.345", "10:11:12.346"))
    for delivered in (event, later):
        handler.handle(delivered, desk.context)
    first, second = (headers["webhook-id"] for headers, _ in receiver.posted)
    assert first != second


@pytest.mark.parametrize("key", [REJECTION_KEY, REMOVAL_KEY, f"view/{IMAGE_ID}.json"])
def test_an_event_of_another_kind_is_not_posted(
    desk: Desk, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("WEBHOOK_EVENTS", "renditions")
    monkeypatch.setattr(handler, "settings", config.at_start(post.Settings))
    assert deliver(desk, key, rejection_record()) == []
    assert receiver.posted == []


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_an_answer_that_may_change_is_retried(desk: Desk, receiver: Receiver, status: int) -> None:
    receiver.answer = [answer(status)]
    assert len(deliver(desk)) == 1
    assert desk.letters() == []
    event = desk.announce(KEY, b"picture")
    assert handler.handle(desk.at_last_attempt(event), desk.context)["batchItemFailures"] == []
    (letter,) = desk.letters()
    assert letter.code == "receiver-unavailable"
    assert letter.sentence == f"The receiver answered {status}: no_service"


@pytest.mark.parametrize("status", [301, 307, 400, 404, 410])
def test_any_other_answer_is_a_dead_letter_at_once(desk: Desk, receiver: Receiver, status: int) -> None:
    receiver.answer = [answer(status, Location="http://127.0.0.1:1/")]
    assert deliver(desk) == []
    assert len(receiver.posted) == 1
    (letter,) = desk.letters()
    assert letter.code == "receiver-refused"
    assert f"answered {status}: no_service" in letter.sentence


def test_a_receiver_that_is_away_is_retried(desk: Desk, receiver: Receiver) -> None:
    receiver.listener.shutdown(socket.SHUT_RDWR)
    receiver.listener.close()
    assert len(deliver(desk)) == 1


def test_the_next_attempt_waits_as_long_as_the_receiver_asks(
    desk: Desk, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answer = [answer(429, Retry_After="700")]
    deliver(desk)
    (failed,) = [record for record in caplog.records if record.message == "message failed"]
    assert failed.retry_seconds == 700  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "wrong",
    [
        {"WEBHOOK_SECRET": ""},
        {"WEBHOOK_SECRET": "correct horse"},
        {"WEBHOOK_SECRET": "whsec_c2hvcnQ="},
        {"WEBHOOK_SECRET": "whsec_%%"},
        {"WEBHOOK_EVENTS": "uploads"},
        {"PRIVATE_RECEIVER": "false"},
    ],
)
def test_wrong_settings_post_nothing_and_become_the_reason(
    desk: Desk, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str]
) -> None:
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(handler, "settings", config.at_start(post.Settings))
    assert len(deliver(desk)) == 1
    assert receiver.posted == []


def test_without_a_url_nothing_is_posted(desk: Desk, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOK_URL", "")
    monkeypatch.setattr(handler, "settings", config.at_start(post.Settings))
    assert deliver(desk) == []
    assert receiver.posted == []
