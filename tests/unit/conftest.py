"""Unit tests meet AWS only as moto pretends it: no sockets, no credentials, no region of this machine."""

from collections.abc import Iterator
from typing import Final

import boto3
import pytest
from moto import mock_aws
from mypy_boto3_s3 import S3Client
from pytest_socket import disable_socket, enable_socket

from functions.list.settings import Settings, Wiring
from shared import queues, settling, storage, subscriber
from shared.breaker import Breaker
from tests.support.gallery import OPEN, Calls
from tests.support.queue_pair import QueuePair, StoppedClock

REGION: Final = "eu-west-1"


@pytest.fixture(autouse=True)
def _no_sockets() -> Iterator[None]:
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()


@pytest.fixture(autouse=True)
def _pretended_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "unit",
        "AWS_SECRET_ACCESS_KEY": "unit",
        "AWS_SESSION_TOKEN": "unit",
        "AWS_DEFAULT_REGION": REGION,
        "POWERTOOLS_SERVICE_NAME": "darkroom",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


@pytest.fixture
def s3() -> Iterator[S3Client]:
    """An S3 with the two buckets, `uploads` and `resized`."""
    with mock_aws():
        client = boto3.client("s3")
        for bucket in ("uploads", "resized"):
            client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield client


@pytest.fixture
def gallery(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wiring]:
    """The gallery's handler on moto's S3, with the client that it makes for itself."""
    storage.s3_client.cache_clear()
    wired = Wiring(Settings("resized", "uploads", 50), storage.s3_client())
    monkeypatch.setattr("functions.list.handler.wiring", lambda: wired)
    monkeypatch.setattr("functions.list.handler.guard", OPEN)
    yield wired
    storage.s3_client.cache_clear()


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Iterator[QueuePair]:
    """A subscriber's two queues, in a process that has seen no message yet."""
    with mock_aws():
        monkeypatch.setattr(subscriber, "breaker", Breaker())
        settling.own_queues.cache_clear()
        queues.sqs_client.cache_clear()
        yield QueuePair(boto3.client("sqs"), monkeypatch)


@pytest.fixture
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> StoppedClock:
    return StoppedClock(monkeypatch)


@pytest.fixture(params=[1, 4], ids=["sequential", "overlapping"])
def overlap(request: pytest.FixtureRequest) -> int:
    """The number of messages that a subscriber works on at the same time."""
    number: int = request.param
    return number


@pytest.fixture
def calls(gallery: Wiring) -> Calls:
    """The gallery's calls to S3."""
    seen = Calls()
    gallery.s3.meta.events.register("before-call.s3", lambda model, **_: seen.append(model.name))
    return seen
