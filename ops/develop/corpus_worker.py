"""Renders files for `darkroom corpus`, each in a separate process that may die or hang without harm.

`Worker` starts this module as a program. It imports the engine once, and forks a process for each file that it is asked
for. It has no threads, so forking is safe.
"""

import dataclasses
import os
import pickle
import resource
import select
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import BinaryIO, Self

from functions.resize.render import render
from functions.resize.warm_up import warm_up
from ops.develop.outcome import Outcome, Result
from shared.errors import Rejected
from shared.limits import Limits
from shared.renditions import DEFAULT_RENDITIONS, Rendition

# For comparisons. JPEG would change small pictures by more than a few levels, and a smaller size would blur edges.
LOSSLESS = Rendition("lossless", 800, 800, format="png")
_MB = 1024 * 1024


class Worker:
    """A process that renders one file after another. End it by leaving the `with` block."""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", __name__]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:
            self._process.kill()

    def render(self, path: Path, seconds: float, memory_mb: int, *, lossless: bool = False) -> Result:
        """Renders `path` in at most `seconds` and `memory_mb` MiB of address space; with `lossless` as PNG too."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        pickle.dump((str(path), seconds, memory_mb, lossless), self._process.stdin)
        self._process.stdin.flush()
        result: Result = pickle.load(self._process.stdout)  # noqa: S301  (our own process wrote it)
        return result


def _serve(requests: BinaryIO, results: BinaryIO) -> None:
    while True:
        try:
            path, seconds, memory_mb, lossless = pickle.load(requests)  # noqa: S301  (our own process wrote it)
        except EOFError:
            return
        pickle.dump(_in_child(path, seconds, memory_mb, lossless), results)
        results.flush()


def _in_child(path: str, seconds: float, memory_mb: int, lossless: bool) -> Result:
    started = time.perf_counter()
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receiver)
        with os.fdopen(sender, "wb") as answer:
            pickle.dump(_measured(path, memory_mb, lossless), answer)
        os._exit(0)
    os.close(sender)
    with os.fdopen(receiver, "rb") as answer:
        ready, _, _ = select.select([answer], [], [], seconds)
        if not ready:
            os.kill(child, signal.SIGKILL)
        body = answer.read()
    _, status = os.waitpid(child, 0)
    if not ready:
        return Result(path, "hung", reason=f"not done after {seconds:g} s", seconds=seconds)
    if not body:
        code = os.waitstatus_to_exitcode(status)
        spent = time.perf_counter() - started
        return Result(path, "crashed", reason=f"the process ended with {code}", seconds=spent)
    result: Result = pickle.loads(body)  # noqa: S301  (our own child wrote it)
    return result


def _measured(path: str, memory_mb: int, lossless: bool) -> Result:
    resource.setrlimit(resource.RLIMIT_AS, (memory_mb * _MB,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    started = time.perf_counter()
    try:
        result = _rendered(path, lossless)
    except Rejected as rejected:
        outcome: Outcome = "over_memory" if isinstance(rejected.__cause__, MemoryError) else "rejected"
        result = Result(path, outcome, code=rejected.code, reason=rejected.sentence)
    except MemoryError:
        result = Result(path, "over_memory", reason=f"more than {memory_mb} MB")
    except BaseException as error:  # a failure of any kind is the result
        result = Result(path, "unknown", code=type(error).__name__, reason=str(error))
    spent = time.perf_counter() - started
    return dataclasses.replace(result, seconds=spent, peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _rendered(path: str, lossless: bool) -> Result:
    renditions = [*DEFAULT_RENDITIONS, LOSSLESS] if lossless else DEFAULT_RENDITIONS
    made = render(Path(path).read_bytes(), renditions, Limits())
    return Result(
        path, "rendered", format=made.format, width_px=made.width_px, height_px=made.height_px, pictures=made.pictures
    )


if __name__ == "__main__":
    warm_up()
    _serve(sys.stdin.buffer, sys.stdout.buffer)
