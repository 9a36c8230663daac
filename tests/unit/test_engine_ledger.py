"""The sources of docs/engine-ledger.md contain the page's quotations."""

import pytest

from tests.support.engine_probes import PAGE, PROBES, counts
from tests.support.probes.sources import Model

QUOTED = [(probe.asks, probe.source) for probe in PROBES if isinstance(probe.source, Model)]


@pytest.mark.parametrize(("asks", "source"), QUOTED, ids=[asks for asks, _ in QUOTED])
def test_the_api_reference_has_the_quoted_words(asks: str, source: Model) -> None:
    assert source.says_so(), f"{source.service} {source.name} does not say: {source.words}"


def test_words_that_the_api_reference_does_not_have_are_noticed() -> None:
    assert not Model("s3", "GetObject", "Amazon S3 always returns 200.").says_so()


def test_the_page_has_one_row_a_question_and_counts_its_sources() -> None:
    page = PAGE.read_text()
    assert len({probe.asks for probe in PROBES}) == len(PROBES)
    assert counts() in page
    for kind in ("recorded", "documented", "inferred"):
        assert page.count(f"| {kind}: ") == sum(probe.source.kind == kind for probe in PROBES)
