"""AWS's prices from prices.toml."""

import tomllib
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

from ops.problem import Problem

FILE = Path(__file__).with_name("prices.toml")


@dataclass(frozen=True, slots=True)
class Prices:
    """The list prices of one region, in dollars for one unit; prices.toml names the units."""

    s3_write: float
    s3_read: float
    s3_storage_gb: float
    sns_publish: float
    sqs_request: float
    lambda_request: float
    lambda_gb_second_x86_64: float
    lambda_gb_second_arm64: float
    api_request: float
    log_gb: float
    log_storage_gb: float
    metric: float
    alarm: float
    dashboard: float
    secret: float
    trace: float
    transfer_gb: float
    cloudfront_gb: float
    cloudfront_request: float
    instance_hour: float
    disk_gb: float
    load_balancer_hour: float
    public_address_hour: float

    def lambda_gb_second(self, architecture: str) -> float:
        """Returns the price of a GB-second on `x86_64` or `arm64`."""
        return self.lambda_gb_second_arm64 if architecture == "arm64" else self.lambda_gb_second_x86_64


def regions() -> list[str]:
    """Returns the regions whose prices are known."""
    return sorted(_read()["regions"])


def dated() -> date:
    """Returns the day on which the prices were read."""
    day: date = _read()["dated"]
    return day


def read(region: str) -> dict[str, str]:
    """Returns where each number of a region was read, and when."""
    found: dict[str, str] = _read()["read"][region]
    return found


def prices(region: str) -> Prices:
    """Returns the prices of `region`. Raises Problem (`unknown-region`)."""
    known = _read()["regions"]
    if region not in known:
        raise Problem(
            "unknown-region",
            f"The prices of {region} are not known. Known: {', '.join(regions())}. Add yours to {FILE}.",
        )
    return Prices(**{field.name: float(known[region][field.name]) for field in fields(Prices)})


def _read() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))
