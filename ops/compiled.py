"""Compiles the resizer's JPEG decoder, the one file that is not Python, for Lambda's processors and this machine.

Zig's C compiler comes as a package and compiles for any of them anywhere. The setup runs `python -m ops.compiled`.
"""

import fcntl
import platform
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from functions.resize.scaled_jpeg import library
from ops.problem import Problem

COMPILE_SECONDS = 300
_SOURCE = Path(__file__).parents[1] / "functions" / "resize" / "scaled_jpeg.c"
# glibc 2.17 is older than any Linux that runs Python 3.13, and every x86 of these fifteen years has SSE4 (v2).
_TARGETS = {
    ("linux", "x86_64"): ["-target", "x86_64-linux-gnu.2.17", "-mcpu=x86_64_v2"],
    ("linux", "aarch64"): ["-target", "aarch64-linux-gnu.2.17"],
    ("darwin", "x86_64"): ["-target", "x86_64-macos", "-mcpu=x86_64_v2"],
    ("darwin", "arm64"): ["-target", "aarch64-macos"],
}
# Without contraction, which arm64 has and x86_64 v2 has not, both decode a file to the same bytes.
_FLAGS = ["-std=c17", "-O3", "-ffp-contract=off", "-shared", "-fPIC", "-fvisibility=hidden", "-s"]
_WARNINGS = ["-Wall", "-Wextra", "-Werror"]


def decoders() -> list[Path]:
    """The compiled decoders, made where one is missing or older than its source. Raises Problem (`compile-failed`)."""
    with _SOURCE.open() as lock, ThreadPoolExecutor() as pool:
        fcntl.flock(lock, fcntl.LOCK_EX)  # whoever comes while another compiles waits, and finds it done
        list(pool.map(_compile, [target for target in _wanted() if not _is_current(library(*target))]))
    return [library(*target) for target in _wanted()]


def _wanted() -> Iterator[tuple[str, str]]:
    for target in _TARGETS:
        if target[0] == "linux" or target == (sys.platform, platform.machine()):
            yield target


def _is_current(made: Path) -> bool:
    return made.exists() and made.stat().st_mtime >= max(_SOURCE.stat().st_mtime, Path(__file__).stat().st_mtime)


def _compile(target: tuple[str, str]) -> None:
    made = library(*target)
    unfinished = made.with_suffix(".unfinished")
    zig = [sys.executable, "-m", "ziglang", "cc"]
    command = [*zig, *_FLAGS, *_WARNINGS, *_TARGETS[target], "-o", str(unfinished), str(_SOURCE), "-lm"]
    try:
        subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_SECONDS, check=True)
    except subprocess.SubprocessError as error:
        said = getattr(error, "stderr", None) or str(error)
        raise Problem(
            "compile-failed", f"{_SOURCE.name} could not be compiled for {'-'.join(target)}:\n{said}"
        ) from error
    unfinished.replace(made)  # at once: whoever has the old one open keeps it


if __name__ == "__main__":
    try:
        decoders()
    except Problem as problem:
        sys.exit(problem.sentence)
