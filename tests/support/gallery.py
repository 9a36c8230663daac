"""A gallery in moto, and a browser that only the handler sees."""

import base64
import gzip
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from mypy_boto3_s3 import S3Client

from functions.list import handler
from shared.access import Guard, Settings
from shared.keys import Image, new_image_id, rejection_key, rendition_key, upload_key
from tests.support.context import Context

NOW = datetime.now(UTC)
# Lets everybody look and upload, as `make run` does.
OPEN = Guard(lambda: Settings("resized", view_access=True, upload_access=True))


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def get(path: str = "/", accept_encoding: str = "gzip", **query: str) -> Answer:
    """Returns the gallery's answer to a GET."""
    event = {
        "rawPath": path,
        "headers": {"accept-encoding": accept_encoding},
        "requestContext": {"http": {"method": "GET"}},
    }
    if query:  # API Gateway leaves it out otherwise
        event["queryStringParameters"] = query
    answer = handler.handle(event, Context())
    body = answer["body"].encode()
    if answer["isBase64Encoded"]:
        body = base64.b64decode(body)
    if answer["headers"].get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    return Answer(answer["statusCode"], answer["headers"], body.decode())


def image_id(minutes_ago: float = 0) -> str:
    """An id of an upload that long ago."""
    return new_image_id(NOW - timedelta(minutes=minutes_ago))


def picture(
    s3: S3Client,
    minutes_ago: float = 0,
    name: str = "cat.jpg",
    size: tuple[int, int] = (4000, 3000),
    ext: str = "jpg",
    renditions: Sequence[str] = ("view", "medium", "thumb"),
) -> str:
    """Puts a picture's renditions into the resized bucket; answers its id."""
    image = Image(image_id(minutes_ago), name)
    for rendition in renditions:
        s3.put_object(Bucket="resized", Key=rendition_key(rendition, image, *size, ext), Body=rendition.encode())
    return image.id


def rejection(s3: S3Client, minutes_ago: float = 0) -> str:
    """Puts the record of a rejection; answers its id."""
    image = image_id(minutes_ago)
    record = {"code": "not-a-picture", "sentence": "Save it as JPEG.", "name": "x.jpg", "event": {"secret": 1}}
    s3.put_object(Bucket="resized", Key=rejection_key(image), Body=json.dumps(record).encode())
    return image


def upload(s3: S3Client, minutes_ago: float = 0) -> str:
    """Puts an original; answers its id."""
    image = image_id(minutes_ago)
    s3.put_object(Bucket="uploads", Key=upload_key(image, "cat.jpg"), Body=b"original")
    return image


def shown() -> list[str]:
    """Return the ids of the pictures on the first page."""
    return [image["id"] for image in get("/images").json["images"]]


class Calls(list[str]):
    """The names of the S3 operations that were called."""
