"""The deadline for one message's work."""

import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from shared.deadline import deadline
from shared.errors import Unavailable


def test_work_that_exceeds_its_deadline_raises_timed_out() -> None:
    ours, _theirs = socket.socketpair()
    with pytest.raises(Unavailable) as late, deadline(0.05):
        ours.recv(1)  # S3 that never answers
    assert late.value.code == "timed-out"


def test_work_that_ends_in_time_is_not_interrupted() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with deadline(30):
        done = True
    assert done
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_library_that_swallows_exceptions_does_not_swallow_the_deadline() -> None:
    def request_with_retries() -> None:
        for _ in range(5):
            with contextlib.suppress(Exception):
                threading.Event().wait(5)

    with pytest.raises(Unavailable), deadline(0.05):
        request_with_retries()


def test_c_code_that_never_returns_ends_its_process_with_a_stack_trace() -> None:
    code = (
        "import ctypes; from shared import deadline; deadline.HANG_GRACE_SECONDS = 0.2\n"
        "def decode_picture():\n"
        "    c, mutex = ctypes.PyDLL(None), ctypes.create_string_buffer(64)\n"
        "    c.pthread_mutex_lock(mutex), c.pthread_mutex_lock(mutex)  # for ever, and no signal ends it\n"
        "with deadline.deadline(0.1): decode_picture()"
    )
    began = time.monotonic()
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "decode_picture" in ended.stderr
    assert time.monotonic() - began < 30
