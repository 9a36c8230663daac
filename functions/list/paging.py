"""Which part of the gallery a client asks for: what follows a picture, or what comes before it.

S3 lists forwards only. But ids are times, so a listing may begin at any moment. Too late a moment finds too few
pictures up to the wanted one, too early a moment more than one LIST tells; the right one is searched between the two.
For a picture among the newest thousand that is one LIST, anywhere in a million a handful (bench/page.py).
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from functions.list.gallery import Entry, Listing, distinct, entry_maker, list_keys, listing, read
from functions.list.settings import Wiring
from shared.http import BadRequest
from shared.keys import first_id, is_image_id, listing_start, rendition_prefix, taken_at
from shared.limits import LIST_KEYS, MAX_NEWER_LISTS, MAX_PAGE_ITEMS
from shared.renditions import LISTED


class Newer(NamedTuple):
    """Images in the gallery's order, the last the next newer one; `complete` if the first is the newest of all."""

    images: list[Entry]
    complete: bool


def newer_than(wired: Wiring, image_id: str, limit: int, now: float) -> Newer:
    """Up to `limit` images just newer than `image_id`. Raises Unavailable (`storage-unavailable`)."""
    keys, complete = _keys_before(wired, image_id, limit)
    entry = entry_maker(wired, now)
    return Newer([entry(key) for key in keys[-limit:]], complete and len(keys) <= limit)


def page(wired: Wiring, query: Mapping[str, str], limit: int, now: float) -> Listing:
    """The images behind `after`, or those in front of `before`; with neither, the newest.

    Raises BadRequest (`bad-cursor`) and Unavailable (`storage-unavailable`).
    """
    after, before = cursor(query, "after"), cursor(query, "before")
    if not before:
        return listing(wired, after, limit, now)
    newer = newer_than(wired, before, limit, now)
    if not newer.images:
        return Listing([], None, None)
    return Listing(newer.images, newer.images[-1].id, None if newer.complete else newer.images[0].id)


def limit_from(text: str) -> int:
    """How many images a client asked for. Raises BadRequest (`bad-limit`)."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_PAGE_ITEMS):
        raise BadRequest("bad-limit", f"limit must be a whole number from 1 to {MAX_PAGE_ITEMS}.")
    return int(text)


def cursor(query: Mapping[str, str], name: str) -> str:
    """The image id in a parameter, "" if it is absent. Raises BadRequest (`bad-cursor`)."""
    image_id = query.get(name, "")
    if image_id and not is_image_id(image_id):
        raise BadRequest("bad-cursor", "This is not the address of a page of the gallery. Begin with the newest.")
    return image_id


def _keys_before(wired: Wiring, image_id: str, limit: int) -> tuple[list[str], bool]:
    """At least `limit` thumbnails' keys up to the image, or fewer if that takes too long; and if they are all."""
    prefix = rendition_prefix(LISTED)
    stop = prefix + image_id
    start, walking = "", False
    few_ms, span_ms, many_ms = 1.0, math.inf, math.inf  # spans before the image: too short, tried now, too long
    best: list[str] = []
    ahead: list[str] = []  # what the nearest listing told that did not come up to the image
    for _ in range(MAX_NEWER_LISTS):
        keys, more = list_keys(wired, wired.settings.resized_bucket, prefix, start, LIST_KEYS)
        found = (ahead if walking else []) + distinct(key for key in keys if key < stop)
        if not more or keys[-1] >= stop:
            if len(found) >= limit or walking or not start:
                return found, not start
            best, few_ms = found, span_ms
            # Nothing in a shorter span: the neighbour may well be the last that the longer listing told.
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
