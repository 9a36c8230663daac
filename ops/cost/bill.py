"""The bill of a month: one line for each thing that AWS charges, from prices and measured usage."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ops.cost.prices import Prices
from ops.cost.usage import Compute, Usage
from shared.limits import FUNCTION_MEMORY_MB, PAGE_ITEMS

type Architecture = Literal["x86_64", "arm64"]

MONTH_SECONDS = 30 * 86_400
BATCH_MESSAGES = 10
# The time that the mapping waits for a batch to fill: MaximumBatchingWindowInSeconds in template.yaml.
WINDOW_SECONDS = 1
# The memory for one vCPU: docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
MB_PER_VCPU = 1769
MEMORY_SIZES_MB = (1024, 1536, 1769, 2048, 3008)
# Lambda long-polls an idle queue with five pollers, 20 s each. Without MaximumConcurrency they could go down to two:
# docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
IDLE_POLLS = 5 * MONTH_SECONDS // 20
# The GB-seconds of a warm request to the door or the gallery, with 512 MB (bench/results/page.md).
PAGE_FUNCTION_GB_SECONDS = 0.5 * 0.03
# Lambda's tracing records a function's first invocation of each second and 5 % of the others.
TRACED_SHARE, TRACED_PER_SECOND = 0.05, 1
# Resources of template.yaml and ops/monitoring/dashboard.yaml; a test counts them.
ALARMS, DASHBOARDS, SECRETS = 10, 1, 1
_WRITES = {"s3:PutObject", "s3:ListObjectsV2"}  # they cost as much as POST


@dataclass(frozen=True, slots=True)
class Month:
    """What happens in a month, and the parameters of the stack."""

    images: float
    mean_mb: float = 2.5
    # Pictures that visitors' browsers fetch. A share of `view_share` are views, the others are thumbs or mediums.
    views: float = 0
    view_share: float = 0.1
    # Requests of a page that asks whether an upload is ready.
    polls_per_image: float = 0
    retention_days: float = 30
    memory_mb: int = FUNCTION_MEMORY_MB
    architecture: Architecture = "x86_64"
    cdn: bool = False
    tracing: bool = False

    @property
    def batch(self) -> float:
        """Returns the mean number of pictures per invocation, if uploads arrive evenly during the window."""
        return min(1 + self.images / MONTH_SECONDS * WINDOW_SECONDS, BATCH_MESSAGES)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the bill. `kind` is `processing`, `storage`, `viewing` or `fixed`."""

    kind: str
    name: str
    quantity: float
    unit: str
    price: float

    @property
    def dollars(self) -> float:
        return self.quantity * self.price


def bill(month: Month, usage: Usage, prices: Prices) -> list[Line]:
    """Returns every line of the month's bill, without free tiers."""
    return [
        *_processing(month, usage, prices),
        *_storage(month, usage, prices),
        *_viewing(month, usage, prices),
        *_fixed(usage, prices),
    ]


def total(lines: Iterable[Line], kind: str = "") -> float:
    """Returns the dollars of all lines, or of one kind."""
    return sum(line.dollars for line in lines if kind in {"", line.kind})


def resize_seconds(compute: Compute, batch: float, memory_mb: int) -> float:
    """Returns the billed seconds of one picture with this memory.

    Computing was measured on one core and scales with the memory's share of it; waiting for S3 does not. A batch
    overlaps the two, so a picture in a full batch waits less.
    """
    in_batch = (batch - 1) / (BATCH_MESSAGES - 1)
    wall = compute.alone_seconds + (compute.batch_seconds - compute.alone_seconds) * in_batch
    waiting = max(wall - compute.cpu_seconds, 0)
    return waiting + compute.cpu_seconds * MB_PER_VCPU / memory_mb


def cheapest(month: Month, usage: Usage, prices: Prices) -> Month:
    """Returns the month with the architecture and memory whose bill is lowest."""
    choices = [
        replace(month, architecture=architecture, memory_mb=memory)
        for architecture in ("x86_64", "arm64")
        for memory in MEMORY_SIZES_MB
    ]
    return min(choices, key=lambda choice: total(bill(choice, usage, prices)))


def _processing(month: Month, usage: Usage, prices: Prices) -> Sequence[Line]:
    images, batches = month.images, month.images / month.batch
    writes = sum(count for name, count in usage.requests_per_upload.items() if name in _WRITES)
    reads = sum(count for name, count in usage.requests_per_upload.items() if name.startswith("s3:")) - writes
    # Per batch Lambda receives once and deletes once; SNS sends each message.
    sqs = images + batches * (2 + sum(usage.requests_per_batch.values())) + IDLE_POLLS
    seconds = resize_seconds(usage.compute[month.architecture], month.batch, month.memory_mb)
    traced = _traced(batches) + _traced(images)  # the resizer's invocations and the door's
    lines = [
        Line("processing", "S3: the upload itself", images, "requests", prices.s3_write),
        Line("processing", "S3: renditions written, views listed", images * writes, "requests", prices.s3_write),
        Line("processing", "S3: originals read", images * reads, "requests", prices.s3_read),
        Line("processing", "SNS: uploads and pictures announced", images * 2, "messages", prices.sns_publish),
        Line("processing", "SQS", sqs, "requests", prices.sqs_request),
        Line("processing", "Lambda: the resizer's invocations", batches, "requests", prices.lambda_request),
        Line(
            "processing",
            "Lambda: the resizer's time",
            images * seconds * month.memory_mb / 1024,
            "GB-seconds",
            prices.lambda_gb_second(month.architecture),
        ),
        Line("processing", "API: tickets", images, "requests", prices.api_request),
        Line("processing", "Lambda: tickets", images, "requests", prices.lambda_request),
        Line(
            "processing",
            "Lambda: tickets' time",
            images * PAGE_FUNCTION_GB_SECONDS,
            "GB-seconds",
            prices.lambda_gb_second(month.architecture),
        ),
        Line("processing", "logs", images * usage.log_bytes_per_upload / 1e9, "GB", prices.log_gb),
    ]
    if month.tracing:
        lines.append(Line("processing", "X-Ray", traced, "traces", prices.trace))
    return lines


def _traced(invocations: float) -> float:
    return min(invocations, TRACED_PER_SECOND * MONTH_SECONDS + TRACED_SHARE * invocations)


def _storage(month: Month, usage: Usage, prices: Prices) -> Sequence[Line]:
    originals_gb = month.images * month.mean_mb / 1000 * month.retention_days / 30
    renditions_gb = month.images * (usage.thumb_bytes + usage.medium_bytes + usage.view_bytes) / 1e9
    logs_gb = month.images * usage.log_bytes_per_upload / 1e9
    return [
        Line("storage", f"originals, {month.retention_days:g} days", originals_gb, "GB-months", prices.s3_storage_gb),
        Line("storage", "renditions of one month, each month", renditions_gb, "GB-months", prices.s3_storage_gb),
        Line("storage", "logs of one month", logs_gb, "GB-months", prices.log_storage_gb),
    ]


def _viewing(month: Month, usage: Usage, prices: Prices) -> Sequence[Line]:
    shown = month.views / PAGE_ITEMS
    pages = shown + month.images * month.polls_per_image
    grid_bytes = (usage.thumb_bytes + usage.medium_bytes) / 2
    mean_bytes = grid_bytes + (usage.view_bytes - grid_bytes) * month.view_share
    gb = month.views * mean_bytes / 1e9
    lines = [
        Line("viewing", "API: gallery pages and status polls", pages, "requests", prices.api_request),
        Line("viewing", "Lambda: gallery pages and status polls", pages, "requests", prices.lambda_request),
        Line(
            "viewing",
            "Lambda: their time",
            pages * PAGE_FUNCTION_GB_SECONDS,
            "GB-seconds",
            prices.lambda_gb_second(month.architecture),
        ),
        Line("viewing", "S3: thumbs and mediums listed", shown + pages, "requests", prices.s3_write),
    ]
    if month.tracing:
        lines.append(Line("viewing", "X-Ray: gallery pages and status polls", _traced(pages), "traces", prices.trace))
    if month.cdn:
        lines += [
            Line("viewing", "CloudFront: pictures", month.views, "requests", prices.cloudfront_request),
            Line("viewing", "CloudFront: transfer", gb, "GB", prices.cloudfront_gb),
        ]
    else:
        lines += [
            Line("viewing", "S3: pictures fetched", month.views, "requests", prices.s3_read),
            Line("viewing", "transfer to the internet", gb, "GB", prices.transfer_gb),
        ]
    return lines


def _fixed(usage: Usage, prices: Prices) -> Sequence[Line]:
    return [
        Line("fixed", "metrics", usage.metrics, "metrics", prices.metric),
        Line("fixed", "alarms", ALARMS, "alarms", prices.alarm),
        Line("fixed", "dashboard", DASHBOARDS, "dashboards", prices.dashboard),
        Line("fixed", "the key that signs invitations", SECRETS, "secrets", prices.secret),
    ]
