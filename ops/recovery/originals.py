"""Originals, what became of them, and the events that bring them back into the pipeline."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from shared.events import Upload
from shared.keys import (
    REJECTED_PREFIX,
    is_door_key,
    read_rejection_key,
    read_rendition_key,
    rendition_prefix,
    taken_at,
    unique_part,
)
from shared.renditions import LISTED

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class Ends:
    """The image ids that ended in each of the places where an upload can end."""

    ready: frozenset[str]
    rejected: frozenset[str]

    def every(self) -> frozenset[str]:
        return self.ready | self.rejected


def originals(s3: "S3Client", bucket: str, prefix: str = "") -> Iterator[Upload]:
    """The objects in the upload bucket as the events that would announce them now."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for found in page.get("Contents", []):
            yield Upload(bucket, found["Key"], found["ETag"].strip('"'), found["Size"], found["LastModified"])


def ends(s3: "S3Client", bucket: str) -> Ends:
    """What is in the resized bucket."""
    listed = (read_rendition_key(key) for key in _keys(s3, bucket, rendition_prefix(LISTED)))
    rejected = (read_rejection_key(key) for key in _keys(s3, bucket, REJECTED_PREFIX))
    return Ends(
        frozenset(key.image_id for key in listed if key), frozenset(image_id for image_id in rejected if image_id)
    )


def as_first_announced(uploads: Iterable[Upload], known: Iterable[str]) -> Iterator[Upload]:
    """`uploads` with the time that their first event had, where one of the `known` image ids tells it.

    Under a key of one's own the id has the time of the event in it, and S3's listing knows that time only roughly. Sent
    as it is listed, the same picture would get a second id and appear twice.
    """
    ids = {unique_part(image_id): image_id for image_id in known}
    for upload in uploads:
        first = None if is_door_key(upload.key) else ids.get(unique_part(upload.image.id))
        yield replace(upload, at=taken_at(first)) if first else upload


def lost(uploads: Iterable[Upload], ended: Iterable[str], before: datetime) -> Iterator[Upload]:
    """Those uploads that arrived before `before` and are not among the image ids `ended`."""
    ended = frozenset(ended)
    return (
        upload for upload in as_first_announced(uploads, ended) if upload.at < before and upload.image.id not in ended
    )


def _keys(s3: "S3Client", bucket: str, prefix: str) -> Iterator[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from (found["Key"] for found in page.get("Contents", []))
