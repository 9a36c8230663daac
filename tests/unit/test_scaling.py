"""The scaling model against calculations by hand, and docs/scaling.md against the model."""

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from bench.scaling import (
    BEGIN,
    DEFAULT_CONCURRENCY,
    END,
    PAGE,
    chart,
    concurrency_for,
    rates_that_break,
    run,
    runs,
    table,
)
from bench.scaling_check import RESULT
from ops.cost.usage import Compute, usage

ROOT = Path(__file__).parents[2]
# One second a picture on the function's memory, alone or in a batch.
SECOND = replace(usage(), compute={"x86_64": Compute(0.0, 1.0, 1.0), "arm64": Compute(0.0, 1.0, 1.0)})


def test_uploads_below_the_capacity_leave_no_backlog() -> None:
    # Ten environments render ten pictures a second.
    one = run(5, 600, 10, SECOND, "steady")
    assert one.backlog <= 20
    assert one.drain_seconds < 12


def test_uploads_above_the_capacity_pile_up_and_drain_as_calculated() -> None:
    # 20 a second for 100 s; 10 a second are done: 1,000 are left. They take 100 s more, and part of a batch's ten.
    one = run(20, 100, 10, SECOND, "steady")
    assert one.backlog == pytest.approx(1000, rel=0.05)
    assert 100 <= one.drain_seconds <= 110
    assert one.p99_seconds == pytest.approx(110, rel=0.10)


def test_slow_batches_make_the_p99_and_not_the_median() -> None:
    # One picture a second and ten environments: nothing waits, and each fifth picture takes three seconds.
    one = run(1, 100, 10, SECOND, "steady", window_seconds=0, warm=10, spread=(1, 1, 3, 1, 1))
    assert one.p50_seconds == pytest.approx(1.0)
    assert one.p99_seconds == pytest.approx(3.0)


def test_pollers_are_added_by_five_a_second() -> None:
    # With room for all, 1,000 uploads a second need 1,000 environments; after ten seconds there are 55 pollers.
    few, many = run(1000, 10, 55, SECOND, "burst"), run(1000, 10, 1000, SECOND, "burst")
    assert many.drain_seconds < few.drain_seconds
    # 10,000 pictures, and n pollers after (n - 5) / 5 seconds: about 60 s in all.
    assert 50 < many.drain_seconds + 10 < 75


def test_the_first_limit_is_the_templates_concurrency() -> None:
    name, rate, _ = rates_that_break(SECOND)[0]
    assert "ResizeMaxConcurrency" in name
    assert rate == DEFAULT_CONCURRENCY
    assert concurrency_for(100, SECOND) == 150
    assert concurrency_for(1, SECOND) == DEFAULT_CONCURRENCY
    assert concurrency_for(10_000, SECOND) == 1000


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_an_environments_concurrency_serves_ten_uploads_a_second(environment: str) -> None:
    read = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]["deploy"]["parameters"]
    given = dict(one.split("=", 1) for one in read["parameter_overrides"])
    assert int(given.get("ResizeMaxConcurrency", DEFAULT_CONCURRENCY)) >= concurrency_for(10, usage())


def test_the_model_is_within_15_percent_of_a_real_run() -> None:
    errors = [int(one) for one in re.findall(r"([+-]\d+)% \|$", RESULT.read_text(), re.MULTILINE)]
    assert len(errors) == 6
    assert max(map(abs, errors)) <= 15


def test_the_page_has_the_tables_of_the_committed_usage() -> None:
    found = runs(usage())
    committed = PAGE.read_text().partition(BEGIN)[2].partition(END)[0].strip().splitlines()
    assert committed[1:] == table(found, usage()).strip().splitlines()[1:], "run python -m bench.scaling"
    svg = chart(found, dark=True)
    assert "uploads per second" in svg
    assert "#0d1117" in svg
