"""The status of uploads, read from S3: ready, rejected, removed, pending or unknown.

A waiting page asks for hundreds of ids at once. Their tickets were issued within minutes, so their keys lie close
together in each listing: one LIST usually covers all ids. If other pictures lie between, the next LIST starts at
the next wanted id and asks for more keys. A request that would take more than MAX_STATUS_LISTS is refused.
"""

import json
from collections.abc import Callable, Container
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.list import shown
from functions.list.gallery import by_id, entry_json, entry_maker, list_keys, unknown_image
from functions.list.settings import Wiring
from shared.errors import Unavailable
from shared.http import BadRequest
from shared.keys import (
    REJECTED_PREFIX,
    REMOVED_PREFIX,
    UPLOADS_PREFIX,
    is_image_id,
    read_rejection_key,
    read_removed_key,
    rejection_key,
    rendition_prefix,
    taken_at,
)
from shared.limits import LIST_KEYS, MAX_STATUS_LISTS, MAX_STATUS_SPREAD_SECONDS, RECENT_SECONDS
from shared.renditions import LISTED, MEDIUM

type Status = dict[str, Any]


def wanted_ids(text: str, limit: int) -> list[str]:
    """Returns the ids in a comma-separated list. Raises BadRequest (`bad-ids`, `too-many-ids`, `ids-too-far-apart`)."""
    ids = text.split(",")
    if len(ids) > limit:
        raise BadRequest("too-many-ids", f"Ask for at most {limit} ids at a time.")
    if not all(map(is_image_id, ids)):
        raise BadRequest("bad-ids", "ids must be image ids with commas between them.")
    spread_seconds = (taken_at(min(ids)) - taken_at(max(ids))).total_seconds()
    if spread_seconds > MAX_STATUS_SPREAD_SECONDS:
        raise too_far_apart()
    return ids


def too_far_apart() -> BadRequest:
    """Returns the error for ids that cost too many LISTs. Up to MAX_STATUS_LISTS ids of a day always have an answer."""
    return BadRequest("ids-too-far-apart", "Too many other pictures lie between these ids. Ask for fewer at a time.")


def of_one(wired: Wiring, image_id: str, now: float) -> Status:
    """Returns the status of one upload. Raises NotFound (`unknown-image`) if S3 has no trace of it."""
    found = of_many(wired, [image_id], now)["images"][0]
    if found["status"] == "unknown":
        raise unknown_image()
    return dict(found)


def of_many(wired: Wiring, image_ids: list[str], now: float) -> dict[str, list[Status]]:
    """Returns `{"images": [status, ...]}` in the order of `image_ids`.

    A `ready` status has the fields of a gallery entry, and a `rejected` one has code and sentence. A `pending` status
    tells whether the original was `received`. Without a trace in S3, an id is pending as long as its ticket may still
    be in use, and `unknown` after that. Raises BadRequest (`ids-too-far-apart`), Unavailable (`storage-unavailable`).
    """
    found = _ready(wired, image_ids, now)
    shown.note(found, now)
    found |= _rejected(wired, _others(image_ids, found))
    rest = _others(image_ids, found)
    received = _seek(wired, wired.settings.upload_bucket, UPLOADS_PREFIX, rest, _second_part)
    found |= _removed(wired, _others(rest, received))
    found |= {image_id: _unfinished(image_id, image_id in received, now) for image_id in _others(rest, found)}
    return {"images": [found[image_id] for image_id in image_ids]}


def _others(image_ids: list[str], found: Container[str]) -> list[str]:
    return [image_id for image_id in image_ids if image_id not in found]


def _ready(wired: Wiring, image_ids: list[str], now: float) -> dict[str, Status]:
    thumbs = _seek(wired, wired.settings.resized_bucket, rendition_prefix(LISTED), image_ids, _second_part)
    ready = by_id(thumbs.values())
    entry = entry_maker(wired, now, _mediums(wired, sorted(ready)))
    return {image_id: {"id": image_id, "status": "ready"} | entry_json(entry(key)) for image_id, key in ready.items()}


def _rejected(wired: Wiring, image_ids: list[str]) -> dict[str, Status]:
    bucket = wired.settings.resized_bucket
    found = _seek(wired, bucket, REJECTED_PREFIX, image_ids, lambda key: read_rejection_key(key) or "")
    return {image_id: {"id": image_id, "status": "rejected"} | _rejection(wired, image_id) for image_id in found}


def _removed(wired: Wiring, image_ids: list[str]) -> dict[str, Status]:
    bucket = wired.settings.resized_bucket
    found = _seek(wired, bucket, REMOVED_PREFIX, image_ids, lambda key: read_removed_key(key) or "")
    return {image_id: {"id": image_id, "status": "removed"} for image_id in found}


def _unfinished(image_id: str, received: bool, now: float) -> Status:
    if received or now - taken_at(image_id).timestamp() < RECENT_SECONDS:
        return {"id": image_id, "status": "pending", "received": received}
    return {"id": image_id, "status": "unknown"}


def _mediums(wired: Wiring, image_ids: list[str]) -> dict[str, str]:
    """Returns the medium renditions' keys of pictures that are ready, by image id."""
    if not (image_ids and wired.settings.medium):
        return {}
    bucket, prefix = wired.settings.resized_bucket, rendition_prefix(MEDIUM)
    return by_id(_seek(wired, bucket, prefix, image_ids, _second_part).values())


def _seek(wired: Wiring, bucket: str, prefix: str, image_ids: list[str], id_in: Callable[[str], str]) -> dict[str, str]:
    """Returns the first key under `prefix` of each wanted id; `id_in` reads the id in a key.

    The first LIST asks for about as many keys as there are ids, and each further one for twice as many. Each LIST
    answers at least one id, so up to MAX_STATUS_LISTS ids never raise. Raises BadRequest (`ids-too-far-apart`).
    """
    found: dict[str, str] = {}
    wanted = sorted(set(image_ids))
    limit = len(wanted) if len(wanted) == 1 else len(wanted) + 10
    for _ in range(MAX_STATUS_LISTS):
        if not wanted:
            return found
        keys, more = list_keys(wired, bucket, prefix, prefix + wanted[0], min(limit, LIST_KEYS))
        seen = {id_in(key): key for key in reversed(keys)}
        found |= {image_id: seen[image_id] for image_id in wanted if image_id in seen}
        last = id_in(keys[-1]) if keys and more else ""
        wanted = [image_id for image_id in wanted if image_id > last] if last else []
        limit *= 2
    if wanted:
        raise too_far_apart()
    return found


def _second_part(key: str) -> str:
    return key.split("/")[1]


def _rejection(wired: Wiring, image_id: str) -> Status:
    try:
        answer = wired.s3.get_object(Bucket=wired.settings.resized_bucket, Key=rejection_key(image_id))
        record = json.loads(answer["Body"].read())
        return {key: str(record[key]) for key in ("code", "sentence", "name") if key in record}
    except (ClientError, BotoCoreError, OSError, ValueError) as error:
        raise Unavailable("storage-unavailable", "The answer cannot be read now. Try again in a moment.") from error
