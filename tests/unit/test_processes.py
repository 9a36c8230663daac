"""Facts about processes, from /proc and from `ps`."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ops.local import processes

ANSWERS = {"-A": "  7 71 0:00.10\n  8 81 0:00.20\n  7 70 1:00.00\n", "-o": "python -m ops.local.engine_process\n"}


@pytest.mark.linux
def test_the_cpu_time_of_a_process_group_grows_with_its_work() -> None:
    before = dict(processes.cpu_times(os.getpgrp()))[str(os.getpid())]
    while dict(processes.cpu_times(os.getpgrp()))[str(os.getpid())] == before:
        sum(range(100_000))


@pytest.mark.linux
def test_the_command_of_a_process_is_its_command_line() -> None:
    assert Path(sys.executable).name in processes.command_of(os.getpid()) or "python" in processes.command_of(
        os.getpid()
    )
    assert processes.command_of(2**22 + 1) == ""


def test_without_proc_the_facts_come_from_ps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(processes, "_PROC", tmp_path)
    monkeypatch.setattr(processes, "_ps", lambda *arguments: ANSWERS[arguments[0]])
    assert processes.cpu_times(7) == [("70", "1:00.00"), ("71", "0:00.10")]
    assert "ops.local.engine_process" in processes.command_of(1)


@pytest.mark.linux
def test_a_child_ends_with_its_killed_parent() -> None:
    script = (
        "import subprocess, sys, time; from ops.local.processes import end_with_parent\n"
        "child = subprocess.Popen(['sleep', '60'], preexec_fn=end_with_parent, start_new_session=True)\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        assert "sleep" in processes.command_of(child)
        parent.kill()
    deadline = time.monotonic() + 20
    while "sleep" in processes.command_of(child):
        assert time.monotonic() < deadline
        time.sleep(0.02)
