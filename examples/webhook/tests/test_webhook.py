"""webhook with real events and a receiver with a fixed answer."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlparse

import pytest
import urllib3

from examples.webhook import handler, post
from tests.support.subscribers import Desk, delivering

KEY = "thumb/7ybqx4m8hz6wwqcr6076spxfyx/4000x3000/A!20!3Cb!3E.jpg"
ENVIRONMENT = {"WEBHOOK_URL": "https://hooks.example.com/services/T0/B0", "WEBHOOK_SECRET": "correct horse"}


class Receiver:
    """Replaces the network: records posts and answers `status`."""

    def __init__(self) -> None:
        self.status: int | Exception = 200
        self.posted: list[dict[str, Any]] = []

    def request(self, method: str, url: str, **sent: Any) -> urllib3.HTTPResponse:
        self.posted.append({"method": method, "url": url, **sent})
        if isinstance(self.status, Exception):
            raise self.status
        return urllib3.HTTPResponse(body=b"no_service", status=self.status, preload_content=True)


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    receiver = Receiver()
    monkeypatch.setattr(post, "_http", receiver)
    handler.settings.cache_clear()
    yield receiver
    handler.settings.cache_clear()


def deliver(desk: Desk) -> list[Any]:
    answer: list[Any] = handler.handle(desk.announce(KEY, b"picture"), desk.context)["batchItemFailures"]
    return answer


def test_a_finished_picture_is_posted_once_with_a_signature_and_a_text_for_chats(receiver: Receiver) -> None:
    with delivering(**ENVIRONMENT) as desk:
        assert deliver(desk) == []
    (sent,) = receiver.posted
    assert (sent["method"], sent["url"]) == ("POST", ENVIRONMENT["WEBHOOK_URL"])
    content = json.loads(sent["body"])
    assert content["text"].startswith("A &lt;b&gt; is ready, 4000 x 3000: https://")
    assert content["name"] == "A <b>"
    assert urlparse(content["thumb_url"]).path.endswith(".jpg")
    headers = sent["headers"]
    assert headers["X-Darkroom-Id"] == content["image"] == "7ybqx4m8hz6wwqcr6076spxfyx"
    wanted = post.signature("correct horse", headers["X-Darkroom-Timestamp"], sent["body"])
    assert headers["X-Darkroom-Signature"] == wanted
    assert sent["redirect"] is False


def test_the_signature_matches_openssl() -> None:
    # printf '1700000000.{}' | openssl dgst -sha256 -hmac secret
    known = "v1=b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163"
    assert post.signature("secret", "1700000000", b"{}") == known


@pytest.mark.parametrize("status", [500, 503, 429, 408, urllib3.exceptions.ConnectTimeoutError("late")])
def test_a_transient_failure_is_retried(receiver: Receiver, status: int | Exception) -> None:
    receiver.status = status
    with delivering(**ENVIRONMENT) as desk:
        assert len(deliver(desk)) == 1
        assert desk.letters() == []
        event = desk.announce(KEY, b"picture")
        assert handler.handle(desk.at_last_attempt(event), desk.context)["batchItemFailures"] == []
        assert [letter.code for letter in desk.letters()] == ["receiver-unavailable"]


@pytest.mark.parametrize("status", [301, 400, 404, 410])
def test_a_permanent_failure_becomes_a_dead_letter_at_once(receiver: Receiver, status: int) -> None:
    receiver.status = status
    with delivering(**ENVIRONMENT) as desk:
        assert deliver(desk) == []
        (letter,) = desk.letters()
    assert letter.code == "receiver-refused"
    assert f"answered {status}: no_service" in letter.sentence


def test_a_url_without_a_secret_is_misconfigured(receiver: Receiver) -> None:
    with delivering(WEBHOOK_URL="https://hooks.example.com/x") as desk:
        assert len(deliver(desk)) == 1
    assert receiver.posted == []


def test_without_a_url_nothing_is_posted(receiver: Receiver) -> None:
    with delivering() as desk:
        assert deliver(desk) == []
    assert receiver.posted == []
