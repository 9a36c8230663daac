"""Measures the cost of a gallery page for growing numbers of pictures, in S3 calls and CPU, beside the 2016 tutorial's.

    python -m bench.page [> bench/results/page.md]

Only the network is replaced: boto3 signs requests and parses S3's XML, which a function makes from a sorted list of
keys. Every URL contains a session token of 1,000 characters, as in Lambda. The 2016 tutorial lists the whole bucket,
lets boto3 sign a URL for each object, and renders all of them into one page.
"""

import base64
import importlib
import os
import platform
import random
import statistics
import sys
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from jinja2 import Environment

from functions.list import handler
from shared.keys import new_image_id
from shared.storage import s3_client

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


class Raw:
    """A response body in the form that botocore expects from urllib3."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        yield self.body

    def read(self, *_: object, **__: object) -> bytes:
        return self.body


class Store:
    """A bucket of sorted keys that answers LIST requests and counts them."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.lists = 0

    def answer(self, request: Any, **_: object) -> AWSResponse:
        self.lists += 1
        url = urlsplit(request.url)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        prefix = query.get("prefix", "")
        start = query.get("continuation-token") or query.get("start-after") or prefix
        begin, limit = bisect_right(self.keys, max(start, prefix)), int(query.get("max-keys", 1000))
        if not (self.keys and self.keys[0].startswith(prefix)) or "/uploads" in url.path or "uploads." in url.netloc:
            begin = len(self.keys)
        found = [key for key in self.keys[begin : begin + limit] if key.startswith(prefix)]
        more = begin + limit < len(self.keys)
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-11-22T21:00:00.000Z</LastModified>"
            f"<ETag>&quot;9b2cf535f27731c974343645a3985328&quot;</ETag><Size>23456</Size>"
            f"<StorageClass>STANDARD</StorageClass></Contents>"
            for key in found
        )
        token = f"<NextContinuationToken>{found[-1]}</NextContinuationToken>" if more and found else ""
        body = (
            f'<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>'
            f"<IsTruncated>{str(bool(token)).lower()}</IsTruncated>{token}{contents}</ListBucketResult>"
        ).encode()
        return AWSResponse(request.url, 200, HTTPHeaders.from_dict({"content-type": "application/xml"}), Raw(body))


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
        store.keys = [f"thumb/{image}/4032x3024/IMG_{n:07}.jpg" for n, image in enumerate(ids)]
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
