"""A module for the sealed process. Each question names an action, and `answer` performs it."""

import ctypes
import os
import resource
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shared.errors import Rejected, Unavailable

MIB = 2**20


def warm_up() -> None:
    """Needs nothing."""


def answer(question: dict[str, Any], data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Performs the action that the question names."""
    return DEEDS[question["deed"]](question, data)


def _echo(question: dict[str, Any], data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    return {"pid": os.getpid(), "said": question.get("say")}, [data, b"", data]


def _reject(_question: dict[str, Any], _data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    raise Rejected("damaged-image", "Save it again.")


def _refuse(_question: dict[str, Any], _data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    raise Unavailable("not-now", "Try again.")


def _fail(_question: dict[str, Any], _data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    raise ZeroDivisionError("by zero")


def _crash(_question: dict[str, Any], _data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    ctypes.string_at(0)
    raise AssertionError


def _exit(_question: dict[str, Any], _data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    os._exit(3)


def _be_killed(_question: dict[str, Any], _data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    os.kill(os.getpid(), signal.SIGKILL)  # as the kernel does if memory runs out
    raise AssertionError


def _allocate(question: dict[str, Any], _data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    return {"bytes": len(bytearray(question["mib"] * MIB))}, []


def _hang(_question: dict[str, Any], _data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    c, mutex = ctypes.PyDLL(None), ctypes.create_string_buffer(64)
    c.pthread_mutex_lock(mutex), c.pthread_mutex_lock(mutex)  # with the GIL held: no signal handler runs
    raise AssertionError


def _garble(_question: dict[str, Any], _data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    os.write(3, b"\xff" * 64)
    signal.pause()
    raise AssertionError


def _print(_question: dict[str, Any], _data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    print("a decoder that prints must not garble the answer")
    return {}, []


def _escape(question: dict[str, Any], _data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Tries every way out of the process; the answer names the ways that worked."""
    function_pid = question["function_pid"]
    ways: dict[str, Callable[[], Any]] = {
        "open a file": lambda: Path("/etc/hostname").read_bytes(),
        "write a file": lambda: Path("/tmp/darkroom-escape").write_bytes(b"x"),
        "open a socket": socket.socket,
        "open a pipe": os.pipe,
        "run a program": lambda: subprocess.run(["/bin/true"], check=True),
        "spawn a program": _spawn,
        "read the function's environment": lambda: Path(f"/proc/{function_pid}/environ").read_bytes(),
        "read the function's memory": lambda: Path(f"/proc/{function_pid}/mem").read_bytes(),
        "trace the function": lambda: _trace(function_pid),
        "trace the spawner": lambda: _trace(os.getppid()),
        "raise the limit": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)),
    }
    worked = []
    for name, way in ways.items():
        try:
            way()
        except (OSError, ValueError):
            continue
        worked.append(name)
    return {"worked": worked, "environment": sorted(os.environ)}, []


def _spawn() -> None:
    pid = os.posix_spawn("/bin/true", ["/bin/true"], {})
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0:
        raise OSError("the program could not start")


def _trace(pid: int) -> None:
    if ctypes.CDLL(None, use_errno=True).ptrace(16, pid, 0, 0) != 0:  # PTRACE_ATTACH
        raise OSError(ctypes.get_errno(), "ptrace")


DEEDS = {
    "echo": _echo,
    "reject": _reject,
    "refuse": _refuse,
    "fail": _fail,
    "crash": _crash,
    "exit": _exit,
    "be killed": _be_killed,
    "allocate": _allocate,
    "hang": _hang,
    "garble": _garble,
    "print": _print,
    "escape": _escape,
}
