"""The child side of shared/sealed.py: the spawner and its workers.

Run as `python -m shared.sealed_worker CONTROL_FD MODULE MEMORY_BYTES`. It imports nothing that knows AWS.
"""

import ctypes
import faulthandler
import gc
import importlib
import os
import resource
import signal
import socket
import struct
import sys
from types import ModuleType
from typing import Any

from shared.errors import DarkroomError, Rejected
from shared.sealed import OUT_OF_MEMORY_EXIT, forbid_inspection, receive_message, send_message

_PR_SET_PDEATHSIG = 1  # prctl(2)
_CONNECTION_FD = 3  # after stdin, stdout and stderr


def spawn(control: socket.socket, module: ModuleType, memory_bytes: int) -> None:
    """Serves two requests until the function is gone: `w` forks a worker, `r` ends and reaps it."""
    worker_pid = 0
    while True:
        request, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if request == b"w":
            spawner_pid = os.getpid()
            worker_pid = os.fork()
            if worker_pid == 0:
                _end_with_parent(spawner_pid)
                serve(_seal(descriptors[0], memory_bytes), module)
            os.close(descriptors[0])
            control.sendall(struct.pack("!i", worker_pid))
        elif request == b"r":
            os.kill(worker_pid, signal.SIGKILL)  # a worker may have closed its socket without ending
            _, status = os.waitpid(worker_pid, 0)
            control.sendall(struct.pack("!i", os.waitstatus_to_exitcode(status)))
        else:
            return


def serve(connection: socket.socket, module: ModuleType) -> None:
    """Answers questions until the function closes the connection; never returns."""
    while True:
        try:
            question, (data,) = receive_message(connection)
        except OSError:
            os._exit(0)
        header: dict[str, Any]
        bodies: list[bytes] = []
        try:
            header, bodies = module.answer(question, data)
        except MemoryError:
            os._exit(OUT_OF_MEMORY_EXIT)
        except DarkroomError as error:
            kind = "rejected" if isinstance(error, Rejected) else "unavailable"
            header = {"error": kind, "code": error.code, "sentence": error.sentence}
        except Exception as error:
            sentence = f"{type(error).__qualname__}: {error}"
            header = {"error": "unavailable", "code": "unexpected", "sentence": sentence[:1000]}
        send_message(connection, header, bodies)
        del data, bodies  # not held while the next file is received


def _seal(descriptor: int, memory_bytes: int) -> socket.socket:
    """Gives up every way out of the process but the connection and the log (setrlimit(2))."""
    faulthandler.enable()  # a crash leaves its Python stack in the log
    os.dup2(descriptor, _CONNECTION_FD)
    os.closerange(_CONNECTION_FD + 1, os.sysconf("SC_OPEN_MAX"))
    # Open files stay usable under a limit of 0. A higher limit would let a worker close one and open another.
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Private writable memory, unlike RLIMIT_AS, which also counts address space that threads merely reserve.
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    return socket.socket(fileno=_CONNECTION_FD)


def _end_with_parent(parent_pid: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:  # the spawner ended before the request above took effect
        os._exit(0)


def main() -> None:
    """Imports and warms up the module, then serves requests."""
    forbid_inspection()
    control = socket.socket(fileno=int(sys.argv[1]))
    module = importlib.import_module(sys.argv[2])
    module.warm_up()
    gc.collect()
    gc.freeze()  # so that collections in workers do not copy the pages they share with the spawner
    spawn(control, module, int(sys.argv[3]))


if __name__ == "__main__":
    main()
