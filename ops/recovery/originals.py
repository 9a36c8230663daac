"""Compare the originals in S3 with their renditions and rejections, and rebuild their events."""

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
    from mypy_boto3_s3.type_defs import ObjectTypeDef


@dataclass(frozen=True, slots=True)
class Ends:
    """The image ids of ended uploads: ready and rejected."""

    ready: frozenset[str]
    rejected: frozenset[str]

    def every(self) -> frozenset[str]:
        return self.ready | self.rejected


def originals(s3: "S3Client", bucket: str, prefix: str = "") -> Iterator[Upload]:
    """List the upload bucket. Return each object as the event that would announce it now."""
    for found in objects(s3, bucket, prefix):
        yield Upload(bucket, found["Key"], found["ETag"].strip('"'), found["Size"], found["LastModified"])


def ends(s3: "S3Client", bucket: str) -> Ends:
    """List the image ids that have renditions or a rejection."""
    listed = (read_rendition_key(found["Key"]) for found in objects(s3, bucket, rendition_prefix(LISTED)))
    rejected = (read_rejection_key(found["Key"]) for found in objects(s3, bucket, REJECTED_PREFIX))
    return Ends(
        frozenset(key.image_id for key in listed if key), frozenset(image_id for image_id in rejected if image_id)
    )


def as_first_announced(uploads: Iterable[Upload], known: Iterable[str]) -> Iterator[Upload]:
    """Restore the time of each upload's first event if a `known` image id contains it.

    For a key that did not come from the door, the image id is made from the event's time in milliseconds. S3's listing
    has that time only in seconds. With the listed time the same picture would get a second id and appear twice.
    """
    ids = {unique_part(image_id): image_id for image_id in known}
    for upload in uploads:
        first = None if is_door_key(upload.key) else ids.get(unique_part(upload.image.id))
        yield replace(upload, at=taken_at(first)) if first else upload


def lost(uploads: Iterable[Upload], ended: Iterable[str], before: datetime) -> Iterator[Upload]:
    """Select the uploads that arrived before `before` and whose image id is not in `ended`."""
    ended = frozenset(ended)
    return (
        upload for upload in as_first_announced(uploads, ended) if upload.at < before and upload.image.id not in ended
    )


def objects(s3: "S3Client", bucket: str, prefix: str) -> Iterator["ObjectTypeDef"]:
    """List the objects whose key begins with `prefix`, in the order of their keys."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from page.get("Contents", [])
