"""An artifact that can be killed: the real one, whose decoder dies of pictures that end with a mark.

Decoders that crash on given bytes are mended as soon as they are known, so a real file would test nothing for long.
Nothing of this is in the function: it is added to the built folder, before that is deployed.
"""

import py_compile
from pathlib import Path

CRASHES, OUT_OF_MEMORY, HANGS = b"!crashes!", b"!out-of-memory!", b"!hangs!"
CODES = {CRASHES: "crashed", OUT_OF_MEMORY: "out-of-memory", HANGS: "timed-out"}

_DECODER = f"""

import ctypes, os, signal, sys
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

# The same mechanisms in a fraction of the time.
QUICK = {
    "BACKOFF_FIRST_SECONDS": 2,
    "BACKOFF_FACTOR": 1.5,
    "MESSAGE_SECONDS": 15,
    "CHILD_SECONDS": 8,
    "LEASE_MARGIN_SECONDS": -45,
}


def make_killable(build: Path, limits: dict[str, float] | None = None) -> None:
    """Changes a built folder (`ops.stack.build`) so that it dies of marked pictures, with other `limits` if given."""
    _append(build / "ResizeFunction/functions/resize/render.py", _DECODER)
    for layer in build.glob("*/python/shared/limits.py"):
        _append(layer, "".join(f"\n{name} = {value}" for name, value in (limits or {}).items()))


def _append(module: Path, code: str) -> None:
    module.write_text(module.read_text() + code)
    # The build's bytecode is not checked against its source.
    py_compile.compile(str(module), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH, doraise=True)
