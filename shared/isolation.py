"""Runs a function in a child process that may crash, hang or take too much memory without harm to the caller.

The child is a fresh interpreter and no fork: a fork of a process with threads inherits their locks and not the
threads, and Lambda has no /dev/shm for multiprocessing's own queues. It starts in about 0.1 s, which only suspects pay.
This guards against accidents; it is no sandbox, though the child is not given the function's credentials.
"""

import faulthandler
import os
import pickle
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import wraps

from shared.errors import Unavailable
from shared.limits import CHILD_MEMORY_PERCENT, CHILD_SECONDS, FUNCTION_MEMORY_MB


def isolated[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """`function`, run in a child process that ends with it. It, what it takes and what it returns can be pickled.

    The child may run for CHILD_SECONDS and use CHILD_MEMORY_PERCENT of the Lambda function's memory. What `function`
    raises is raised here. Raises Unavailable if the child does not live to answer: `crashed`, `out-of-memory`,
    `timed-out`.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        code, answer = _run_child(pickle.dumps((function, args, kwargs)))
        try:
            error, result = pickle.loads(answer)  # noqa: S301  (our own child wrote it)
        except (EOFError, pickle.UnpicklingError):
            raise _death(code) from None
        if isinstance(error, MemoryError):
            raise _out_of_memory() from error
        if error is not None:
            raise error
        return result  # type: ignore[no-any-return]

    return run


def _run_child(request: bytes) -> tuple[int, bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    command = [sys.executable, "-m", "shared.isolation", str(CHILD_SECONDS), str(_memory_bytes())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as child:
        try:
            answer, _ = child.communicate(request)
        finally:
            child.kill()  # if we are here before it ended, our own deadline came first
    return child.returncode, answer


def _memory_bytes() -> int:
    function_megabytes = int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", FUNCTION_MEMORY_MB))
    return function_megabytes * 1024 * 1024 * CHILD_MEMORY_PERCENT // 100


def _death(code: int) -> Unavailable:
    if code == -signal.SIGALRM:
        return Unavailable(
            "timed-out", f"The picture was not rendered after {CHILD_SECONDS} s in a process of its own."
        )
    if code == -signal.SIGKILL:
        return _out_of_memory()
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return Unavailable("crashed", f"The picture ends the process that renders it ({how}). Keep it for a decoder's bug.")


def _out_of_memory() -> Unavailable:
    return Unavailable(
        "out-of-memory", f"The picture needs more than {_memory_bytes() // 2**20} MiB of memory to be rendered."
    )


def _child(seconds: int, memory_bytes: int) -> None:
    """The child's side: reads what to run from stdin, answers on what was stdout, lives at most `seconds`."""
    signal.alarm(seconds)  # ends the process unhandled, even in a loop of C code and even if the parent is gone
    faulthandler.enable()  # a crash leaves its Python stack in the logs
    # Memory that is really written to, unlike RLIMIT_AS, which also counts what decoders' threads merely reserve.
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answer_to = os.dup(1)
    os.dup2(2, 1)  # whatever prints, prints into the logs
    result, raised = None, None
    try:
        function, args, kwargs = pickle.load(sys.stdin.buffer)  # noqa: S301  (our own parent wrote it)
        result = function(*args, **kwargs)
    except Exception as error:
        raised = error
    with os.fdopen(answer_to, "wb") as out:
        pickle.dump((raised, result), out)


if __name__ == "__main__":
    _child(int(sys.argv[1]), int(sys.argv[2]))
