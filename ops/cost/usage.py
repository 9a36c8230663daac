"""Darkroom's own usage per upload, from usage.json. `python -m bench.usage` measures and writes that file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("usage.json")


@dataclass(frozen=True, slots=True)
class Compute:
    """Seconds of one 12-megapixel JPEG on one full core. The last two include the wait for S3."""

    cpu_seconds: float
    alone_seconds: float
    batch_seconds: float


@dataclass(frozen=True, slots=True)
class Usage:
    """The figures of usage.json. Requests are named as AWS names them, such as `s3:PutObject`."""

    # By path: `first upload`, `rejected`, `event again`, `replaced`.
    requests: Mapping[str, Mapping[str, int]]
    requests_per_batch: Mapping[str, int]
    compute: Mapping[str, Compute]
    naive_cpu_seconds: float
    thumb_bytes: int
    medium_bytes: int
    view_bytes: int
    log_bytes_per_upload: int
    metrics: int
    measured: str

    @property
    def requests_per_upload(self) -> Mapping[str, int]:
        """Returns the requests of a first upload, as almost every upload is."""
        return self.requests["first upload"]


def usage() -> Usage:
    """Returns the committed figures."""
    read: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return Usage(**{**read, "compute": {name: Compute(**one) for name, one in read["compute"].items()}})
