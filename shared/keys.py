"""Every S3 key and image id in Darkroom: the one module that builds and reads them.

    uploads/<image id>/<safe name>                                        an upload
    <rendition>/<image id>/<width>x<height>/<safe stem>.<extension>       a rendition; size: the original, upright
    rejected/<image id>.json                                              a rejection
    view/<image id>/rejected                                              the mark of a rejection, empty
    removed/<image id>.json                                               a removal
    view/<image id>/removed                                               the mark of a removal, empty
    trash/<image id>/...                                                  the objects of a removed picture
    invitations/<safe name>/<invitation id>                               a valid invitation (shared/access.py)
    letters/<queue>/<code>/<time>/<image id>/<message id>/<attempts>/<upload's key>
                                                                          the record of a dead letter
    replays/<queue>/<run>/<number>.json                                   the letters of one batch of a replay

An image id is 26 characters of Crockford's base32 in lower case. The first 10 are the milliseconds that are left until
2^48, so the newest id sorts first. The other 16 are 80 bits that make the id unique. Such an id is a ULID
(github.com/ulid/spec) whose clock runs backwards. The alphabet sorts like its values, so a plain S3 listing is in the
gallery's order. `shared/names.py` escapes the names.
"""

import hashlib
import re
import secrets
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import NamedTuple

from shared.limits import MAX_KEY_BYTES
from shared.media import type_of
from shared.names import NAMELESS, clean_name, display_name, safe_name

UPLOADS_PREFIX = "uploads/"
REJECTED_PREFIX = "rejected/"
INVITATIONS_PREFIX = "invitations/"
REMOVED_PREFIX = "removed/"
TRASH_PREFIX = "trash/"
LETTERS_PREFIX = "letters/"
REPLAYS_PREFIX = "replays/"
VIEW = "view"  # the rendition that the gallery opens; every set of renditions has one

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME_CHARS = 10
_UNIQUE_CHARS = 16
_UNIQUE_BYTES = 10
_LAST_MS = 2**48 - 1
_END_OF_TIME_MS = 253_402_300_799_000
IMAGE_ID_CHARS = _TIME_CHARS + _UNIQUE_CHARS
# 2^48 milliseconds take 48 of the 50 bits that ten characters have, so the first one ends at 7.
_IMAGE_ID = rf"[0-7][{_ALPHABET}]{{{IMAGE_ID_CHARS - 1}}}"

_UPLOAD_KEY = re.compile(rf"uploads/({_IMAGE_ID})/([A-Za-z0-9._!-]+)")
_RENDITION_KEY = re.compile(rf"([a-z0-9-]+)/({_IMAGE_ID})/([1-9][0-9]*)x([1-9][0-9]*)/([A-Za-z0-9._!-]+)\.([a-z0-9]+)")
_REJECTION_KEY = re.compile(rf"rejected/({_IMAGE_ID})\.json")
_REMOVED_KEY = re.compile(rf"removed/({_IMAGE_ID})\.json")
_LETTER_TIME = "%Y%m%dT%H%M%SZ"
_LETTER_KEY = re.compile(
    rf"letters/([^/]+)/([^/]+)/(\d{{8}}T\d{{6}}Z)/({_IMAGE_ID}|-)/([A-Za-z0-9._!-]+)/(\d*)/(.*)", re.DOTALL
)
# An original's metadata: the hash of the receipt with which its uploader may withdraw it.
RECEIPT_METADATA = "receipt"
# A rendition's metadata: the key of an original without a door key, percent-encoded.
ORIGINAL_METADATA = "original"


class Image(NamedTuple):
    """The identity of an upload: its id and its file name as the uploader wrote it."""

    id: str
    name: str


class RenditionKey(NamedTuple):
    """The parts of a rendition's key. `width_px` and `height_px` are the size of the upright original."""

    rendition: str
    image_id: str
    width_px: int
    height_px: int
    stem: str
    extension: str


class LetterKey(NamedTuple):
    """The parts of the key of a dead letter's record: everything that a listing, a filter and a table row need.

    `queue` is the name of the dead-letter queue. `at` is when the message was given up, to the second. `image_id` is
    None for a message that is no event. `upload_key` may be cut off at its end, to keep within S3's limit.
    """

    queue: str
    code: str
    at: datetime
    image_id: str | None
    message_id: str
    attempts: str
    upload_key: str


def new_image_id(at: datetime) -> str:
    """Returns a new id for an upload that begins at `at`. Its 80 random bits make it unique."""
    return _image_id(at, secrets.token_bytes(_UNIQUE_BYTES))


def first_id(at: datetime) -> str:
    """Returns the lowest id of the millisecond of `at`."""
    return _image_id(at, bytes(_UNIQUE_BYTES))


def image_of(key: str, etag: str, at: datetime) -> Image:
    """Returns the id and name of an object in the upload bucket; the same object always has the same id.

    A key that the door issued contains the id. Any other object (from the AWS CLI, another tool, an anonymous POST)
    gets an id from its event: the time `at` orders it, and the hash of key and ETag makes it unique.
    """
    if match := _UPLOAD_KEY.fullmatch(key):
        return Image(match[1], display_name(match[2]))
    digest = hashlib.sha256(f"{key}\0{etag}".encode("utf-8", "surrogatepass")).digest()
    return Image(_image_id(at, digest[:_UNIQUE_BYTES]), clean_name(key) or NAMELESS)


def unique_part(image_id: str) -> str:
    """Returns the part of an image id after its time. Without a door key, this part is the hash of key and ETag."""
    return image_id[_TIME_CHARS:]


def taken_at(image_id: str) -> datetime:
    """Returns the time in an image id, to the millisecond. Raises ValueError if `image_id` is not an image id.

    A forged id may hold a time after the year 9999, the last that datetime can express. Its time is the end of 9999.
    """
    if not is_image_id(image_id):
        raise ValueError(f"not an image id: {image_id!r}")
    ms = min(_LAST_MS - _number(image_id[:_TIME_CHARS]), _END_OF_TIME_MS)
    return datetime.fromtimestamp(ms / 1000, UTC)


def is_image_id(text: str) -> bool:
    """Returns whether `text` has the form of an image id."""
    return re.fullmatch(_IMAGE_ID, text) is not None


def upload_key(image_id: str, name: str) -> str:
    """Returns the key of an upload. `name` is a result of `clean_name` and not empty."""
    return _within_limit(f"{UPLOADS_PREFIX}{image_id}/{safe_name(name)}")


def is_door_key(key: str) -> bool:
    """Returns whether `key` contains its image id. A newer object under such a key is the same image."""
    return _UPLOAD_KEY.fullmatch(key) is not None


def rendition_prefix(rendition: str) -> str:
    """Returns the prefix of all keys of a rendition."""
    return f"{rendition}/"


def image_prefix(rendition: str, image_id: str) -> str:
    """Returns the prefix of all keys of one image in a rendition."""
    return f"{rendition}/{image_id}/"


def rendition_key(rendition: str, image: Image, width_px: int, height_px: int, extension: str) -> str:
    """Returns the key of a rendition; `width_px` x `height_px` is the size of the upright original."""
    stem = safe_name(PurePosixPath(image.name).stem if type_of(image.name) else image.name)
    return _within_limit(f"{rendition}/{image.id}/{width_px}x{height_px}/{stem}.{extension}")


def read_rendition_key(key: str) -> RenditionKey | None:
    """Returns the parts of a rendition's key, with `stem` unescaped, or None if `key` is not a rendition's."""
    if not (match := _RENDITION_KEY.fullmatch(key)):
        return None
    rendition, image_id, width, height, stem, extension = match.groups()
    return RenditionKey(rendition, image_id, int(width), int(height), display_name(stem), extension)


def listing_start(rendition: str, after: str) -> str:
    """Returns the StartAfter with which S3 lists the renditions after image `after`.

    `0` is the character after `/`, so the result sorts after every key of that image and before any key of the next.
    """
    return f"{rendition}/{after}0"


def rejection_key(image_id: str) -> str:
    """Returns the key of a rejection's record."""
    return f"{REJECTED_PREFIX}{image_id}.json"


def rejection_mark_key(image_id: str) -> str:
    """Returns the key of the empty object that marks a rejected image among its views.

    Listing an image's views then shows everything that was ever written for it: each rendition set has a view, and each
    rejection has this mark. The resizer then needs one request to learn whether older objects exist.
    """
    return f"{image_prefix(VIEW, image_id)}rejected"


def read_rejection_key(key: str) -> str | None:
    """Returns the image id in the key of a rejection's record, or None if `key` is not such a key."""
    match = _REJECTION_KEY.fullmatch(key)
    return match[1] if match else None


def letters_prefix(queue: str, code: str | None = None) -> str:
    """Return the prefix of all record keys of a dead-letter queue, or of its records with one reason."""
    return f"{LETTERS_PREFIX}{safe_name(queue)}/" + (f"{safe_name(code)}/" if code else "")


def letter_key(letter: LetterKey) -> str:
    """Return the key of a dead letter's record."""
    at = letter.at.astimezone(UTC).strftime(_LETTER_TIME)
    parts = [at, letter.image_id or "-", safe_name(letter.message_id) or "-", letter.attempts, letter.upload_key]
    key = letters_prefix(letter.queue, letter.code or "-") + "/".join(parts)
    return key.encode("utf-8", "replace")[:MAX_KEY_BYTES].decode(errors="ignore")


def read_letter_key(key: str) -> LetterKey | None:
    """Return what `letter_key` was given, or None if it did not write `key`."""
    if not (match := _LETTER_KEY.fullmatch(key)):
        return None
    queue, code, at, image_id, message_id, attempts, upload_key = match.groups()
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return None
    queue, code, message_id = map(display_name, (queue, code, message_id))
    return LetterKey(queue, code, moment, None if image_id == "-" else image_id, message_id, attempts, upload_key)


def removed_key(image_id: str) -> str:
    """Returns the key of a removal's record."""
    return f"{REMOVED_PREFIX}{image_id}.json"


def removal_mark_key(image_id: str) -> str:
    """Returns the key of the empty object that marks a removed image among its views, as `rejection_mark_key` does."""
    return f"{image_prefix(VIEW, image_id)}removed"


def read_removed_key(key: str) -> str | None:
    """Returns the image id in the key of a removal's record, or None if `key` is not such a key."""
    match = _REMOVED_KEY.fullmatch(key)
    return match[1] if match else None


def trash_prefix(image_id: str) -> str:
    """Returns the prefix of a removed picture's objects."""
    return f"{TRASH_PREFIX}{image_id}/"


def receipt_hash(receipt: str) -> str:
    """Returns the hash of an upload's receipt."""
    return hashlib.sha256(receipt.encode("utf-8", "surrogatepass")).hexdigest()


def invitation_key(name: str, invitation_id: str) -> str:
    """Returns the key of the object that makes an invitation valid."""
    return _within_limit(f"{INVITATIONS_PREFIX}{safe_name(name)}/{invitation_id}")


def _within_limit(key: str) -> str:
    # No result of clean_name comes near this limit: tests/unit/test_keys.py has the arithmetic.
    if len(key) > MAX_KEY_BYTES:
        raise ValueError(f"a key of {len(key)} bytes; S3 takes {MAX_KEY_BYTES}")
    return key


def _image_id(at: datetime, unique: bytes) -> str:
    ms = min(max(int(at.timestamp() * 1000), 0), _LAST_MS)
    return _text(_LAST_MS - ms, _TIME_CHARS) + _text(int.from_bytes(unique), _UNIQUE_CHARS)


def _text(number: int, chars: int) -> str:
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(chars)))


def _number(text: str) -> int:
    number = 0
    for char in text:
        number = number << 5 | _ALPHABET.index(char)
    return number
