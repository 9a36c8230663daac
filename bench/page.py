"""Measures the cost of a gallery page for growing numbers of pictures, in S3 calls and CPU, beside the 2016 tutorial's.

    python -m bench.page [> bench/results/page.md]

Only the network is replaced: boto3 signs requests and parses S3's XML, which a function makes from a sorted list of
keys. Every URL contains a session token of 1,000 characters, as in Lambda. The 2016 tutorial lists the whole bucket,
lets boto3 sign a URL for each object, and renders all objects into one page.
"""

import base64
import importlib
import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from jinja2 import Environment

from functions.list import handler
from shared.keys import new_image_id
from shared.storage import s3_client
from tests.support.store import Store

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "ASIABENCH",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": base64.b64encode(random.Random(1).randbytes(750)).decode(),
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "RESIZED_BUCKET": "resized",
    "UPLOAD_BUCKET": "uploads",
    "MAX_UPLOAD_MEGABYTES": "50",
    "VIEW_ACCESS": "open",
    "UPLOAD_ACCESS": "open",
}
SIZES = (100, 100_000, 1_000_000)
ROUNDS = 30
OLD_PAGE = Environment(autoescape=True).from_string("{% for url in urls %}<img src='{{ url }}'>{% endfor %}")


def get(path: str = "/", **query: str) -> dict[str, Any]:
    """Returns the handler's answer to a browser."""
    event = {
        "rawPath": path,
        "queryStringParameters": query,
        "headers": {"accept-encoding": "gzip, br"},
        "requestContext": {"http": {"method": "GET"}},
    }
    answer: dict[str, Any] = dict(handler.handle(event, None))
    assert answer["statusCode"] == 200, answer
    return answer


def the_2016_way() -> str:
    """Renders the whole bucket as one page."""
    s3 = s3_client()
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="resized", Prefix="thumb/")
    names = [item["Key"] for page in pages for item in page.get("Contents", [])]
    urls = [s3.generate_presigned_url("get_object", Params={"Bucket": "resized", "Key": name}) for name in names]
    return OLD_PAGE.render(urls=urls)


def cpu_ms(work: Callable[[], object], rounds: int) -> float:
    """Returns the median CPU time of one round."""
    times = []
    for _ in range(rounds):
        begin = time.process_time()
        work()
        times.append((time.process_time() - begin) * 1000)
    return statistics.median(times)


def main() -> None:
    """Prints the tables."""
    os.environ.update(ENVIRONMENT)
    importlib.reload(handler)  # it reads its settings at start
    store = Store()
    # botocore's own hook for answering a request without sending it.
    s3_client().meta.events.register("before-send.s3", store.answer)  # type: ignore[arg-type]
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    print(f"{today}, Python {platform.python_version()}, {platform.machine()}, medians of {ROUNDS}")
    print("One page of 60 pictures (HTML, gzipped), warm\n")
    print("| pictures | S3 calls | CPU, ms | bytes sent | the 2016 way: S3 calls | CPU, ms | ratio |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    now, ids = datetime.now(UTC), []
    for size in SIZES:
        ids = sorted(new_image_id(now - timedelta(minutes=5 * n)) for n in range(size))
        store.keys = [
            f"{rendition}/{image}/4032x3024/IMG_{n:07}.jpg"
            for rendition in ("medium", "thumb")
            for n, image in enumerate(ids)
        ]
        page = len(get()["body"]) * 3 // 4
        store.lists = 0
        get()
        lists, ours = store.lists, cpu_ms(get, ROUNDS)
        old = "not run: ten times the row above |  |"
        if size <= 100_000:
            store.lists = 0
            theirs = cpu_ms(the_2016_way, 3 if size <= 1000 else 1)
            calls = store.lists // (3 if size <= 1000 else 1)
            old = f"{calls} | {theirs:,.0f} | {theirs / ours:,.0f} |"
        print(f"| {size:,} | {lists} | {ours:.1f} | {page:,} | {old}")
        sys.stdout.flush()
    print("\nThe rarer requests, with 1,000,000 pictures\n")
    print("| request | S3 calls | CPU, ms |")
    print("|---|---:|---:|")
    for name, path, query in (
        ("GET images, the next page as JSON", "/images", {"after": ids[500_000]}),
        ("GET images before one of the newest thousand", "/images", {"before": ids[300]}),
        ("GET images before one in the middle", "/images", {"before": ids[500_000]}),
        ("GET the page of one picture in the middle", "/", {"image": ids[500_000]}),
        ("GET images?ids= of 200 that have just been uploaded", "/images", {"ids": ",".join(ids[:200])}),
        ("GET images?ids= of 2 that are pending", "/images", {"ids": f"{new_image_id(now)},{new_image_id(now)}"}),
        ("GET images?ids= of 200 spread over a day", "/images", {"ids": ",".join(ids[:280:14])}),
    ):
        store.lists = 0
        get(path, **query)
        lists = store.lists
        print(f"| {name} | {lists} | {cpu_ms(partial(get, path, **query), 5):.1f} |")


if __name__ == "__main__":
    main()
