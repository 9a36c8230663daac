"""Lists the gallery's pictures: two LISTs a page, whatever the bucket's size.

The thumbnails' keys sort newest first and contain each picture's name, shape and time (shared/keys.py). A picture that
was rendered before its stack had the medium rendition lacks it, so the mediums are listed too, at the same time.
A cursor is an image id: pages stay right while pictures arrive or disappear.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError

from functions.list import presign, shown
from functions.list.settings import Settings, Wiring
from shared.errors import Unavailable
from shared.http import NotFound
from shared.keys import RenditionKey, listing_start, read_rendition_key, rendition_prefix, taken_at
from shared.renditions import LISTED, MEDIUM, fit

EXTENSIONS = {"jpeg": "jpg", "webp": "webp", "avif": "avif", "png": "png"}


class Picture(NamedTuple):
    """One rendition on a page: its URL and its size in pixels."""

    url: str
    width: int
    height: int


class Entry(NamedTuple):
    """One image of the gallery. `width` and `height` belong to the upright original; `uploaded_at` is ISO 8601, UTC.

    `medium` is None if the picture has no such rendition.
    """

    id: str
    name: str
    uploaded_at: str
    width: int
    height: int
    thumb: Picture
    medium: Picture | None
    view: Picture


class Listing(NamedTuple):
    """Some images in the gallery's order.

    `next` is the cursor of the page after this one, None at the end. `previous` is the cursor of the page before, None
    on the newest page.
    """

    images: list[Entry]
    next: str | None
    previous: str | None


def listing(wired: Wiring, after: str, limit: int, now: float, *, inclusive: bool = False) -> Listing:
    """Returns up to `limit` images after image `after` ("" for the newest), or from it on if `inclusive`.

    Raises Unavailable (`storage-unavailable`).
    """

    def listed(rendition: str) -> tuple[list[str], bool]:
        start = rendition_prefix(rendition) + after if inclusive else listing_start(rendition, after)
        return list_keys(wired, wired.settings.resized_bucket, rendition_prefix(rendition), start, limit + 1)

    with ThreadPoolExecutor(1) as beside:
        mediums = beside.submit(listed, MEDIUM) if wired.settings.medium else None
        keys, more = listed(LISTED)
        entry = entry_maker(wired, now, by_id(mediums.result()[0]) if mediums else {})
    found = distinct(keys)
    images = [entry(key) for key in found[:limit]]
    shown.note([image.id for image in images], now)
    following = images[-1].id if images and (more or len(found) > limit) else None
    return Listing(images, following, images[0].id if images and after else None)


def as_json(page: Listing) -> dict[str, Any]:
    """Returns a listing as the API answers it."""
    return {"images": [entry_json(image) for image in page.images], "next": page.next, "previous": page.previous}


def entry_json(entry: Entry) -> dict[str, Any]:
    """Returns one image as the API answers it."""
    pictures = {"thumb": entry.thumb, "medium": entry.medium, "view": entry.view}
    return entry._asdict() | {name: picture and picture._asdict() for name, picture in pictures.items()}


def entry_maker(wired: Wiring, now: float, mediums: Mapping[str, str]) -> Callable[[str], Entry]:
    """Returns a function from a thumbnail's key to its gallery entry, with URLs signed for the window of `now`.

    `mediums` has the keys of the medium renditions by image id.
    """
    settings = wired.settings
    url = urls(wired, now)

    def entry(key: str) -> Entry:
        told, medium = read(key), None
        if settings.medium and told.image_id in mediums:
            medium = Picture(url(mediums[told.image_id]), *fit(told.width_px, told.height_px, settings.medium))
        return Entry(
            id=told.image_id,
            name=told.stem,
            uploaded_at=taken_at(told.image_id).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            width=told.width_px,
            height=told.height_px,
            thumb=Picture(url(key), *fit(told.width_px, told.height_px, settings.thumb)),
            medium=medium,
            view=Picture(url(view_key(key, settings)), *fit(told.width_px, told.height_px, settings.view)),
        )

    return entry


def download_url(wired: Wiring, image_id: str, now: float) -> str:
    """Returns a URL that downloads the view under the picture's name. Raises NotFound (`unknown-image`)."""
    key = view_key(thumb_key(wired, image_id), wired.settings)
    name = f"{read(key).stem}.{read(key).extension}"
    disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    return _presigner(wired, now)(key, disposition=disposition)


def thumb_key(wired: Wiring, image_id: str) -> str:
    """Returns the key of an image's thumbnail. Raises NotFound (`unknown-image`)."""
    keys, _ = list_keys(wired, wired.settings.resized_bucket, f"{rendition_prefix(LISTED)}{image_id}/", "", 1)
    for key in distinct(keys):
        return key
    raise unknown_image()


def unknown_image() -> NotFound:
    """Returns the error for a picture that is not, or no longer, in the gallery."""
    return NotFound(
        "unknown-image", "This picture is not in the gallery: it was removed, or its address is not complete."
    )


def view_key(thumb: str, settings: Settings) -> str:
    """Returns the key of the view of a thumbnail. Only the rendition and, if configured, the extension differ."""
    tail = thumb.removeprefix(rendition_prefix(LISTED))
    if settings.view.format != "auto":
        tail = f"{tail.rpartition('.')[0]}.{EXTENSIONS[settings.view.format]}"
    return rendition_prefix(settings.view.name) + tail


def read(key: str) -> RenditionKey:
    """Returns the parts of a rendition's key. The key is a result of `distinct`."""
    told = read_rendition_key(key)
    assert told is not None, key
    return told


def distinct(keys: Iterable[str]) -> list[str]:
    """Returns one key for each image, in their order. Keys that are no rendition's are left out.

    An image may have two keys if it was rendered again after the configured format had changed.
    """
    return list(by_id(keys).values())


def by_id(keys: Iterable[str]) -> dict[str, str]:
    """Returns the keys of `distinct` by their image ids."""
    found: dict[str, str] = {}
    for key in keys:
        if told := read_rendition_key(key):
            found.setdefault(told.image_id, key)
    return found


def mediums_between(wired: Wiring, thumbs: Sequence[str]) -> dict[str, str]:
    """Returns the medium renditions' keys of neighbouring images by their ids; one LIST.

    `thumbs` are the keys of their thumbnails, in order. Raises Unavailable (`storage-unavailable`).
    """
    if not (thumbs and wired.settings.medium):
        return {}
    prefix = rendition_prefix(MEDIUM)
    start = prefix + read(thumbs[0]).image_id
    return by_id(list_keys(wired, wired.settings.resized_bucket, prefix, start, len(thumbs))[0])


def list_keys(wired: Wiring, bucket: str, prefix: str, start: str, limit: int) -> tuple[list[str], bool]:
    """Returns up to `limit` keys under `prefix` after `start`, and whether there are more; one request.

    Raises Unavailable (`storage-unavailable`).
    """
    try:
        answer = wired.s3.list_objects_v2(Bucket=bucket, Prefix=prefix, StartAfter=start, MaxKeys=limit)
    except (ClientError, BotoCoreError, OSError) as error:
        raise Unavailable("storage-unavailable", "The pictures cannot be listed now. Try again in a moment.") from error
    return [item["Key"] for item in answer.get("Contents", [])], answer["IsTruncated"]


def urls(wired: Wiring, now: float) -> Callable[[str], str]:
    """Returns a function from a rendition's key to its URL: the CDN's if there is a CDN, else a presigned one."""
    base = wired.settings.pictures_url
    if base:
        return lambda key: f"{base}/{quote(key, safe='/-_.~')}"
    return _presigner(wired, now)


def _presigner(wired: Wiring, now: float) -> Callable[..., str]:
    place = presign.place_of(wired.s3, wired.settings.resized_bucket)
    return presign.presigner(place, presign.current_credentials(), presign.window_start(now))
