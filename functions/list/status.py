"""The truth about uploads, from S3 alone: pending, ready or rejected.

Many are asked about at once while a page waits for hundreds. Their ids were given out within minutes, so they lie
close together in each listing: one LIST walks over all of them, and skips ahead to the next wanted id when strangers'
pictures lie between. So many cost about as much as one.
"""

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.list import shown
from functions.list.gallery import distinct, entry_json, entry_maker, list_keys, unknown_image
from functions.list.settings import Wiring
from shared.errors import Unavailable
from shared.http import BadRequest
from shared.keys import (
    REJECTED_PREFIX,
    UPLOADS_PREFIX,
    is_image_id,
    read_rejection_key,
    rejection_key,
    rendition_prefix,
    taken_at,
)
from shared.limits import LIST_KEYS, RECENT_SECONDS
from shared.renditions import LISTED

type Status = dict[str, Any]


def wanted_ids(text: str, limit: int) -> list[str]:
    """The ids in a comma-separated list. Raises BadRequest (`bad-ids`, `too-many-ids`)."""
    ids = text.split(",")
    if len(ids) > limit:
        raise BadRequest("too-many-ids", f"Ask for at most {limit} ids at a time.")
    if not all(map(is_image_id, ids)):
        raise BadRequest("bad-ids", "ids must be image ids with commas between them.")
    return ids


def of_one(wired: Wiring, image_id: str, now: float) -> Status:
    """How it stands with one upload. Raises NotFound (`unknown-image`) if nothing tells that there was one."""
    found = of_many(wired, [image_id], now)["images"][0]
    if found["status"] == "unknown":
        raise unknown_image()
    return dict(found)


def of_many(wired: Wiring, image_ids: list[str], now: float) -> dict[str, list[Status]]:
    """`{"images": [status, ...]}` in the order of `image_ids`.

    `ready` comes with what a page shows, `rejected` with code and sentence. `pending` says whether the bytes were
    `received`; before that, an id is pending for as long as its ticket can be used, and `unknown` later.
    """
    resized, uploads = wired.settings.resized_bucket, wired.settings.upload_bucket
    found: dict[str, Status] = {}
    thumbs = _seek(wired, resized, rendition_prefix(LISTED), image_ids, lambda key: key.split("/")[1])
    entry = entry_maker(wired, now)
    for image_id, key in thumbs.items():
        if distinct([key]):
            found[image_id] = {"id": image_id, "status": "ready"} | entry_json(entry(key))
    shown.note(found, now)
    rest = [image_id for image_id in image_ids if image_id not in found]
    for image_id in _seek(wired, resized, REJECTED_PREFIX, rest, lambda key: read_rejection_key(key) or ""):
        found[image_id] = {"id": image_id, "status": "rejected"} | _rejection(wired, image_id)
    rest = [image_id for image_id in rest if image_id not in found]
    received = _seek(wired, uploads, UPLOADS_PREFIX, rest, lambda key: key.split("/")[1])
    for image_id in rest:
        if image_id in received or now - taken_at(image_id).timestamp() < RECENT_SECONDS:
            found[image_id] = {"id": image_id, "status": "pending", "received": image_id in received}
        else:
            found[image_id] = {"id": image_id, "status": "unknown"}
    return {"images": [found[image_id] for image_id in image_ids]}


def _seek(wired: Wiring, bucket: str, prefix: str, image_ids: list[str], id_in: Callable[[str], str]) -> dict[str, str]:
    """The key under `prefix` of each wanted id that has one: `id_in` tells a key's id."""
    found: dict[str, str] = {}
    wanted = sorted(set(image_ids))
    while wanted:
        # Behind the end of the wanted ids there is nothing to know, but S3 cannot be told to stop there.
        limit = LIST_KEYS if len(wanted) > 1 else 1
        keys, more = list_keys(wired, bucket, prefix, prefix + wanted[0], limit)
        seen = {id_in(key): key for key in reversed(keys)}
        found |= {image_id: seen[image_id] for image_id in wanted if image_id in seen}
        last = id_in(keys[-1]) if keys and more else ""
        wanted = [image_id for image_id in wanted if image_id > last] if last else []
    return found


def _rejection(wired: Wiring, image_id: str) -> Status:
    try:
        answer = wired.s3.get_object(Bucket=wired.settings.resized_bucket, Key=rejection_key(image_id))
        record = json.loads(answer["Body"].read())
        return {key: str(record[key]) for key in ("code", "sentence", "name") if key in record}
    except (ClientError, BotoCoreError, OSError, ValueError) as error:
        raise Unavailable("storage-unavailable", "The answer cannot be read now. Try again in a moment.") from error
