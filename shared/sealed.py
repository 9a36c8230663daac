"""Runs native decoders in a sealed process that has no credentials and may crash, hang or run out of memory.

    function    has the credentials, never decodes: it asks, and holds the clock
    └── spawner     imports the decoders and warms them up; never sees a file's bytes
        └── worker      a fork of the spawner, sealed; decodes one file after another

The fork makes a replacement cheap: a new worker is ready in milliseconds, because it inherits the warm imports. The
function talks to a worker over a socket pair: a JSON header, then bytes. Nothing that a worker sends is unpickled.

A worker cannot open a file or a socket, write a file, exceed its memory or outlive its parent. It inherits no
environment variable that is not in `_INHERITED`. docs/security.md names the remaining risks.
"""

import contextlib
import ctypes
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

from shared.deadline import no_time_left
from shared.errors import Rejected, Unavailable
from shared.limits import MAX_ANSWER_BYTES, MAX_HEADER_BYTES, MIN_RENDER_SECONDS, WARM_UP_SECONDS

type Answer = tuple[dict[str, Any], list[bytes]]

# The exit code of a worker whose Python code met MemoryError.
OUT_OF_MEMORY_EXIT = 12
_INHERITED = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ")
_PR_SET_DUMPABLE = 4  # prctl(2)
_PIECE_BYTES = 1 << 20


class Sealed:
    """A warm, sealed process that answers questions with `module.answer`.

    `module` is imported in the spawner only. It has `warm_up() -> None`, which loads every library that its answers
    need, and `answer(question, data) -> (header, bodies)`. A worker may use `memory_bytes` and `seconds` per question.
    """

    def __init__(self, module: str, *, seconds: float, memory_bytes: int) -> None:
        self._module = module
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        self._turn = Lock()
        self._spawner: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._worker: socket.socket | None = None
        self._worker_pid = 0

    def start(self) -> None:
        """Starts the spawner and asks for the first worker; returns at once, while both warm up."""
        forbid_inspection()
        ours, theirs = socket.socketpair()
        # DEVNULL for stdin and stdout: only the log (stderr) is shared with the function.
        self._spawner = subprocess.Popen(
            [sys.executable, "-m", "shared.sealed_worker", str(theirs.fileno()), self._module, str(self._memory_bytes)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env=_environment(),
        )
        theirs.close()
        self._control = ours
        self._request_worker()

    def stop(self) -> None:
        """Ends both processes. The next question starts new ones."""
        for connection in (self._worker, self._control):
            if connection:
                connection.close()
        if self._spawner:
            self._spawner.kill()
            self._spawner.wait()
        self._spawner = self._control = self._worker = None
        self._worker_pid = 0

    def ask(self, question: Mapping[str, Any], data: bytes, seconds_left: float = float("inf")) -> Answer:
        """Answers `question` about `data` in the worker; callers from several threads take turns.

        Raises Rejected or Unavailable as `module.answer` did. Raises Unavailable if the worker ends: `crashed`,
        `out-of-memory` or `timed-out`. Raises Outage (`no-time-left`) if the caller's own time, `seconds_left` from
        now, is too short for an attempt.
        """
        caller_ends = time.monotonic() + seconds_left
        with self._turn:
            left = caller_ends - time.monotonic()
            if left < min(MIN_RENDER_SECONDS, self._seconds):
                raise no_time_left()
            worker = self._ready_worker(min(left, WARM_UP_SECONDS))
            seconds = min(self._seconds, caller_ends - time.monotonic())
            try:
                return _exchange(worker, question, data, time.monotonic() + seconds)
            except TimeoutError:
                os.kill(self._worker_pid, signal.SIGKILL)
                self._reap()
                if seconds < self._seconds:
                    raise no_time_left() from None
                raise Unavailable("timed-out", f"The picture was not rendered within {self._seconds:.0f} s.") from None
            except OSError:  # the worker's end of the socket closed
                raise self._explain(self._reap()) from None
            except _Garbled as garbled:
                os.kill(self._worker_pid, signal.SIGKILL)
                self._reap()
                raise Unavailable("crashed", f"The renderer sent an answer that makes no sense ({garbled}).") from None

    def _ready_worker(self, seconds: float) -> socket.socket:
        """Returns the connection to a warm worker. Raises Unavailable (`renderer-unavailable`) without one."""
        if self._control is None:
            self.start()
        assert self._control is not None
        if not self._worker:
            self._request_worker()
        if not self._worker_pid:
            self._control.settimeout(max(seconds, 0.001))
            try:
                self._worker_pid = struct.unpack("!i", _received(self._control, 4))[0]
            except OSError as error:
                self.stop()
                raise Unavailable("renderer-unavailable", f"The renderer did not start: {error}") from None
        assert self._worker is not None
        return self._worker

    def _request_worker(self) -> None:
        assert self._control is not None
        self._worker, theirs = socket.socketpair()
        self._worker_pid = 0
        with theirs, contextlib.suppress(OSError):  # a dead spawner shows when its answer is read
            socket.send_fds(self._control, [b"w"], [theirs.fileno()])

    def _reap(self) -> int:
        """Has the spawner wait for the ended worker; returns its status as subprocess does, and asks for the next."""
        assert self._control is not None
        assert self._worker is not None
        self._worker.close()
        self._worker, self._worker_pid = None, 0
        try:
            self._control.settimeout(WARM_UP_SECONDS)
            self._control.sendall(b"r")
            status: int = struct.unpack("!i", _received(self._control, 4))[0]
        except OSError:
            self.stop()
            return -signal.SIGKILL
        self._request_worker()
        return status

    def _explain(self, status: int) -> Unavailable:
        if status in {-signal.SIGKILL, OUT_OF_MEMORY_EXIT}:
            limit = self._memory_bytes // 2**20
            return Unavailable("out-of-memory", f"The picture needs more than {limit} MiB of memory to be rendered.")
        how = signal.Signals(-status).name if status < 0 else f"exit code {status}"
        sentence = f"The picture crashes the process that renders it ({how}): a decoder has a bug. Keep the original."
        return Unavailable("crashed", sentence)


def forbid_inspection() -> None:
    """Keeps other processes of the same user from reading this one's memory and environment (prctl(2)); Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


class _Garbled(Exception):
    """The answer does not follow the protocol."""


def send_message(connection: socket.socket, header: Mapping[str, Any], bodies: Sequence[bytes]) -> None:
    """Sends one message: the header's length in 4 bytes, the header as JSON, then each body."""
    text = json.dumps({**header, "body_bytes": [len(body) for body in bodies]}).encode()
    connection.sendall(struct.pack("!I", len(text)) + text)
    for body in bodies:
        connection.sendall(body)


def receive_message(connection: socket.socket, ends: float = float("inf")) -> tuple[dict[str, Any], list[bytes]]:
    """Receives one message until `ends` (monotonic seconds).

    Raises TimeoutError, OSError if the connection ends, and _Garbled for a message outside the protocol's bounds.
    """
    (length,) = struct.unpack("!I", _received(connection, 4, ends))
    if length > MAX_HEADER_BYTES:
        raise _Garbled(f"a header of {length} bytes")
    try:
        header = json.loads(_received(connection, length, ends))
        sizes = header.pop("body_bytes")
        if not all(type(size) is int and size >= 0 for size in sizes) or sum(sizes) > MAX_ANSWER_BYTES:
            raise _Garbled("its sizes are out of bounds")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _Garbled(type(error).__name__) from None
    return header, [_received(connection, size, ends) for size in sizes]


def _exchange(worker: socket.socket, question: Mapping[str, Any], data: bytes, ends: float) -> Answer:
    worker.settimeout(max(ends - time.monotonic(), 0.001))
    send_message(worker, question, [data])
    header, bodies = receive_message(worker, ends)
    error = header.get("error")
    if error is None:
        return header, bodies
    code, sentence = str(header.get("code"))[:64], str(header.get("sentence"))[:1000]
    raise {"rejected": Rejected, "unavailable": Unavailable}.get(error, Unavailable)(code, sentence)


def _received(connection: socket.socket, size: int, ends: float = float("inf")) -> bytes:
    received = bytearray()
    while len(received) < size:
        if ends != float("inf"):
            connection.settimeout(max(ends - time.monotonic(), 0.001))
        piece = connection.recv(min(size - len(received), _PIECE_BYTES))
        if not piece:
            raise ConnectionResetError("the other end closed")
        received += piece
    return bytes(received)


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    # A fork needs a single thread; NumPy's OpenBLAS would start a pool on import.
    return kept | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "OPENBLAS_NUM_THREADS": "1"}
