"""Renders files under two fills of freed memory: `python -m bench.perturb FOLDER...`. Ends with 1 if any byte differs.

glibc fills every block that it gives or takes back (glibc.malloc.perturb). A picture with a pixel that nobody wrote
would show another picture's memory in the deployed function. Here its bytes differ between the two fills.
"""

import hashlib
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from functions.resize.memory import kept_memory
from functions.resize.render import render
from shared.errors import Rejected
from shared.limits import Limits
from shared.renditions import DEFAULT_RENDITIONS, Rendition

_FILLS = (0x55, 0xAA)
_RENDITIONS = [*DEFAULT_RENDITIONS, Rendition("lossless", 300, 300, format="png")]


def differing(files: Sequence[Path]) -> list[Path]:
    """Returns the files whose renditions, or whose rejections, depend on the fill."""
    first, second = (_outcomes(files, fill) for fill in _FILLS)
    return [file for file in files if first[str(file)] != second[str(file)]]


def _outcomes(files: Sequence[Path], fill: int) -> dict[str, str]:
    """Renders `files` in a separate process. Returns a digest of each one's renditions, or the rejection's code."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.perturb", "--child"],
        input="\n".join(map(str, files)),
        env=os.environ | {"GLIBC_TUNABLES": f"glibc.malloc.perturb={fill}"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _outcome(data: bytes) -> str:
    try:
        with kept_memory():  # as in the deployed function: one picture's memory serves the next
            rendered = render(data, _RENDITIONS, Limits())
    except Rejected as rejected:
        return rejected.code
    return hashlib.sha256(b"".join(picture.body for picture in rendered.pictures)).hexdigest()


def _child() -> None:
    warnings.simplefilter("ignore")
    answer_to = os.dup(1)
    os.dup2(2, 1)  # libraries may print
    found = {path: _outcome(Path(path).read_bytes()) for path in sys.stdin.read().splitlines()}
    os.write(answer_to, json.dumps(found).encode())


def main() -> None:
    """Compares every file of the folders that the command line names."""
    files = sorted({file for folder in sys.argv[1:] for file in Path(folder).rglob("*") if file.is_file()})
    found = differing(files)
    for file in found:
        print(f"differs: {file}")
    print(f"{len(files)} files, {len(found)} differ")
    sys.exit(bool(found))


if __name__ == "__main__":
    _child() if sys.argv[1:] == ["--child"] else main()
