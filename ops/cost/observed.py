"""Computes the price of the uploads in a log from their counted requests and measured seconds."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from ops.cost.bill import IDLE_POLLS, MONTH_SECONDS, Month, bill, total
from ops.cost.prices import Prices
from ops.cost.usage import Compute, Usage


def dollars_per_thousand(
    resized: Sequence[float], rejected: int, span_seconds: float, used: Usage, known: Prices
) -> float:
    """Returns the dollars for processing a thousand uploads like these. Raises ValueError if there are none.

    `resized` has the computing seconds of each resized upload, `rejected` counts the others, and all arrived within
    `span_seconds`. A rejected upload makes other requests and takes hardly any computing. The log does not show the
    wait for S3, so the measured usage replaces it. The cost of polling an empty queue is left out.
    """
    count = len(resized) + rejected
    if not count:
        raise ValueError("no uploads")
    computing = fmean([*resized, *[0.0] * rejected])
    measured = used.compute["x86_64"]
    waiting = {
        "alone_seconds": max(measured.alone_seconds - measured.cpu_seconds, 0),
        "batch_seconds": max(measured.batch_seconds - measured.cpu_seconds, 0),
    }
    seen = Compute(computing, **{name: computing + seconds for name, seconds in waiting.items()})
    month = Month(images=count / max(span_seconds, 1) * MONTH_SECONDS)
    dollars = 0.0
    for path, part in (("first upload", len(resized) / count), ("rejected", rejected / count)):
        like_this = replace(
            used,
            compute={**used.compute, "x86_64": seen},
            requests={**used.requests, "first upload": used.requests[path]},
        )
        dollars += part * total(bill(month, like_this, known), "processing")
    return (dollars - IDLE_POLLS * known.sqs_request) / month.images * 1000


def request_dollars_per_thousand(used: Usage, known: Prices) -> float:
    """Returns the dollars of a thousand first uploads without the resizer's time and without tracing."""
    no_time = replace(used, compute=dict.fromkeys(used.compute, Compute(0, 0, 0)))
    month = Month(images=1e6, tracing=False)
    lines = bill(month, no_time, known)
    invocations = sum(line.dollars for line in lines if line.name == "Lambda: the resizer's invocations")
    return (total(lines, "processing") - invocations - IDLE_POLLS * known.sqs_request) / month.images * 1000
