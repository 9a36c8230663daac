"""Computes the table of docs/cost.md: the cost of processing a million uploads, and the saving of each change."""

from collections.abc import Sequence
from dataclasses import replace

from ops.cost.bill import BATCH_MESSAGES, MONTH_SECONDS, Month, bill, total
from ops.cost.prices import Prices
from ops.cost.usage import Usage

MILLION = 1e6
MONTH = Month(images=MILLION)
FULL_BATCHES = Month(images=BATCH_MESSAGES * MONTH_SECONDS)
SMALL_MEMORY_MB = 1024

BEGIN, END = "<!-- cheaper: begin -->\n", "<!-- cheaper: end -->\n"


def per_million(month: Month, usage: Usage, prices: Prices) -> float:
    """Returns the dollars of a million uploads' processing."""
    return total(bill(month, usage, prices), "processing") / month.images * MILLION


def requests_without(usage: Usage, **fewer: int) -> Usage:
    """Returns the usage if a first upload makes fewer requests to S3, such as PutObject=1 fewer."""
    first = {name: count - fewer.get(name.removeprefix("s3:"), 0) for name, count in usage.requests_per_upload.items()}
    return replace(usage, requests={**usage.requests, "first upload": first})


def changes(usage: Usage, prices: Prices) -> Sequence[tuple[str, float, str]]:
    """Returns each change, the dollars a million, and its disadvantages."""
    no_medium = requests_without(usage, PutObject=1)
    no_list = requests_without(usage, ListObjectsV2=1)
    neither = requests_without(usage, PutObject=1, ListObjectsV2=1)
    small = replace(MONTH, memory_mb=SMALL_MEMORY_MB)
    return [
        ("nothing", per_million(MONTH, usage, prices), ""),
        ("ten uploads a second: batches are full", per_million(FULL_BATCHES, usage, prices), "none"),
        (
            "no `medium` (`Renditions`)",
            per_million(MONTH, no_medium, prices),
            "phones show the thumb or load the view",
        ),
        (
            f"{SMALL_MEMORY_MB:,} MB (`ResizeMemory`)",
            per_million(small, usage, prices),
            "a smaller `MaxImageMegapixels`; computing takes twice as long",
        ),
        (
            "no logs",
            per_million(MONTH, replace(usage, log_bytes_per_upload=0), prices),
            "no metrics, no traces of uploads",
        ),
        (
            "no LIST after the writes",
            per_million(MONTH, no_list, prices),
            "a form that is sent twice leaves two pictures: not offered",
        ),
        ("full batches, no `medium`", per_million(FULL_BATCHES, no_medium, prices), "as above"),
        ("full batches, no `medium`, no LIST", per_million(FULL_BATCHES, neither, prices), "as above: not offered"),
    ]


def table(usage: Usage, prices: Prices) -> str:
    """Returns the generated part of docs/cost.md."""
    rows = [f"| {name} | {dollars:.2f} | {other} |\n" for name, dollars, other in changes(usage, prices)]
    return "| change | $ per million | disadvantage |\n|---|---|---|\n" + "".join(rows)


def page(text: str, usage: Usage, prices: Prices) -> str:
    """Returns the text of docs/cost.md with a new table."""
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}{table(usage, prices)}{END}{after}"
