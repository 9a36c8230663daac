"""Clients are made once for all threads of an execution environment."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest

from shared import queues, storage


def test_threads_that_need_clients_at_the_same_time_share_them(monkeypatch: pytest.MonkeyPatch) -> None:
    made, at_work, most = [], [0], [0]

    def make(service: str, **_: Any) -> object:
        at_work[0] += 1
        most[0] = max(most[0], at_work[0])
        made.append(service)
        threading.Event().wait(0.05)  # the other threads ask meanwhile
        at_work[0] -= 1
        return object()

    monkeypatch.setattr(boto3, "client", make)
    clients: list[Any] = [storage.s3_client, queues.sqs_client]
    for client in clients:
        client.cache_clear()
    try:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda number: clients[number % 2](), range(8)))
    finally:
        for client in clients:
            client.cache_clear()
    assert sorted(made) == ["s3", "sqs"]
    assert most == [1], "boto3's default session is not thread-safe"
    assert len(set(map(id, found))) == 2
