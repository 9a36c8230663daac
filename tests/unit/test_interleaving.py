"""Two contents of one image, worked on at the same time: whatever the order of their requests, the newer one stays."""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from io import BytesIO
from typing import Any

import pytest
from greenlet import greenlet
from mypy_boto3_s3 import S3Client
from PIL import Image

from functions.resize.render import render
from functions.resize.work import Settings, resize_upload
from shared.errors import Unavailable
from shared.events import Upload
from shared.keys import new_image_id, upload_key
from tests.support.pictures import plain_jpeg

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
SETTINGS = Settings("uploads", "resized", 5)
KEY = upload_key(new_image_id(AT), "cat.jpg")
CONTENTS = {"blue": plain_jpeg(80, 60, "blue"), "large": plain_jpeg(160, 60, "blue"), "poem": b"a poem"}
NEWER = {"red": plain_jpeg(80, 60, "red"), "another poem": b"another poem"}


def interleave(s3: S3Client, choose: random.Random, *acts: Callable[[], None]) -> None:
    """Runs `acts` until all have ended, and changes between them at random before requests to S3.

    Some runs change at each request and some seldom, so that one act also overtakes the whole of another.
    """
    changes = choose.choice([1.0, 0.3, 0.1])
    hub = greenlet.getcurrent()

    def pause(**_: Any) -> None:
        if greenlet.getcurrent() is not hub:
            hub.switch()

    s3.meta.events.register_first("before-call.s3", pause)
    running = [greenlet(act) for act in acts]
    chosen = running[0]
    while running:
        if chosen.dead or choose.random() < changes:
            chosen = choose.choice(running)
        chosen.switch()
        running = [one for one in running if not one.dead]
    s3.meta.events.unregister("before-call.s3", pause)


def deliver(s3: S3Client, upload: Upload) -> None:
    """Resizes `upload` as SQS does: again, until it succeeds."""
    for _ in range(5):
        try:
            resize_upload(s3, upload, SETTINGS, render)
        except Unavailable:
            continue
        return
    raise AssertionError("five attempts failed")


def put(s3: S3Client, body: bytes) -> Upload:
    etag = s3.put_object(Bucket="uploads", Key=KEY, Body=body)["ETag"].strip('"')
    return Upload("uploads", KEY, etag, len(body), AT)


@pytest.mark.parametrize("newer", NEWER)
@pytest.mark.parametrize("older", CONTENTS)
def test_the_newer_of_two_contents_stays(s3: S3Client, older: str, newer: str) -> None:
    for seed in range(12):
        choose = random.Random(seed)
        for bucket in ("uploads", "resized"):
            for found in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
                s3.delete_object(Bucket=bucket, Key=found["Key"])
        first = put(s3, CONTENTS[older])
        events: list[Callable[[], None]] = [partial(deliver, s3, first), lambda: deliver(s3, put(s3, NEWER[newer]))]
        if seed % 3 == 0:  # SQS delivers at least once
            events.append(partial(deliver, s3, first))
        interleave(s3, choose, *events)
        keys = [found["Key"] for found in s3.list_objects_v2(Bucket="resized")["Contents"]]
        kinds = sorted(key.split("/")[0] for key in keys)
        if newer == "red":
            assert kinds == ["medium", "thumb", "view"], (seed, keys)
            assert all(_is_red(s3, key) for key in keys), (seed, keys)
        else:
            assert kinds == ["rejected", "view"], (seed, keys)


def _is_red(s3: S3Client, key: str) -> bool:
    body = s3.get_object(Bucket="resized", Key=key)["Body"].read()
    pixel = Image.open(BytesIO(body)).convert("RGB").getpixel((5, 5))
    assert isinstance(pixel, tuple)
    return pixel[0] > pixel[2]
