"""Posting to receivers that are slow, endless, private or unsigned."""

import time
from datetime import UTC, datetime

import pytest

from examples.webhook import post
from examples.webhook.tests.receiver import Receiver, environ
from shared import config
from shared.errors import Rejected, Unavailable

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


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
