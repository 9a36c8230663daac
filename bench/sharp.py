"""sharp (npm) as a candidate: one Node process, asked by lines, which times itself and so pays nothing for the pipe."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from functions.resize.memory import KEPT_ALLOCATION_BYTES, KEPT_BYTES

_FOLDER = Path(__file__).parent


class Sharp:
    """A running sharp.mjs. Raises FileNotFoundError if its packages are not installed (`npm ci` in bench/)."""

    def __init__(self) -> None:
        if not (_FOLDER / "node_modules" / "sharp").exists():
            raise FileNotFoundError("sharp is not installed: run `npm ci --prefix bench`")
        # The memory that the peers in Darkroom's process keep because it does, this one may keep as well.
        keeping = os.environ | {
            "MALLOC_MMAP_THRESHOLD_": str(KEPT_ALLOCATION_BYTES),
            "MALLOC_TRIM_THRESHOLD_": str(KEPT_BYTES),
        }
        self._process = subprocess.Popen(
            ["node", "sharp.mjs"], cwd=_FOLDER, env=keeping, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, path: Path, sides: Sequence[int], out: Path | None = None) -> tuple[float, float]:
        """Milliseconds of one run and the process's peak memory in MB. Writes the files OUT.0, OUT.1 … if told to."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        sizes = ",".join(str(side) for side in sides)
        self._process.stdin.write(f"{path.resolve()}\t{sizes}\t{out or ''}\n")
        self._process.stdin.flush()
        first, _, rest = self._process.stdout.readline().strip().partition(" ")
        if first in {"error", ""}:
            raise ValueError(rest or "sharp ended")
        return float(first), float(rest)

    def close(self) -> None:
        """Ends the process."""
        self._process.terminate()
        self._process.wait()
