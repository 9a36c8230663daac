"""Measures the time from an upload to its visible thumbnail on the local engine: one cold, then twenty warm.

    python -m bench.latency [PHOTO]

Starts a separate engine, deploys the real template, uploads through the door, polls the gallery's JSON for the picture,
and fetches its thumbnail. Prints a table and writes it to bench/results/latency.md.
"""

import platform
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx

from tests.support.deployed import Stack, deployed
from tests.support.pictures import jpeg

WARM_UPLOADS = 20
GIVE_UP_SECONDS = 60
RESULT = Path(__file__).parent / "results" / "latency.md"


def upload_to_thumbnail_seconds(stack: Stack, client: httpx.Client, name: str, body: bytes) -> float:
    """Returns the seconds from the request for a ticket to the last byte of the thumbnail."""
    started = time.perf_counter()
    ticket = client.post(f"{stack.gallery_url}uploads", json={"name": name, "size": len(body)}).json()
    client.post(ticket["url"], data=ticket["fields"], files={"file": (name, body)}).raise_for_status()
    while time.perf_counter() - started < GIVE_UP_SECONDS:
        newest = client.get(f"{stack.gallery_url}images?limit=1").json()["images"]
        if newest and newest[0]["id"] == ticket["id"]:
            client.get(newest[0]["thumb"]["url"]).raise_for_status()
            return time.perf_counter() - started
        time.sleep(0.01)
    raise TimeoutError(f"no thumbnail of {name} within {GIVE_UP_SECONDS} s")


def main() -> None:
    photo = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    body = photo.read_bytes() if photo else jpeg(4000, 3000)
    with (
        tempfile.TemporaryDirectory() as folder,
        deployed(Path(folder), {}) as stack,
        httpx.Client(timeout=30) as client,
    ):
        # The deployment has requested the page already; the resizer and the door have not run yet.
        cold = upload_to_thumbnail_seconds(stack, client, "cold.jpg", body)
        warm = [upload_to_thumbnail_seconds(stack, client, f"warm {n}.jpg", body) for n in range(WARM_UPLOADS)]
    table = "\n".join(
        [
            "# From an upload to its visible thumbnail, on the local engine",
            "",
            f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, Python {platform.python_version()}, a JPEG of "
            f"{len(body) / 1e6:.1f} MB ({photo.name if photo else '4000x3000, generated'}). `python -m bench.latency`",
            "",
            "| | seconds |",
            "|---|---|",
            f"| cold: the door's and the resizer's first request | {cold:.2f} |",
            f"| warm, median of {WARM_UPLOADS} | {statistics.median(warm):.2f} |",
            f"| warm, slowest | {max(warm):.2f} |",
            "",
        ]
    )
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(table)
    print(table)


if __name__ == "__main__":
    main()
