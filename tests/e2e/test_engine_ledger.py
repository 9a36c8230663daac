"""The engine is as lenient as docs/engine-ledger.md says."""

from tests.support.engine_probes import PAGE, run


def test_the_ledger_of_the_engines_leniency_is_up_to_date() -> None:
    assert run() == PAGE.read_text(), "run `python -m tests.support.engine_probes` and read what has changed"
