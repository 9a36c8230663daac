"""A chaos run ends with an error, and does not hang, if its engine is gone or refuses an upload."""

import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from bench import chaos
from bench.chaos import Chaos, EngineGoneError
from bench.ledger import Sent, plan
from ops.local.engine import Engine
from ops.recovery.letters import Counts


class NoAnswer:
    """Stands in for every client of an engine that does not answer."""

    def __getattr__(self, name: str) -> Any:
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")


@pytest.fixture
def gone(tmp_path: Path) -> Chaos:
    process = subprocess.Popen(["true"])
    process.wait()
    outputs = {
        "ResizeQueueUrl": "http://127.0.0.1:1/queue",
        "UploadBucketName": "uploads",
        "ResizedBucketName": "resized",
    }
    return Chaos(Engine(tmp_path, 1), process, outputs, "http://127.0.0.1:1/", NoAnswer(), NoAnswer())


def test_an_uploader_gives_up_on_an_engine_that_does_not_answer(gone: Chaos, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chaos, "GONE_SECONDS", 0.1)
    with pytest.raises(EngineGoneError, match="EndpointConnectionError"):
        chaos._upload(gone, Sent("healthy", [b""], (1, 1), through_door=False, twice=False))
    assert gone.gone.is_set()


def test_one_uploader_that_gives_up_ends_the_others_and_the_run(gone: Chaos, monkeypatch: pytest.MonkeyPatch) -> None:
    gone.gone.set()
    with pytest.raises(EngineGoneError):
        chaos._upload(gone, Sent("healthy", [b""], (1, 1), through_door=False, twice=False))
    monkeypatch.setattr(chaos, "ends", lambda *_: type("Ends", (), {"every": lambda _: set()})())
    with pytest.raises(EngineGoneError):
        chaos._await_ended(gone, 1)


def test_an_upload_that_the_engine_refuses_ends_the_run(gone: Chaos, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chaos, "GONE_SECONDS", 0.1)
    monkeypatch.setattr(chaos, "counts", lambda *_: Counts(0, 0))
    with pytest.raises(EngineGoneError, match="hostile upload was not accepted"):
        chaos._upload(gone, Sent("hostile", [b""], (1, 1), through_door=False, twice=False))


def test_no_empty_file_is_planned_for_the_door() -> None:
    planned = plan(5000, random.Random(2613), [])
    assert any(b"" in one.bodies for one in planned)
    assert all(all(one.bodies) for one in planned if one.through_door)
