"""The sealed process: its answers, its deaths, and the escapes that it prevents."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.errors import DarkroomError, Outage, Rejected, Unavailable
from shared.sealed import Sealed

MIB = 2**20
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def process() -> Iterator[Sealed]:
    sealed = Sealed("tests.support.sealed_tasks", seconds=20, memory_bytes=512 * MIB)
    yield sealed
    sealed.stop()


def test_the_answer_has_a_header_and_bodies(process: Sealed) -> None:
    header, bodies = process.ask({"deed": "echo", "say": "ünï"}, b"data")
    assert header["said"] == "ünï"
    assert bodies == [b"data", b"", b"data"]


def test_large_bodies_go_both_ways(process: Sealed) -> None:
    data = os.urandom(1 * MIB) * 40
    assert process.ask({"deed": "echo"}, data)[1] == [data, b"", data]


def test_output_of_a_decoder_does_not_garble_the_answer(process: Sealed) -> None:
    assert process.ask({"deed": "print"}, b"") == ({}, [])


@pytest.mark.parametrize(
    ("deed", "kind", "code", "sentence"),
    [
        ("reject", Rejected, "damaged-image", "Save it again."),
        ("refuse", Unavailable, "not-now", "Try again."),
        ("fail", Unavailable, "unexpected", "ZeroDivisionError: by zero"),
    ],
)
def test_errors_keep_their_kind_code_and_sentence(
    process: Sealed, deed: str, kind: type[DarkroomError], code: str, sentence: str
) -> None:
    with pytest.raises(kind) as raised:
        process.ask({"deed": deed}, b"")
    assert (raised.value.code, raised.value.sentence) == (code, sentence)


def test_a_live_worker_is_used_again(process: Sealed) -> None:
    first = process.ask({"deed": "echo"}, b"")[0]["pid"]
    with pytest.raises(Rejected):
        process.ask({"deed": "reject"}, b"")
    assert process.ask({"deed": "echo"}, b"")[0]["pid"] == first


@pytest.mark.parametrize(
    ("deed", "code", "says"),
    [
        ("crash", "crashed", "SIGSEGV"),
        ("exit", "crashed", "exit code 3"),
        ("garble", "crashed", "makes no sense"),
        ("be killed", "out-of-memory", "512 MiB"),
        ("allocate", "out-of-memory", "512 MiB"),
    ],
)
def test_the_death_of_a_worker_is_explained_and_survived(process: Sealed, deed: str, code: str, says: str) -> None:
    with pytest.raises(Unavailable) as raised:
        process.ask({"deed": deed, "mib": 600}, b"data")
    assert raised.value.code == code
    assert says in raised.value.sentence
    assert process.ask({"deed": "echo"}, b"data")[1] == [b"data", b"", b"data"]


def test_a_worker_that_dies_before_it_read_the_question_is_explained(process: Sealed) -> None:
    pid = process.ask({"deed": "echo"}, b"")[0]["pid"]
    os.kill(pid, signal.SIGSEGV)
    with pytest.raises(Unavailable) as raised:
        process.ask({"deed": "echo"}, bytes(8 * MIB))
    assert raised.value.code == "crashed"


def test_a_hanging_worker_is_killed_in_time() -> None:
    process = Sealed("tests.support.sealed_tasks", seconds=0.5, memory_bytes=512 * MIB)
    try:
        process.ask({"deed": "echo"}, b"")
        started = time.monotonic()
        with pytest.raises(Unavailable) as raised:
            process.ask({"deed": "hang"}, b"")
        assert raised.value.code == "timed-out"
        assert not isinstance(raised.value, Outage)
        assert time.monotonic() - started < 5
        assert process.ask({"deed": "echo"}, b"")[1]
    finally:
        process.stop()


def test_a_question_without_time_for_a_fair_attempt_is_an_outage(process: Sealed) -> None:
    with pytest.raises(Outage) as raised:
        process.ask({"deed": "echo"}, b"", seconds_left=5)
    assert raised.value.code == "no-time-left"


def test_threads_take_turns(process: Sealed) -> None:
    answers: dict[int, Any] = {}

    def ask(number: int) -> None:
        answers[number] = process.ask({"deed": "echo", "say": number}, b"x" * number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {number: answer[0]["said"] for number, answer in answers.items()} == {n: n for n in range(20)}
    assert all(len(answer[1][0]) == number for number, answer in answers.items())


def test_a_killed_spawner_is_replaced(process: Sealed) -> None:
    process.ask({"deed": "echo"}, b"")
    assert process._spawner
    process._spawner.kill()
    process._spawner.wait()
    with pytest.raises(Unavailable):
        process.ask({"deed": "echo"}, b"")
    assert process.ask({"deed": "echo"}, b"")[1]


def test_a_module_that_cannot_be_imported_is_unavailable() -> None:
    process = Sealed("tests.support.no_such_module", seconds=20, memory_bytes=512 * MIB)
    with pytest.raises(Unavailable) as raised:
        process.ask({"deed": "echo"}, b"")
    assert raised.value.code == "renderer-unavailable"


_UNPRIVILEGED = """
import json, os, sys
from shared.sealed import Sealed
os.environ["AWS_SECRET_ACCESS_KEY"] = "secret"
process = Sealed("tests.support.sealed_tasks", seconds=20, memory_bytes=512 * 2**20)
header, _ = process.ask({"deed": "escape", "function_pid": os.getpid()}, b"")
print(json.dumps(header | {"capabilities": next(l for l in open("/proc/self/status") if l.startswith("CapEff"))}))
"""


def _give_up_privileges() -> None:
    """Drops every capability (prctl(2)): for the kernel, root is then an ordinary user that owns root's files.

    A switch to another user would need an interpreter outside of root's home.
    """
    libc = ctypes.CDLL(None)
    for capability in range(64):
        libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
    libc.prctl(47, 4, 0, 0, 0)  # PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL


@pytest.mark.skipif(sys.platform != "linux", reason="prctl(2) is Linux's")
def test_an_unprivileged_user_finds_no_way_out_of_the_worker() -> None:
    command = [sys.executable, "-c", _UNPRIVILEGED]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        preexec_fn=_give_up_privileges,
    )
    assert done.returncode == 0, done.stderr
    header = json.loads(done.stdout)
    assert int(header["capabilities"].split()[1], 16) == 0
    assert header["worked"] == []
    assert not [name for name in header["environment"] if name.startswith("AWS_")]


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs /proc to see the processes")
@pytest.mark.parametrize("deed", ["echo", "hang"])
def test_both_processes_end_with_the_function(deed: str) -> None:
    code = f"""
import os, threading, time
from shared.sealed import Sealed
process = Sealed("tests.support.sealed_tasks", seconds=60, memory_bytes=512 * 2**20)
pid = process.ask({{"deed": "echo"}}, b"")[0]["pid"]
threading.Thread(target=process.ask, args=({{"deed": {deed!r}}}, b""), daemon=True).start()
time.sleep(0.2)
print(process._spawner.pid, pid, flush=True)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 2, done.stderr
    ends = time.monotonic() + 10
    while any(_alive(pid) for pid in pids):
        assert time.monotonic() < ends, "a process outlived the function"
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
