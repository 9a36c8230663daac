"""A small run of bench/chaos.py with a fixed seed, and waits in a fraction of the real ones.

The file that hangs the renderer is left out, because it takes long even so: tests/e2e/test_lossless.py has it.
"""

from pathlib import Path

import pytest
from rich.console import Console

from bench.chaos import run
from tests.support.killers import CODES, CRASHES, OUT_OF_MEMORY

pytestmark = pytest.mark.nightly
UPLOADS = 80
SEED = 7
KILLERS = (CRASHES, OUT_OF_MEMORY)


def test_every_upload_ends_in_exactly_one_place(tmp_path: Path) -> None:
    with (tmp_path / "chaos.log").open("w") as log:
        told = run(
            tmp_path / "darkroom", UPLOADS, SEED, Console(file=log), quick=True, killers=KILLERS, restarts=(0.3,)
        )
    for ledger in (told["before replay"], told["after replay"]):
        assert not any(ledger["wrong"].values()), told
        assert set(ledger["letters"]) == {CODES[killer] for killer in KILLERS}, told
    for fault in ("S3 500", "S3 503", "S3 broken off", "S3 slow", "worker killed in mid-batch", "engine restarted"):
        assert told["faults"][fault] >= 1, told
    assert told["faults"]["event again"] >= 1
    assert told["faults"]["older event after newer"] >= 1
