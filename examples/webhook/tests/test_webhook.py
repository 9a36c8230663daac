"""webhook with a real event, and AWS as moto pretends it."""

import pytest

from examples.webhook.handler import handle
from tests.subscribers import delivering


def test_it_works_on_what_was_announced(caplog: pytest.LogCaptureFixture) -> None:
    with delivering() as desk:
        event = desk.announce("thumb/7ybqx4m8hz6wwqcr6076spxfyx/300x200/cat.jpg", b"content")
        assert handle(event, desk.context) == {"batchItemFailures": []}
    assert "webhook done" in caplog.messages


def test_what_fails_comes_back_and_ends_as_a_letter() -> None:
    with delivering() as desk:
        event = desk.announce("thumb/7ybqx4m8hz6wwqcr6076spxfyx/300x200/cat.jpg", b"content")
        desk.take_storage_away()
        assert len(handle(event, desk.context)["batchItemFailures"]) == 1
        assert handle(desk.at_last_attempt(event), desk.context) == {"batchItemFailures": []}
        assert [letter.code for letter in desk.letters()] == ["storage-unavailable"]
