"""Facts about processes of this machine: from /proc on Linux, where a minimal system lacks `ps`, else from `ps`."""

import ctypes
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
# Fields of /proc/PID/stat behind the command, which may contain spaces: man 5 proc.
_GROUP, _USER_TICKS, _SYSTEM_TICKS = 2, 11, 12


def cpu_times(group: int) -> list[tuple[str, str]]:
    """Return the CPU time of each process in a process group, in a unit that only grows."""
    if not (_PROC / "self" / "stat").exists():
        listed = _ps("-A", "-o", "pgid=,pid=,time=")
        rows = [line.split() for line in listed.splitlines()]
        return sorted((row[1], row[2]) for row in rows if row[0] == str(group))
    found = []
    for folder in _PROC.glob("[0-9]*"):
        with suppress(OSError, IndexError):  # The process has ended meanwhile.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if fields[_GROUP] == str(group):
                found.append((folder.name, f"{int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])}"))
    return sorted(found)


def command_of(pid: int) -> str:
    """Return the command line of a process. It is empty if there is no such process."""
    if not (_PROC / "self" / "stat").exists():
        return _ps("-o", "args=", "-p", str(pid))
    with suppress(OSError):
        return (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def end_with_parent() -> None:
    """Have the kernel kill this process when its parent ends. Call it in a new child on Linux.

    If `darkroom up` is killed, its build or deployment must end before the next `darkroom up` starts another.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _ps(*arguments: str) -> str:
    return subprocess.run(["ps", *arguments], capture_output=True, text=True, check=False).stdout
