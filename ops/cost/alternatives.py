"""The same month with other designs; docs/cost.md derives each line."""

from collections.abc import Sequence

from ops.cost.bill import MB_PER_VCPU, Line, Month, bill, total
from ops.cost.prices import Prices
from ops.cost.usage import Usage
from shared.renditions import DEFAULT_RENDITIONS

MONTH_HOURS = 730
DISK_GB = 8
# The instance has one, and the load balancer has one in each of two zones. IPv4 addresses have had a price since 2024.
PUBLIC_ADDRESSES = 3
RENDITIONS = len(DEFAULT_RENDITIONS)
# The tutorial's template has one function, with one invocation per picture.
TUTORIAL_MEMORY_MB = 1024
TRANSFORMER_MEMORY_MB = 1024
REQUEST_SECONDS = 0.03  # bench/slow_s3.py
# A picture waits for one GET, then for one PUT after another.
SEQUENTIAL_WAITING_SECONDS = (1 + RENDITIONS) * REQUEST_SECONDS


def tutorial(month: Month, usage: Usage, prices: Prices) -> list[Line]:
    """Returns the processing of the 2016 tutorial: SNS invokes a Lambda function with naive Pillow for each picture."""
    seconds = SEQUENTIAL_WAITING_SECONDS + usage.naive_cpu_seconds * MB_PER_VCPU / TUTORIAL_MEMORY_MB
    gb_seconds = month.images * seconds * TUTORIAL_MEMORY_MB / 1024
    images = month.images
    return [
        Line("processing", "S3: uploads and renditions", images * (1 + RENDITIONS), "requests", prices.s3_write),
        Line("processing", "S3: originals read", images, "requests", prices.s3_read),
        Line("processing", "SNS", images, "messages", prices.sns_publish),
        Line("processing", "Lambda", images, "requests", prices.lambda_request),
        Line("processing", "Lambda: time", gb_seconds, "GB-seconds", prices.lambda_gb_second("x86_64")),
    ]


def on_demand(month: Month, usage: Usage, prices: Prices) -> list[Line]:
    """Returns the processing if a Lambda function behind a CDN resizes each picture when it is first seen.

    AWS's Dynamic Image Transformation is such a function. The calculation assumes that every rendition is seen at least
    once, and that the CDN keeps it.
    """
    made = month.images * RENDITIONS
    compute = usage.compute["x86_64"]
    # Each rendition decodes the picture again, so it takes about as much computing as all renditions together.
    seconds = REQUEST_SECONDS + compute.cpu_seconds * MB_PER_VCPU / TRANSFORMER_MEMORY_MB
    gb_seconds = made * seconds * TRANSFORMER_MEMORY_MB / 1024
    return [
        Line("processing", "S3: uploads", month.images, "requests", prices.s3_write),
        Line("processing", "S3: originals read", made, "requests", prices.s3_read),
        Line("processing", "API", made, "requests", prices.api_request),
        Line("processing", "Lambda", made, "requests", prices.lambda_request),
        Line("processing", "Lambda: time", gb_seconds, "GB-seconds", prices.lambda_gb_second("x86_64")),
    ]


def imgproxy(month: Month, prices: Prices) -> list[Line]:
    """Returns the processing if imgproxy runs all the time on one small instance behind a load balancer and a CDN."""
    return [
        Line("fixed", "t4g.small", MONTH_HOURS, "hours", prices.instance_hour),
        Line("fixed", "its disk", DISK_GB, "GB-months", prices.disk_gb),
        Line("fixed", "load balancer", MONTH_HOURS, "hours", prices.load_balancer_hour),
        Line("fixed", "public addresses", MONTH_HOURS * PUBLIC_ADDRESSES, "hours", prices.public_address_hour),
        Line("processing", "S3: uploads", month.images, "requests", prices.s3_write),
        Line("processing", "S3: originals read", month.images * RENDITIONS, "requests", prices.s3_read),
    ]


def break_even(month: Month, usage: Usage, prices: Prices) -> float:
    """Returns the uploads a month above which imgproxy costs less. Compares processing and fixed lines only."""

    def difference(images: float) -> float:
        scaled = Month(images=images, architecture=month.architecture, memory_mb=month.memory_mb)
        lines = bill(scaled, usage, prices)
        return total(lines, "processing") + total(lines, "fixed") - total(imgproxy(scaled, prices))

    low, high = 0.0, 1e9
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if difference(middle) < 0 else (low, middle)
    return low


def alternatives(month: Month, usage: Usage, prices: Prices) -> Sequence[tuple[str, list[Line]]]:
    """Returns each other design with its lines for processing; storage and viewing are the same for all."""
    return [
        ("2016 tutorial's Lambda", tutorial(month, usage, prices)),
        ("on demand behind a CDN", on_demand(month, usage, prices)),
        ("imgproxy on a small instance", imgproxy(month, prices)),
    ]
