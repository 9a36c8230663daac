"""Runs one candidate of bench.batch: `python -P bench/batch_worker.py darkroom|naive`.

Each input line is the event of one batch as JSON. The answer is a line of JSON: the seconds, and the ids of the failed
messages. This file imports nothing from the bench, so it runs on the tree of any revision (PYTHONPATH).
"""

import io
import json
import os
import sys
import time
from typing import Any


class Context:
    """Lambda's context object."""

    function_name = "darkroom-resize"
    memory_limit_in_mb = 2048
    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:darkroom-resize"
    aws_request_id = "8286a188-ba32-4475-8077-530cd35c09a9"

    def __init__(self) -> None:
        self._ends = time.monotonic() + 60

    def get_remaining_time_in_millis(self) -> int:
        """Returns the milliseconds until the function's timeout."""
        return int((self._ends - time.monotonic()) * 1000)


def naive_handler() -> Any:
    """Returns a handler as tutorials write it: Powertools' BatchProcessor, and Pillow without optimisation."""
    import boto3
    from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
    from PIL import Image

    from shared.renditions import DEFAULT_RENDITIONS

    s3 = boto3.client("s3")
    processor = BatchProcessor(event_type=EventType.SQS)

    def work(record: Any) -> None:
        for announced in json.loads(record.body)["Records"]:
            bucket, key = announced["s3"]["bucket"]["name"], announced["s3"]["object"]["key"]
            image = Image.open(io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))
            for rendition in DEFAULT_RENDITIONS:
                made = image.copy()
                made.thumbnail((rendition.width_px, rendition.height_px))
                out = io.BytesIO()
                made.convert("RGB").save(out, "JPEG", quality=80)
                target = f"{rendition.name}/{key.split('/')[1]}/photo.jpg"
                s3.put_object(Bucket=os.environ["RESIZED_BUCKET"], Key=target, Body=out.getvalue())

    def handle(event: Any, context: Any) -> Any:
        return process_partial_response(event, record_handler=work, processor=processor, context=context)

    return handle


def main() -> None:
    """Answers each line of the input."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # so that log lines do not mix with the answers
    if sys.argv[1] == "naive":
        handle = naive_handler()
    else:
        from functions.resize.handler import handle
    for line in sys.stdin:
        event, context = json.loads(line), Context()
        began = time.monotonic()
        answer = handle(event, context)
        seconds = time.monotonic() - began
        failed = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
        print(json.dumps({"seconds": seconds, "failed": failed}), file=answers, flush=True)


if __name__ == "__main__":
    main()
