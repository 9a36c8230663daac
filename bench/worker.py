"""Runs one candidate in a separate process: `python -m bench.worker NAME`.

Reads lines `PATH<tab>SIDE[,SIDE]<tab>OUT`. Answers each with the milliseconds of processor time and this process's peak
memory in MB, or with `error` and the reason; sharp.mjs does the same. If OUT is given, writes OUT.0, OUT.1 … there.
Does not import the bench's own packages: NumPy alone would add 25 MB to every peer.
"""

import os
import sys
import time
from pathlib import Path

from bench.candidates import CANDIDATES


def main() -> None:
    """Answers each line of the input."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # so that a library's output does not mix with the answers
    make = CANDIDATES[sys.argv[1]]
    files: dict[str, bytes] = {}
    for line in sys.stdin:
        path, sides, out = line.rstrip("\n").split("\t")
        data = files.setdefault(path, Path(path).read_bytes())
        try:
            # CPU time of all threads: on one core this equals the elapsed time of an idle machine.
            started = time.process_time()
            made = make(data, [int(side) for side in sides.split(",")])
            milliseconds = (time.process_time() - started) * 1000
        except Exception as error:
            print("error", (str(error).splitlines() or [type(error).__name__])[0], file=answers, flush=True)
            continue
        if out:
            for number, body in enumerate(made):
                Path(f"{out}.{number}").write_bytes(body)
        # VmHWM instead of getrusage, which includes the parent's memory before exec (proc_pid_status(5)).
        status = Path("/proc/self/status").read_text().partition("VmHWM:")[2]
        print(milliseconds, int(status.split()[0]) / 1024, file=answers, flush=True)


if __name__ == "__main__":
    main()
