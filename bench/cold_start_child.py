"""One cold start: `python cold_start_child.py TREE MODULE METHOD PATH`, started by bench/cold_start.py.

Imports a handler of the tree, answers one request with S3 faked in the process, and prints the CPU time in ms.
"""

import importlib
import json
import os
import sys
import time
from typing import Any

tree, module, method, path = sys.argv[1:5]
sys.path.insert(0, tree)

LISTING = (
    b'<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<IsTruncated>false</IsTruncated></ListBucketResult>"
)


class Raw:
    """A body as urllib3 hands it to botocore."""

    def stream(self, *_: Any, **__: Any) -> Any:
        yield LISTING

    def read(self, *_: Any, **__: Any) -> bytes:
        return LISTING


class Context:
    function_name = "darkroom"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:darkroom"
    aws_request_id = "request"


def main() -> None:
    sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
    handler = importlib.import_module(module)
    from botocore.awsrequest import AWSResponse
    from botocore.compat import HTTPHeaders

    from shared.storage import s3_client

    def answered(request: Any, **_: Any) -> Any:
        return AWSResponse(request.url, 200, HTTPHeaders.from_pairs({}), Raw())

    s3_client().meta.events.register("before-send.s3", answered)
    event = {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "headers": {"accept-encoding": "gzip"},
        "requestContext": {"http": {"method": method, "path": path}, "stage": "$default"},
        "body": json.dumps({"name": "cat.jpg"}),
        "isBase64Encoded": False,
    }
    answer = handler.handle(event, Context())
    assert answer["statusCode"] in {200, 201}, answer
    sys.stderr.write(f"{time.process_time() * 1000:.1f}")


main()
