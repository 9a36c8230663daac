"""A small run of bench/chaos.py with a fixed seed, and waits in a fraction of the real ones."""

from pathlib import Path

from rich.console import Console

from bench.chaos import run
from tests.e2e.killers import CODES, QUICK

UPLOADS = 120
SEED = 7


def test_every_upload_ends_in_exactly_one_place(tmp_path: Path) -> None:
    with (tmp_path / "chaos.log").open("w") as log:
        told = run(tmp_path / "darkroom", UPLOADS, SEED, QUICK, Console(file=log))
    for ledger in (told["before replay"], told["after replay"]):
        wrong = ledger["wrong"]
        assert (wrong["lost"], wrong["doubled"], wrong["older content"]) == (0, 0, 0), told
        assert wrong["killer not in DLQ"] == 0, told
    # After the faults have stopped, one replay leaves nothing in the queue but what kills.
    assert told["after replay"]["wrong"]["healthy in DLQ"] == 0, told
    assert set(told["after replay"]["letters"]) == set(CODES.values()), told
    assert told["faults"]["engine restarted"] >= 1
    assert told["faults"]["worker killed"] >= 1
