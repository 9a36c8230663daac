"""Unit tests of webhook: real events, a receiver on this machine, and the public verifier of Standard Webhooks."""

import base64
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from examples.webhook import handler, post
from shared import config
from shared.errors import Rejected, Unavailable
from tests.support.subscribers import BUCKET, Desk, delivering, rejection_record

IMAGE_ID = "7ybqx4m8hz6wwqcr6076spxfyx"
KEY = f"thumb/{IMAGE_ID}/4000x3000/A!20!3Cb!3E.jpg"
REJECTION_KEY = f"rejected/{IMAGE_ID}.json"
REMOVAL_KEY = f"removed/{IMAGE_ID}.json"
OLD, NEW = (f"whsec_{base64.b64encode(letter * 32).decode()}" for letter in (b"o", b"n"))
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def answer(status: int, body: bytes = b"no_service", **headers: str) -> bytes:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} Any\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode() + body


@dataclass
class Receiver:
    """A server on 127.0.0.1 that sends the parts of `answer`, `pause_seconds` apart, and keeps each request."""

    listener: socket.socket
    answer: list[bytes] = field(default_factory=lambda: [OK])
    pause_seconds: float = 0
    posted: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}/hook?a=1"

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                try:
                    self._keep(connection)
                    for part in self.answer:
                        connection.sendall(part)
                        time.sleep(self.pause_seconds)
                except OSError:
                    continue

    def _keep(self, connection: socket.socket) -> None:
        read = b""
        while b"\r\n\r\n" not in read:
            read += connection.recv(65536)
        head, _, body = read.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        while len(body) < int(headers["Content-Length"]):
            body += connection.recv(65536)
        self.posted.append(({name.lower(): value for name, value in headers.items()}, body))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found = Receiver(listener)
        threading.Thread(target=found.serve, daemon=True).start()
        yield found
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def desk(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    environment = {"WEBHOOK_URL": receiver.url, "WEBHOOK_SECRET": OLD, "PRIVATE_RECEIVER": "true"}
    with delivering(**environment, WEBHOOK_EVENTS="renditions,rejections,removals") as desk:
        monkeypatch.setattr(handler, "settings", config.at_start(post.Settings))
        yield desk


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


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        ("Thu, 26 Nov 2026 12:02:00 GMT", 120),
        ("Thu, 26 Nov 2026 11:00:00 GMT", 0),
        ("99999", post.MAX_RETRY_AFTER_SECONDS),
        ("", 0),
        ("soon", 0),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str, seconds: float) -> None:
    assert post.retry_after_seconds(header, NOW) == seconds


def test_the_next_attempt_waits_as_long_as_the_receiver_asks(
    desk: Desk, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answer = [answer(429, Retry_After="700")]
    deliver(desk)
    (failed,) = [record for record in caplog.records if record.message == "message failed"]
    assert failed.retry_seconds == 700  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "parts",
    [
        [b"H"] * 100,
        [b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 100],
        [b"HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\n", *[b""] * 100],
    ],
)
def test_a_trickling_answer_ends_in_time_and_blames_the_receiver(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, parts: list[bytes]
) -> None:
    monkeypatch.setattr(post, "ANSWER_SECONDS", 0.5)
    receiver.answer, receiver.pause_seconds = parts, 0.05
    started = time.monotonic()
    with pytest.raises(Unavailable, match="The receiver") as raised:
        post.post(config.read(post.Settings, environ(receiver)), "id", b"{}", NOW)
    assert time.monotonic() - started < 2
    assert raised.value.code == "receiver-unavailable"


def environ(receiver: Receiver) -> dict[str, str]:
    return {"WEBHOOK_URL": receiver.url, "WEBHOOK_SECRET": OLD, "PRIVATE_RECEIVER": "true"}


@pytest.mark.parametrize("status", [b"200 OK", b"500 No"])
def test_an_endless_answer_is_not_read(receiver: Receiver, status: bytes) -> None:
    receiver.answer = [b"HTTP/1.1 " + status + b"\r\n\r\n", *[b"x" * 1_000_000] * 300]
    found = post.send(receiver.url, {}, b"{}", private=True)
    assert found.status == int(status.split()[0])
    assert len(found.said) <= post.SAID_BYTES


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "localhost", "[::ffff:10.0.0.1]"]
)
def test_a_private_address_is_refused(host: str) -> None:
    with pytest.raises(Rejected) as raised:
        post.send(f"https://{host}/", {}, b"{}", private=False)
    assert raised.value.code == "receiver-private"


def test_a_certificate_that_nobody_signed_is_refused(receiver: Receiver) -> None:
    receiver.answer = [b"\x15\x03\x01\x00\x02\x02\x28"]  # a TLS alert: this server has no certificate
    with pytest.raises(Unavailable, match="could not be reached"):
        post.send(receiver.url.replace("http:", "https:"), {}, b"{}", private=True)


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
