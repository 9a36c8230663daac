"""The fixtures of the webhook's tests: a receiver, and a desk that delivers events."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from examples.webhook import handler, post
from examples.webhook.tests.receiver import Receiver, environ
from shared import config
from tests.support.subscribers import Desk, delivering


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
    with delivering(**environ(receiver), WEBHOOK_EVENTS="renditions,rejections,removals") as desk:
        monkeypatch.setattr(handler, "settings", config.at_start(post.Settings))
        yield desk
