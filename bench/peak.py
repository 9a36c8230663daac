"""The peak memory of this process, in MB, for one candidate and one file: `python -m bench.peak NAME FILE`.

A module of its own, which imports nothing of what the bench itself needs: NumPy alone would add 25 MB to every peer.
"""

import os
import sys
from pathlib import Path

from bench.candidates import CANDIDATES


def main() -> None:
    """Makes the pair once and prints the peak."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    CANDIDATES[sys.argv[1]](Path(sys.argv[2]).read_bytes(), (1600, 400))
    # VmHWM, not getrusage: that counts what the parent had before exec (proc_pid_status(5)).
    status = Path("/proc/self/status").read_text().partition("VmHWM:")[2]
    print(int(status.split()[0]) / 1024)


if __name__ == "__main__":
    main()
