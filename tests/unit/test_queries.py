"""The saved queries count memory in Lambda's own unit."""

import re
from itertools import pairwise

import pytest

from ops.monitoring.queries import QUERIES

# Logs Insights' fields of a REPORT line with `Memory Size: 1536 MB Max Memory Used: 768 MB`.
FIELDS = {"@memorySize": 1536e6, "@maxMemoryUsed": 768e6}


def memory_terms() -> list[tuple[str, str, float]]:
    """Return the name of each memory figure of the queries, its field and the number that it is divided by."""
    found = [re.findall(r"(@memorySize|@maxMemoryUsed) / (\d+)\) as (\w+)", query.text) for query in QUERIES]
    return [(name, field, float(divisor)) for terms in found for field, divisor, name in terms]


@pytest.mark.parametrize(("name", "field", "divisor"), memory_terms())
def test_a_memory_figure_is_in_the_unit_of_its_name(name: str, field: str, divisor: float) -> None:
    unit = {"mib": 1, "gb": 1024}[name.rsplit("_", 1)[-1]]
    assert FIELDS[field] / divisor == {"@memorySize": 1536, "@maxMemoryUsed": 768}[field] / unit


def test_the_memory_query_has_the_used_and_the_configured_memory() -> None:
    names = [name for name, _, _ in memory_terms()]
    assert ("used_mib", "has_mib") in pairwise(names)
