"""A resized bucket that is only a sorted list of keys. It answers boto3's LISTs without a network, and counts them."""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import islice, takewhile
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders


class Raw:
    """A response body in the form that botocore expects from urllib3."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        yield self.body

    def read(self, *_: object, **__: object) -> bytes:
        return self.body


class Store:
    """A bucket of sorted keys that answers LIST requests and counts them. The upload bucket beside it has `uploads`."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.uploads: list[str] = []
        self.lists = 0

    def answer(self, request: Any, **_: object) -> AWSResponse:
        """Answers a request of boto3, as a handler of its event `before-send`."""
        self.lists += 1
        url = urlsplit(request.url)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        prefix = query.get("prefix", "")
        start = query.get("continuation-token") or query.get("start-after") or prefix
        keys = self.uploads if "/uploads" in url.path or "uploads." in url.netloc else self.keys
        begin, limit = bisect_right(keys, max(start, prefix)), int(query.get("max-keys", 1000))
        found = list(takewhile(lambda key: key.startswith(prefix), islice(keys, begin, begin + limit)))
        following = keys[begin + limit : begin + limit + 1]
        more = len(found) == limit and bool(following) and following[0].startswith(prefix)
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
