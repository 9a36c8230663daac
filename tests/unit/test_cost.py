"""The bill agrees with hand calculations, and its usage with the requests that the code makes."""

import json
from collections import Counter
from dataclasses import fields, replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.usage import REJECTION_CODES, counted, logged
from ops.cli import app
from ops.cost.alternatives import break_even, imgproxy, tutorial
from ops.cost.bill import ALARMS, SECRETS, Month, bill, cheapest, resize_seconds, total
from ops.cost.cheaper import changes
from ops.cost.observed import dollars_per_thousand, request_dollars_per_thousand
from ops.cost.prices import Prices, prices, read, regions
from ops.cost.usage import FILE, Compute, Usage, usage
from ops.develop import generated
from ops.problem import Problem
from tests.support.template import load_template

ROOT = Path(__file__).parents[2]
US = prices("us-east-1")
ROUND = Usage(
    requests={"first upload": {"s3:GetObject": 1, "s3:PutObject": 2, "s3:ListObjectsV2": 1}},
    requests_per_batch={"sqs:ChangeMessageVisibilityBatch": 1},
    compute={"x86_64": Compute(0.1, 0.3, 0.12), "arm64": Compute(0.2, 0.4, 0.22)},
    naive_cpu_seconds=0.3,
    thumb_bytes=20_000,
    medium_bytes=80_000,
    view_bytes=320_000,
    log_bytes_per_upload=5_000,
    metrics=20,
    measured="for this test",
)


def dollars(month: Month, used: Usage = ROUND) -> dict[str, float]:
    return {line.name: line.dollars for line in bill(month, used, US)}


def test_a_million_uploads_a_month_by_hand() -> None:
    found = dollars(Month(images=1e6))
    assert found["S3: the upload itself"] == pytest.approx(5.00)  # 1e6 x $0.005 / 1000
    assert found["S3: renditions written, views listed"] == pytest.approx(15.00)  # two PUTs, one LIST
    assert found["S3: originals read"] == pytest.approx(0.40)
    assert found["SNS: uploads and pictures announced"] == pytest.approx(1.00)  # two topics
    # 0.386 uploads a second: 1.386 in a batch, 721,500 batches, each received, hidden and deleted, and idle polls.
    assert found["SQS"] == pytest.approx((1e6 + 3 * 1e6 / 1.3858 + 648_000) * 0.4e-6, rel=1e-3)
    # 0.3 - 0.18 x 0.0429 = 0.2923 s on one core, of which 0.1 s computes: 0.1923 + 0.1 x 1769 / 2048 = 0.2787 s.
    assert found["Lambda: the resizer's time"] == pytest.approx(1e6 * 0.2787 * 2 * 1.66667e-5, rel=1e-3)
    assert found["API: tickets"] == pytest.approx(1.00)
    assert found["logs"] == pytest.approx(5 * 0.50)
    assert found["originals, 30 days"] == pytest.approx(2500 * 0.023)  # 57.50
    assert found["renditions of one month, each month"] == pytest.approx(420 * 0.023)
    assert found["metrics"] == pytest.approx(6.00)
    assert found["alarms"] == pytest.approx(1.00)
    assert found["the key that signs invitations"] == pytest.approx(0.40)


def test_the_readme_says_what_a_million_photos_cost() -> None:
    lines = bill(Month(images=1e6), usage(), US)
    processing, storage = (f"${total(lines, kind):.0f}" for kind in ("processing", "storage"))
    sentence = f"A million photos of 2.5 MB cost about {processing} to process and {storage} to keep for a month"
    assert sentence in " ".join((ROOT / "README.md").read_text().split())


def test_changes_that_make_processing_cheaper_by_hand() -> None:
    found = {name: dollars for name, dollars, _ in changes(ROUND, US)}
    today = found["nothing"]
    assert found["no `medium` (`Renditions`)"] == pytest.approx(today - 5.00)  # one PUT
    assert found["no LIST after the writes"] == pytest.approx(today - 5.00)
    assert found["no logs"] == pytest.approx(today - 5 * 0.50)
    # Ten in a batch: 0.1 x 1769 / 2048 + 0.02 s; a tenth of the batches; a hundredth of the idle polls.
    full = 15 + 5 + 0.40 + 1.00 + (1 + 0.3 + 0.648 / 25.92) * 0.4 + 0.02 + 0.10638 * 2 * 16.6667 + 1.20 + 0.25 + 2.50
    assert found["ten uploads a second: batches are full"] == pytest.approx(full, rel=1e-3)
    assert found["full batches, no `medium`, no LIST"] == pytest.approx(full - 10.00, rel=1e-3)


def test_the_page_has_the_generated_table() -> None:
    assert generated.cost_page() == generated.COST.read_text()


def test_few_uploads_and_many_views_by_hand() -> None:
    found = dollars(Month(images=10_000, views=5e6))
    assert found["S3: the upload itself"] == pytest.approx(0.05)
    assert found["S3: pictures fetched"] == pytest.approx(5e6 * 0.4e-6)  # 2.00
    # Nine pictures of the grid, half of 20 kB and half of 80 kB, for each view of 320 kB: 77 kB in the mean, 385 GB.
    assert found["transfer to the internet"] == pytest.approx(385 * 0.09)
    assert found["S3: thumbs and mediums listed"] == pytest.approx(2 * 5e6 / 60 * 5e-6)
    assert found["API: gallery pages and status polls"] == pytest.approx(5e6 / 60 * 1e-6)
    cached = dollars(Month(images=10_000, views=5e6, cdn=True))
    assert cached["CloudFront: transfer"] == pytest.approx(385 * 0.085)
    assert cached["CloudFront: pictures"] == pytest.approx(5.00)
    assert "transfer to the internet" not in cached


def test_a_hundred_million_uploads_on_arm64_with_polls_by_hand() -> None:
    month = Month(images=1e8, architecture="arm64", memory_mb=1769, polls_per_image=3, retention_days=90, tracing=False)
    found = dollars(month)
    assert month.batch == 10  # 38.6 a second
    # A full batch: 0.22 s, of which 0.2 s computes on one whole core.
    assert found["Lambda: the resizer's time"] == pytest.approx(1e8 * 0.22 * 1769 / 1024 * 1.33334e-5, rel=1e-6)
    assert found["Lambda: the resizer's invocations"] == pytest.approx(1e7 * 0.2e-6)
    assert found["originals, 90 days"] == pytest.approx(250_000 * 3 * 0.023)
    assert found["API: gallery pages and status polls"] == pytest.approx(300.0)
    assert "X-Ray" not in found


def test_memory_scales_computing_and_not_waiting() -> None:
    compute = Compute(cpu_seconds=0.1, alone_seconds=0.3, batch_seconds=0.12)
    assert resize_seconds(compute, 1, 1769) == pytest.approx(0.3)
    assert resize_seconds(compute, 10, 1769) == pytest.approx(0.12)
    assert resize_seconds(compute, 1, 3538) == pytest.approx(0.25)


def test_the_cheapest_choice_has_the_lowest_bill() -> None:
    month = Month(images=1e6)
    best = cheapest(month, ROUND, US)
    assert total(bill(best, ROUND, US)) <= total(bill(month, ROUND, US))
    arm64_is_as_fast = replace(ROUND, compute=dict.fromkeys(ROUND.compute, ROUND.compute["x86_64"]))
    assert cheapest(month, arm64_is_as_fast, US).architecture == "arm64"


def test_other_designs_by_hand() -> None:
    month = Month(images=1e6)
    # Waiting for four requests of 30 ms, and 0.3 s of computing with 1024 of 1769 MB: 0.6383 s.
    assert total(tutorial(month, ROUND, US)) == pytest.approx(
        20 + 0.4 + 0.5 + 0.2 + 1e6 * 0.63826 * 1.66667e-5, rel=1e-3
    )
    assert total(imgproxy(month, US)) == pytest.approx(730 * (0.0168 + 0.0225 + 3 * 0.005) + 8 * 0.08 + 5 + 1.2)
    even = break_even(month, ROUND, US)
    below, above = Month(images=even * 0.9), Month(images=even * 1.1)
    for near, we_cost_less in ((below, True), (above, False)):
        lines = bill(near, ROUND, US)
        ours = total(lines, "processing") + total(lines, "fixed")
        assert (ours < total(imgproxy(near, US))) == we_cost_less


def test_the_committed_usage_has_the_requests_that_the_code_makes() -> None:
    committed = json.loads(FILE.read_text())
    assert {name: committed[name] for name in counted()} == counted(), "run python -m bench.usage --counts-only"


def test_the_committed_usage_has_the_log_lines_that_the_code_writes() -> None:
    assert logged()["log_bytes_per_upload"] == pytest.approx(usage().log_bytes_per_upload, rel=0.01)


def test_a_metric_counts_once_for_each_service_that_sends_it() -> None:
    resources = load_template(ROOT / "template.yaml")["Resources"].values()
    functions = sum(resource["Type"] == "AWS::Serverless::Function" for resource in resources)
    of_door, of_resizer = 1, 13  # besides the cold starts that each function has (docs/observability.md)
    assert usage().metrics == of_door + of_resizer + functions + REJECTION_CODES


def test_traces_by_hand() -> None:
    found = dollars(Month(images=1e6, views=180_000, tracing=True))
    # Nearly every invocation is the first of its second: 721,600 of the resizer, a million of the door.
    assert found["X-Ray"] == pytest.approx(5 * (0.7216 + 1.0), rel=1e-3)
    assert found["X-Ray: gallery pages and status polls"] == pytest.approx(180_000 / 60 * 5e-6)


def test_a_first_upload_costs_one_get_three_puts_and_one_list() -> None:
    assert usage().requests_per_upload == {"s3:GetObject": 1, "s3:PutObject": 3, "s3:ListObjectsV2": 1}


def test_the_uploads_of_a_log_by_hand() -> None:
    used = replace(
        ROUND, requests={**ROUND.requests, "rejected": {"s3:GetObject": 1, "s3:PutObject": 2, "s3:ListObjectsV2": 1}}
    )
    # Three uploads within a second, each computed 0.2 s, fill a batch of four in the mean: 0.3 - 0.18 x 3 / 9 = 0.24 s
    # on one core, of which 0.2 s compute: 0.1 s more than was measured, and 0.2 x 1769 / 2048 = 0.1728 s on 2048 MB.
    found = dollars_per_thousand([0.2, 0.2, 0.2], 0, 1, used, US)
    resizer = 1000 * (0.24 - 0.1 + 0.1728) * 2 * 1.66667e-5
    assert found == pytest.approx(resizer + request_dollars_per_thousand(used, US), rel=0.15)
    assert found > resizer
    with_rejected = dollars_per_thousand([0.2, 0.2, 0.2], 3, 1, used, US)
    assert with_rejected < found
    with pytest.raises(ValueError, match="no uploads"):
        dollars_per_thousand([], 0, 1, used, US)


def test_the_bill_has_every_alarm_and_secret_of_the_template() -> None:
    kinds = Counter(resource["Type"] for resource in load_template()["Resources"].values())
    assert kinds["AWS::CloudWatch::Alarm"] == ALARMS
    assert kinds["AWS::SecretsManager::Secret"] == SECRETS


@pytest.mark.parametrize("region", regions())
def test_each_price_says_where_it_was_read_or_that_it_was_not_found(region: str) -> None:
    found = read(region)
    assert set(found) == {field.name for field in fields(Prices)}
    assert all("20" in where or "not found" in where or "region" in where for where in found.values())


def test_an_unknown_region_is_named_with_the_known_ones() -> None:
    with pytest.raises(Problem, match="eu-west-1, us-east-1"):
        prices("mars-north-1")
    assert len(regions()) >= 2


def test_the_command_prints_every_line_and_the_choices() -> None:
    ran = CliRunner().invoke(app, ["cost", "--images", "1e6", "--mean-mb", "2.5", "--views", "5e6"])
    assert ran.exit_code == 0, ran.output
    for words in ("processing", "originals, 30 days", "57.50", "arm64", "imgproxy", "Cheapest", "without free tiers"):
        assert words in ran.output
    as_json = json.loads(CliRunner().invoke(app, ["cost", "--json", "--region", "eu-west-1"]).output)
    assert as_json["total"] == pytest.approx(sum(line["dollars"] for line in as_json["lines"]))
