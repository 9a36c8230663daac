"""One candidate in a process of its own: `python -m bench.worker NAME`.

Reads lines `PATH<tab>SIDE[,SIDE]<tab>OUT` and answers each with its milliseconds of processor time and this process's
peak memory in MB, or `error` and the reason; sharp.mjs does the same. If OUT is given, writes OUT.0, OUT.1 … there.
Imports nothing of what the bench itself needs: NumPy alone would add 25 MB to every peer.
"""

import os
import sys
import time
from pathlib import Path

from bench.candidates import CANDIDATES


def main() -> None:
    """Answers until its input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    make = CANDIDATES[sys.argv[1]]
    files: dict[str, bytes] = {}
    for line in sys.stdin:
        path, sides, out = line.rstrip("\n").split("\t")
        data = files.setdefault(path, Path(path).read_bytes())
        try:
            # The processor's time, all threads: on one core it is what a clock shows when nobody else runs.
            started = time.process_time()
            made = make(data, [int(side) for side in sides.split(",")])
            milliseconds = (time.process_time() - started) * 1000
        except Exception as error:
            print("error", (str(error).splitlines() or [type(error).__name__])[0], file=answers, flush=True)
            continue
        if out:
            for number, body in enumerate(made):
                Path(f"{out}.{number}").write_bytes(body)
        # VmHWM, not getrusage: that counts what the parent had before exec (proc_pid_status(5)).
        status = Path("/proc/self/status").read_text().partition("VmHWM:")[2]
        print(milliseconds, int(status.split()[0]) / 1024, file=answers, flush=True)


if __name__ == "__main__":
    main()
