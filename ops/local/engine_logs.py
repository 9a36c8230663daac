"""Gives each invocation in the local engine all lines that its function wrote.

MiniStack reads a function's output in a separate thread. After the answer it waits a few milliseconds for that thread.
On a busy machine the last lines come later: the next invocation gets them, and without one they are lost. Whatever a
function wrote before its answer is in the pipe when the answer arrives. So this module reads the pipe at that moment.
"""

import os
import select
from queue import Empty, Queue
from threading import Lock
from typing import IO

from ministack.core.lambda_runtime import Worker

READ_BYTES = 65_536  # a pipe's capacity on Linux: man 7 pipe


def install() -> None:
    """Make MiniStack's workers read their functions' output by this module."""
    Worker._read_stderr = _follow  # noqa: SLF001  (MiniStack is pinned, and a test covers this)
    Worker._drain_stderr = Worker._drain_stderr_bounded = _take  # noqa: SLF001


class Output:
    """The log output of a function's process. Callable from several threads."""

    def __init__(self, pipe: IO[str], lines: "Queue[str]") -> None:
        """`lines` receives each complete line."""
        self._pipe = pipe  # keeps the descriptor open
        self._lines = lines
        self._lock = Lock()
        self._rest = b""

    def wait(self) -> None:
        """Wait until there is something to read, or until the process has closed its end."""
        self._readable(None)

    def read(self) -> bool:
        """Read the pipe until it is empty, and do not wait for more. Return False after the end."""
        with self._lock:
            while self._readable(0):
                data = os.read(self._pipe.fileno(), READ_BYTES)
                if not data:
                    self._put(self._rest)
                    self._rest = b""
                    return False
                *whole, self._rest = (self._rest + data).split(b"\n")
                for line in whole:
                    self._put(line)
            return True

    def _readable(self, timeout_ms: int | None) -> bool:
        poll = select.poll()  # one for each call: two threads cannot use one at a time
        poll.register(self._pipe, select.POLLIN)
        return bool(poll.poll(timeout_ms))

    def _put(self, line: bytes) -> None:
        if line:
            self._lines.put(line.decode(errors="replace"))


def _follow(worker: Worker) -> None:
    """Read a worker's output as long as its process lives, so that the pipe is never full."""
    output = worker.output = Output(worker._proc.stderr, worker._stderr_queue)  # noqa: SLF001
    output.wait()
    while output.read():
        output.wait()


def _take(worker: Worker, **_: float) -> str:
    """Return all lines that the worker's process has written since the last call."""
    output: Output | None = getattr(worker, "output", None)
    if output:
        output.read()
    lines = []
    try:
        while True:
            lines.append(worker._stderr_queue.get_nowait())  # noqa: SLF001
    except Empty:
        return "\n".join(lines)
