"""Renders broken files for a given time: `python -m bench.fuzz [SECONDS]` (600). Prints the seed of each finding.

Each file is a valid picture with bytes changed, cut, removed or repeated. Every outcome except renditions or a
rejection is a finding: the run prints it, keeps the file in bench/results/fuzz/, and exits with 1.
"""

import collections
import faulthandler
import os
import random
import sys
import time
import warnings
from pathlib import Path

from functions.resize.render import render
from shared.errors import Rejected
from shared.limits import Limits
from shared.renditions import DEFAULT_RENDITIONS, Rendition
from tests.support.makers import MAKERS, valid

_SECONDS = 600
_SLOW_SECONDS = 10
_LIMITS = Limits(max_pixels=4_000_000)
# The files are small, so only smaller renditions make the engine decode at a reduced size.
_TINY = [Rendition("tiny", 12, 12)]
_FINDINGS = Path(__file__).parent / "results" / "fuzz"


def broken(data: bytes, chance: random.Random) -> bytes:
    """Returns `data` with one to eight faults. Half are near the beginning, in the headers."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        if not changed:
            break
        at = chance.randrange(min(len(changed), 128) if chance.random() < 0.5 else len(changed))
        match chance.randrange(5):
            case 0 | 1:
                changed[at] = chance.randrange(256)
            case 2:
                changed[at : at + 4] = chance.choice(
                    (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\1\0\0\0")
                )
            case 3:
                del changed[at : at + chance.choice((1, 2, 16, len(changed)))]
            case _:
                changed[at:at] = changed[at : at + chance.randint(1, 64)]
    return bytes(changed)


def main() -> None:
    """Runs for the given seconds and prints how often each outcome was seen."""
    faulthandler.enable()
    warnings.simplefilter("ignore")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2) if not sys.stderr.isatty() else None
    until = time.monotonic() + float(sys.argv[1] if sys.argv[1:] else _SECONDS)
    outcomes: collections.Counter[str] = collections.Counter()
    seed = int(time.time())
    print(f"seeds from {seed}", flush=True)
    _FINDINGS.mkdir(parents=True, exist_ok=True)
    current = _FINDINGS / "current"
    while time.monotonic() < until:
        chance = random.Random(seed)
        name = chance.choice(list(MAKERS))
        data = broken(valid(name), chance)
        current.write_bytes(data)  # after a crash this file is the cause
        started = time.monotonic()
        try:
            render(data, chance.choice((DEFAULT_RENDITIONS, _TINY)), _LIMITS)
            outcome = "rendered"
        except Rejected as rejected:
            outcome = f"rejected, {rejected.code}"
        except BaseException as error:
            outcome = f"FOUND {type(error).__name__}"
            print(f"{name}, seed {seed}: {error!r}", flush=True)
            (_FINDINGS / f"{name}-{seed}").write_bytes(data)
        if time.monotonic() - started > _SLOW_SECONDS:
            outcome = "FOUND slow"
            (_FINDINGS / f"{name}-{seed}").write_bytes(data)
        outcomes[outcome] += 1
        seed += 1
    current.unlink()
    print(f"{outcomes.total()} files: " + ", ".join(f"{n} {o}" for o, n in outcomes.most_common()))
    sys.exit(any(outcome.startswith("FOUND") for outcome in outcomes))


if __name__ == "__main__":
    main()
