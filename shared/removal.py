"""Removes pictures, restores them, and erases them for good.

A removed picture has a record, `removed/<image id>.json`, whose creation announces the removal. Its objects are copied
below `trash/<image id>/` of the resized bucket. A lifecycle rule deletes both after RemovedRetentionDays. The record
is written first, then a mark among the image's views. A resizer that finishes later lists the views, sees the mark and
deletes its own writes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from botocore.exceptions import BotoCoreError, ClientError

from shared import storage
from shared.errors import DarkroomError, Unavailable
from shared.keys import (
    INVITATIONS_PREFIX,
    LETTERS_PREFIX,
    ORIGINAL_METADATA,
    REMOVED_PREFIX,
    TRASH_PREFIX,
    UPLOADS_PREFIX,
    is_door_key,
    read_rendition_key,
    removal_mark_key,
    removed_key,
    trash_prefix,
    upload_key,
)
from shared.names import NAMELESS, clean_name
from shared.renditions import LISTED

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# The first parts of keys in the resized bucket that are not about one picture, or about its removal.
_KEPT = {INVITATIONS_PREFIX, LETTERS_PREFIX, REMOVED_PREFIX, TRASH_PREFIX}


class NothingThere(DarkroomError):
    """There is no such picture, or nothing to restore it from."""


@dataclass(frozen=True, slots=True)
class Place:
    """An S3 client and the names of both buckets."""

    s3: "S3Client"
    uploads: str
    resized: str


def remove(place: Place, image_id: str, at: datetime, *, forever: bool = False, original: str = "") -> list[str]:
    """Removes a picture: its original, every rendition, and the record of a rejection. Returns the keys.

    A second call continues a removal that was interrupted. With `forever`, nothing can be restored, and a picture
    that is removed already is erased. `original` is the original's key, for uploads that have no door key. Raises
    NothingThere (`unknown-image`) and Unavailable (`storage-unavailable`).
    """
    found = _derived(place, image_id)
    originals = list(_originals(place, image_id, found, original))
    trash = _keys(place, place.resized, trash_prefix(image_id))
    if not (found or originals or trash):
        raise NothingThere("unknown-image", "This picture is not in the gallery: it was removed, or never existed.")
    if found or originals:
        record = {"image": image_id, "removed_at": at.isoformat(), "forever": forever}
        storage.put_record(place.s3, place.resized, removed_key(image_id), record)
        storage.put_mark(place.s3, place.resized, removal_mark_key(image_id))
        # A resizer may have written more since the first listing. If it writes after this second listing, it sees the
        # mark.
        found = _derived(place, image_id)
    for key in found:
        if not forever:
            _copy(place, (place.resized, key), (place.resized, f"{trash_prefix(image_id)}renditions/{key}"))
        storage.delete(place.s3, place.resized, key)
    for key in originals:
        if not forever:
            target = f"{trash_prefix(image_id)}originals/{_door_key(image_id, key)}"
            _copy(place, (place.uploads, key), (place.resized, target))
        storage.delete(place.s3, place.uploads, key)
    if forever:
        for key in trash:
            storage.delete(place.s3, place.resized, key)
    return found + originals + (trash if forever else [])


def restore(place: Place, image_id: str) -> list[str]:
    """Puts a removed picture back and returns its keys. The thumb comes last, and its creation announces the picture.

    Raises NothingThere (`not-restorable`) and Unavailable (`storage-unavailable`).
    """
    prefix = trash_prefix(image_id)
    trash = _keys(place, place.resized, prefix)
    if not trash:
        raise NothingThere("not-restorable", "This picture cannot be restored: it was not removed, or too long ago.")
    # The record goes first: a resizer that finds it would delete the renditions of the restored original.
    storage.delete(place.s3, place.resized, removed_key(image_id))
    storage.delete(place.s3, place.resized, removal_mark_key(image_id))
    trash.sort(key=lambda key: f"renditions/{LISTED}/" in key)
    back = []
    for key in trash:
        kind, _, own = key.removeprefix(prefix).partition("/")
        bucket = place.uploads if kind == "originals" else place.resized
        _copy(place, (place.resized, key), (bucket, own))
        back.append(own)
    for key in trash:
        storage.delete(place.s3, place.resized, key)
    return back


def is_removed(s3: "S3Client", resized: str, image_id: str) -> bool:
    """Returns whether the picture was removed and not restored. Raises Unavailable (`storage-unavailable`)."""
    return storage.exists(s3, resized, removed_key(image_id))


def _derived(place: Place, image_id: str) -> list[str]:
    """Returns the keys in the resized bucket that are about the picture, whichever configuration wrote them.

    The thumb is the first, so that the picture is out of sight first.
    """
    try:
        answer = place.s3.list_objects_v2(Bucket=place.resized, Delimiter="/")
    except (ClientError, BotoCoreError, OSError) as error:
        raise Unavailable("storage-unavailable", "The pictures cannot be listed now. Try again.") from error
    prefixes = [found["Prefix"] for found in answer.get("CommonPrefixes", []) if found["Prefix"] not in _KEPT]
    keys = [key for prefix in prefixes for key in _keys(place, place.resized, prefix + image_id)]
    keys = [key for key in keys if key != removal_mark_key(image_id)]
    return sorted(keys, key=lambda key: not key.startswith(f"{LISTED}/"))


def _originals(place: Place, image_id: str, derived: list[str], original: str) -> Iterator[str]:
    yield from _keys(place, place.uploads, f"{UPLOADS_PREFIX}{image_id}/")
    if original and not is_door_key(original):
        yield original
    elif thumb := next((key for key in derived if read_rendition_key(key)), ""):
        found: dict[str, Any] = _metadata(place, place.resized, thumb)
        if key := unquote(found.get(ORIGINAL_METADATA, "")):
            yield key


def _metadata(place: Place, bucket: str, key: str) -> dict[str, str]:
    try:
        return place.s3.head_object(Bucket=bucket, Key=key)["Metadata"]
    except (ClientError, BotoCoreError, OSError) as error:
        raise Unavailable("storage-unavailable", "The picture cannot be read now. Try again.") from error


def _door_key(image_id: str, key: str) -> str:
    # Under a door key the restored original keeps its id. Under its own key it would get a new id.
    return key if is_door_key(key) else upload_key(image_id, clean_name(key) or NAMELESS)


def _keys(place: Place, bucket: str, prefix: str) -> list[str]:
    return storage.keys_below(place.s3, bucket, prefix)


def _copy(place: Place, source: tuple[str, str], target: tuple[str, str]) -> None:
    try:
        place.s3.copy_object(CopySource={"Bucket": source[0], "Key": source[1]}, Bucket=target[0], Key=target[1])
    except ClientError as error:
        if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
            return  # an earlier call has moved it, or a lifecycle rule deleted it
        raise Unavailable("storage-unavailable", "The picture cannot be moved now. Try again.") from error
    except (BotoCoreError, OSError) as error:
        raise Unavailable("storage-unavailable", "The picture cannot be moved now. Try again.") from error
