"""Waits end when nothing progresses, and not before."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ops.local.patience import Patience, work_of


def test_a_slow_start_is_awaited_as_long_as_it_progresses(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("ops.local.patience.time.monotonic", lambda: now[0])
    done = [0]
    waiting = Patience(60, lambda: done[0])
    for _ in range(20):  # 1000 s in all
        now[0] += 50
        done[0] += 1
        assert not waiting.is_over()
    now[0] += 60
    assert not waiting.is_over()
    now[0] += 1
    assert waiting.is_over()


def test_cpu_time_and_log_lines_are_progress(tmp_path: Path) -> None:
    log = tmp_path / "log"
    busy = "import time\nwhile time.process_time() < 30: pass"
    with subprocess.Popen([sys.executable, "-c", busy], start_new_session=True) as process:
        try:
            progress = work_of(process.pid, log)
            before = progress()
            log.write_text("a line")
            assert progress() != before
            before = progress()
            deadline = time.monotonic() + 20
            while progress() == before:
                assert time.monotonic() < deadline
        finally:
            process.kill()
    assert work_of(os.getpid() + 1_000_000, log)() == (6, [])
