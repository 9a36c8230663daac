"""Runs each candidate in a separate process, so that no candidate pays for the memory of another."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from shared.limits import KEPT_ALLOCATION_BYTES, KEPT_BYTES

_FOLDER = Path(__file__).parent
# Darkroom keeps memory from one picture to the next, so every peer may do the same.
_KEEPING = {"MALLOC_MMAP_THRESHOLD_": str(KEPT_ALLOCATION_BYTES), "MALLOC_TRIM_THRESHOLD_": str(KEPT_BYTES)}


class Peer:
    """A running candidate. Raises FileNotFoundError if its packages are not installed (`make bench` does that)."""

    def __init__(self, name: str) -> None:
        command, folder = [sys.executable, "-W", "ignore", "-m", "bench.worker", name], _FOLDER.parent
        if name.startswith("sharp"):
            command, folder = ["node", "sharp.mjs", name], _FOLDER
            if not (folder / "node_modules" / "sharp").exists():
                raise FileNotFoundError("sharp is not installed: run `npm ci --prefix bench`")
        self._process = subprocess.Popen(
            command, cwd=folder, env=os.environ | _KEEPING, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, path: Path, sides: Sequence[int], out: Path | None = None) -> tuple[float, float]:
        """Returns the milliseconds of one run and the peak memory in MB. Writes the files OUT.0, OUT.1 … on request.

        Raises ValueError if it cannot read the file.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        sizes = ",".join(str(side) for side in sides)
        self._process.stdin.write(f"{path.resolve()}\t{sizes}\t{out or ''}\n")
        self._process.stdin.flush()
        first, _, rest = self._process.stdout.readline().strip().partition(" ")
        if first in {"error", ""}:
            raise ValueError(rest or "it ended")
        return float(first), float(rest)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait()
