"""A function in a child process: what it answers and raises, and what its death becomes."""

import ctypes
import os
import re
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from functions.resize import handler
from shared import isolation
from shared.errors import Rejected, Unavailable
from shared.events import Upload
from shared.isolation import isolated
from shared.limits import CHILD_MEMORY_PERCENT, FUNCTION_MEMORY_MB

pytestmark = pytest.mark.linux

MIB = 2**20


def double(number: int) -> int:
    print("a decoder that prints must not break the answer")
    return 2 * number


def refuse() -> None:
    raise Rejected("damaged-image", "Save it again.")


def crash() -> None:
    ctypes.string_at(0)


def be_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave() -> None:
    os._exit(3)


def take(megabytes: int) -> int:
    return len(bytearray(megabytes * MIB))


def loop() -> None:
    while True:
        pass


def hold_a_lock_in_c() -> None:
    c, mutex = ctypes.PyDLL(None), ctypes.create_string_buffer(64)
    c.pthread_mutex_lock(mutex), c.pthread_mutex_lock(mutex)  # with the GIL held: no signal handler gets its turn


def credentials() -> list[str]:
    return [name for name in os.environ if name.startswith("AWS_")]


def test_the_answer_comes_back() -> None:
    assert isolated(double)(21) == 42


def test_a_large_picture_goes_in_and_out() -> None:
    assert isolated(bytes)(bytearray(20 * MIB)) == bytes(20 * MIB)


def test_a_refusal_stays_a_refusal() -> None:
    with pytest.raises(Rejected) as refused:
        isolated(refuse)()
    assert (refused.value.code, refused.value.sentence) == ("damaged-image", "Save it again.")


@pytest.mark.parametrize(
    ("killer", "code", "says"),
    [
        (crash, "crashed", "SIGSEGV"),
        (leave, "crashed", "exit code 3"),
        (be_killed, "out-of-memory", f"{FUNCTION_MEMORY_MB * CHILD_MEMORY_PERCENT // 100} MiB"),
    ],
)
def test_a_death_is_told_and_survived(killer: Callable[[], None], code: str, says: str) -> None:
    with pytest.raises(Unavailable) as died:
        isolated(killer)()
    assert died.value.code == code
    assert says in died.value.sentence


def test_memory_has_an_end_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "400")
    assert isolated(take)(100) == 100 * MIB
    with pytest.raises(Unavailable) as died:
        isolated(take)(400)
    assert died.value.code == "out-of-memory"
    assert f"{400 * CHILD_MEMORY_PERCENT // 100} MiB" in died.value.sentence


def test_memory_is_enough_for_the_worst_picture_that_is_let_in() -> None:
    table = Path("docs/engine.md").read_text(encoding="utf-8").partition("| picture | bytes a pixel |")[2]
    rows = table.partition("\n\n")[0]
    measured = [int(mb) for mb in re.findall(r"\| (\d+)(?:, with a file of \d+)? \|$", rows, re.MULTILINE)]
    assert len(measured) > 15
    assert max(measured) * 1_000_000 < FUNCTION_MEMORY_MB * MIB * CHILD_MEMORY_PERCENT // 100


@pytest.mark.parametrize("hang", [loop, hold_a_lock_in_c])
def test_an_endless_one_is_ended(hang: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "CHILD_SECONDS", 1)
    began = time.monotonic()
    with pytest.raises(Unavailable) as ended:
        isolated(hang)()
    assert ended.value.code == "timed-out"
    assert time.monotonic() - began < 30


def test_the_child_has_no_credentials() -> None:
    assert isolated(credentials)() == []


@pytest.mark.parametrize("isolate", [True, False])
def test_a_suspect_is_rendered_in_another_process(monkeypatch: pytest.MonkeyPatch, isolate: bool) -> None:
    rendered_in: list[int] = []
    monkeypatch.setattr(handler, "render", os.getpid)
    monkeypatch.setattr(handler, "settings", lambda: None)
    monkeypatch.setattr(handler, "s3_client", lambda: None)
    monkeypatch.setattr(handler, "resize_upload", lambda s3, upload, settings, render: rendered_in.append(render()))
    handler.resize(Upload("uploads", "a.jpg", "e" * 32, 1, datetime(2026, 11, 23, tzinfo=UTC)), isolate)
    assert (rendered_in == [os.getpid()]) is not isolate
