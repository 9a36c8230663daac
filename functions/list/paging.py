"""Pages through the gallery: the pictures after, before or from a picture, or from a moment on.

S3 lists forwards only. Ids contain times, so a LIST may start at any moment. A moment too close to the picture finds
too few newer ones. A moment too far away finds more than one LIST returns. A search between the two finds the right
moment: one LIST for a picture among the newest thousand, a handful anywhere in a million (bench/page.py).
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from functions.list.gallery import Entry, Listing, distinct, entry_maker, list_keys, listing, mediums_between, read
from functions.list.settings import Wiring
from shared.http import BadRequest
from shared.keys import first_id, is_image_id, listing_start, rendition_prefix, taken_at
from shared.limits import LIST_KEYS, MAX_NEWER_LISTS, MAX_PAGE_ITEMS
from shared.renditions import LISTED

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class Newer(NamedTuple):
    """Images in the gallery's order, up to the next newer one; `complete` if the first is the newest of all."""

    images: list[Entry]
    complete: bool


def newer_than(wired: Wiring, image_id: str, limit: int, now: float) -> Newer:
    """Returns up to `limit` images just newer than `image_id`. Raises Unavailable (`storage-unavailable`)."""
    keys, complete = _keys_before(wired, image_id, limit)
    nearest = keys[-limit:]
    entry = entry_maker(wired, now, mediums_between(wired, nearest))
    return Newer([entry(key) for key in nearest], complete and len(keys) <= limit)


def page(wired: Wiring, query: Mapping[str, str], limit: int, now: float) -> Listing:
    """Returns the images after cursor `after`, before `before`, from `from` on, or not newer than the moment `until`.

    Without a parameter, returns the newest images. Raises BadRequest (`bad-cursor`, `bad-date`) and Unavailable
    (`storage-unavailable`).
    """
    if first := cursor(query, "from"):
        return listing(wired, first, limit, now, inclusive=True)
    if "until" in query:
        return listing(wired, first_id(moment(query["until"])), limit, now)
    after, before = cursor(query, "after"), cursor(query, "before")
    if not before:
        return listing(wired, after, limit, now)
    newer = newer_than(wired, before, limit, now)
    if not newer.images:
        return Listing([], None, None)
    return Listing(newer.images, newer.images[-1].id, None if newer.complete else newer.images[0].id)


def limit_from(text: str) -> int:
    """Returns the number of images that a client asked for. Raises BadRequest (`bad-limit`)."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_PAGE_ITEMS):
        raise BadRequest("bad-limit", f"limit must be a whole number from 1 to {MAX_PAGE_ITEMS}.")
    return int(text)


def cursor(query: Mapping[str, str], name: str) -> str:
    """Returns the image id in a parameter, "" without the parameter. Raises BadRequest (`bad-cursor`)."""
    image_id = query.get(name, "")
    if image_id and not is_image_id(image_id):
        raise BadRequest("bad-cursor", "This is not the address of a page of the gallery. Begin with the newest.")
    return image_id


def moment(text: str) -> datetime:
    """Returns the time in a parameter. A date without a time means its end, in UTC. Raises BadRequest (`bad-date`)."""
    try:
        if _DATE.fullmatch(text):
            return datetime.fromisoformat(f"{text}T23:59:59.999+00:00")
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise _bad_date() from error
    if at.tzinfo is None:
        raise _bad_date()
    return at


def _bad_date() -> BadRequest:
    return BadRequest(
        "bad-date", "until must be a date like 2026-11-20, or a time with its zone: 2026-11-20T18:00:00Z."
    )


def _keys_before(wired: Wiring, image_id: str, limit: int) -> tuple[list[str], bool]:
    """Returns at least `limit` thumbnails' keys before the image, and whether there are no others.

    After MAX_NEWER_LISTS requests it may return fewer.
    """
    prefix = rendition_prefix(LISTED)
    stop = prefix + image_id
    start, walking = "", False
    few_ms, span_ms, many_ms = 1.0, math.inf, math.inf  # time spans before the image: too short, current, too long
    best: list[str] = []
    ahead: list[str] = []  # keys of the closest LIST that ended before the image
    for _ in range(MAX_NEWER_LISTS):
        keys, more = list_keys(wired, wired.settings.resized_bucket, prefix, start, LIST_KEYS)
        found = (ahead if walking else []) + distinct(key for key in keys if key < stop)
        if not more or keys[-1] >= stop:
            if len(found) >= limit or walking or not start:
                return found, not start
            best, few_ms = found, span_ms
            # The shorter span is empty: the neighbour may be among the last keys of the longer one.
            walking = not found
        elif found:
            ahead, many_ms, walking = found, _ms_before(found[-1], image_id), False
        if many_ms - few_ms <= 1:
            walking = True
        span_ms = math.sqrt(few_ms * many_ms)
        start = ahead[-1] if walking else listing_start(LISTED, first_id(_moment(image_id, span_ms)))
    return best, False


def _ms_before(key: str, image_id: str) -> float:
    told = taken_at(read(key).image_id)
    return (told - taken_at(image_id)).total_seconds() * 1000


def _moment(image_id: str, after_ms: float) -> datetime:
    return datetime.fromtimestamp(taken_at(image_id).timestamp() + after_ms / 1000, UTC)
