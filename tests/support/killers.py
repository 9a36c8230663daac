"""An artifact that can be killed: the real artifact, whose renderer dies of pictures that end with a mark.

A real file that crashes a decoder is fixed soon after it is known, so it would test nothing for long. The function
itself has no such code: it is added to the built folder before that is deployed.
"""

import py_compile
import shutil
from collections.abc import Mapping
from pathlib import Path

from ops.local import stack as stacks

BUILD = stacks.ROOT / ".darkroom" / "build"
CRASHES, OUT_OF_MEMORY, HANGS = b"!crashes!", b"!out-of-memory!", b"!hangs!"
CODES = {CRASHES: "crashed", OUT_OF_MEMORY: "out-of-memory", HANGS: "timed-out"}
# Each process names itself in its requests, so that the proxy can kill it.
PROCESS_MARK = "process-"

# In the renderer process.
_RENDERER = f"""

import ctypes, os, signal
_sound = render


def render(data, renditions, limits):
    if data.endswith({CRASHES!r}):
        ctypes.string_at(0)
    if data.endswith({OUT_OF_MEMORY!r}):
        os.kill(os.getpid(), signal.SIGKILL)  # as the kernel does
    if data.endswith({HANGS!r}):
        c, mutex = ctypes.PyDLL(None), ctypes.create_string_buffer(64)
        c.pthread_mutex_lock(mutex), c.pthread_mutex_lock(mutex)  # in C, with the interpreter's lock held
    return _sound(data, renditions, limits)
"""
# In the function's own process.
_FUNCTION = f"""

import os
os.environ["AWS_SDK_UA_APP_ID"] = f"{PROCESS_MARK}{{os.getpid()}}"
"""

# The same mechanisms in a fraction of the time.
_QUICK = {
    "BACKOFF_FIRST_SECONDS": 2,
    "BACKOFF_FACTOR": 1.5,
    "MESSAGE_SECONDS": 10,
    "RENDER_SECONDS": 6,
    "MIN_RENDER_SECONDS": 6,
    "HANG_GRACE_SECONDS": 1,
    "LEASE_MARGIN_SECONDS": -48,
}
_QUICK_TEMPLATE = {
    "VisibilityTimeout: 360": "VisibilityTimeout: 25",
}


def make_killable(build: Path, *, quick: bool, function: str = "", limits: Mapping[str, float] | None = None) -> None:
    """Build the artifact into the folder `build`, so that it dies of marked pictures.

    `quick` shortens all delays, and `limits` shortens some of them further. `function` is code for the resizer's own
    process.
    """
    stacks.build(BUILD, stacks.host_architecture())
    shutil.copytree(BUILD, build)
    shutil.copy(BUILD.with_name("build.digest"), build.with_name("build.digest"))
    _append(build / "ResizeFunction/functions/resize/render.py", _RENDERER)
    _append(build / "ResizeFunction/functions/resize/handler.py", _FUNCTION + function)
    template = build / "template.yaml"
    # The build names included files by their way from its own folder.
    template.write_text(template.read_text().replace("Location: ../../", f"Location: {stacks.ROOT}/"))
    if not quick:
        return
    for layer in build.glob("*/python/shared/limits.py"):
        _append(layer, "".join(f"\n{name} = {value}" for name, value in (_QUICK | dict(limits or {})).items()))
    for usual, quick_one in _QUICK_TEMPLATE.items():
        assert usual in template.read_text()
        template.write_text(template.read_text().replace(usual, quick_one))


def _append(module: Path, code: str) -> None:
    module.write_text(module.read_text() + code)
    # The build's bytecode is not checked against its source.
    py_compile.compile(str(module), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH, doraise=True)
