"""The upload door: checks a client's wish, and issues a ticket for exactly one upload."""

import json
import math
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared.errors import DarkroomError, Rejected
from shared.keys import RECEIPT_METADATA, new_image_id, receipt_hash, upload_key
from shared.limits import MAX_TICKET_REQUEST_BYTES, SLOWEST_LINE_BYTES_PER_SECOND, TICKET_SECONDS
from shared.media import declared_type
from shared.names import clean_name
from shared.storage import too_many_bytes

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# The answer to a client that posts the file itself. The README has the same command line.
SEND_NO_FILE = (
    "The door takes a request for a ticket and not the file. With curl, use this line: "
    '`curl -sX POST "$GALLERY/uploads?name=cat.jpg&as=curl" | curl -K - -F file=@cat.jpg`.'
)


@dataclass(frozen=True, slots=True)
class Wish:
    """The upload that a client asks for. `size_bytes` is None if the client did not give it."""

    name: str
    media_type: str
    size_bytes: int | None


@dataclass(frozen=True, slots=True)
class Ticket:
    """Permission to upload one picture: POST `fields` and then the file, as multipart/form-data, to `url`.

    The uploader can withdraw the picture with `receipt`; the original keeps its hash.
    """

    id: str
    url: str
    fields: dict[str, str]
    expires_in_seconds: int
    receipt: str


def read_json(body: bytes) -> Wish:
    """Returns the wish in a body `{"name", "type", "size"}`. Without a type, the name's extension gives it.

    Raises Rejected (`file-at-the-door`, `bad-request`) and as `wish` does.
    """
    if len(body) > MAX_TICKET_REQUEST_BYTES:
        raise Rejected("file-at-the-door", SEND_NO_FILE)
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise Rejected("file-at-the-door", SEND_NO_FILE) from error
    if text.lstrip().startswith("--"):  # a short file in a form
        raise Rejected("file-at-the-door", SEND_NO_FILE)
    try:
        fields: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Rejected(
            "bad-request", 'The body is not JSON. Send an object such as {"name": "cat.jpg", "size": 12345}.'
        ) from error
    if not isinstance(fields, dict):
        raise Rejected("bad-request", 'The body must be a JSON object such as {"name": "cat.jpg", "size": 12345}.')
    name, media_type, size = fields.get("name"), fields.get("type"), fields.get("size")
    if not isinstance(name, str):
        raise Rejected("bad-request", '"name" must be the file name, a string.')
    if not isinstance(media_type, str | None):
        raise Rejected("bad-request", '"type" must be a media type such as "image/jpeg", a string.')
    if isinstance(size, bool) or not isinstance(size, int | None):
        raise Rejected("bad-request", '"size" must be the number of bytes, a whole number.')
    return wish(name, media_type, size)


def read_query(query: Mapping[str, str]) -> Wish:
    """Returns the wish in the query `name=...&type=...` of a curl command. Raises as `wish` does."""
    return wish(query.get("name", ""), query.get("type"), None)


def wish(name: str, media_type: str | None, size_bytes: int | None) -> Wish:
    """Returns a wish with a cleaned name, perhaps a shorter one, and a known type.

    Raises Rejected (`empty-name`, `unsupported-type`, `empty-file`).
    """
    cleaned = clean_name(name)
    if not cleaned:
        raise Rejected("empty-name", "The file has no name. Give it one, such as photo.jpg.")
    declared = declared_type(media_type, cleaned)
    if declared is None:
        raise Rejected(
            "unsupported-type",
            f"{cleaned} is not a picture we can read. Upload JPEG, PNG, GIF, WebP, AVIF, HEIC, TIFF, BMP or ICO.",
        )
    if size_bytes is not None and size_bytes <= 0:
        raise Rejected("empty-file", f"{cleaned} is empty. Choose the picture again.")
    return Wish(cleaned, declared, size_bytes)


def ticket(s3: "S3Client", bucket: str, wanted: Wish, max_bytes: int, now: datetime) -> Ticket:
    """Issues a presigned POST for one new key, the wish's type and at most `max_bytes`, valid for `ticket_seconds`.

    Raises Rejected (`too-many-bytes`) if the wish has a size over the limit.
    """
    if wanted.size_bytes is not None and wanted.size_bytes > max_bytes:
        raise too_many_bytes(wanted.size_bytes, max_bytes)
    seconds = ticket_seconds(max_bytes if wanted.size_bytes is None else wanted.size_bytes, TICKET_SECONDS)
    image_id, receipt = new_image_id(now), secrets.token_urlsafe(16)
    fields = {"Content-Type": wanted.media_type, f"x-amz-meta-{RECEIPT_METADATA}": receipt_hash(receipt)}
    post = s3.generate_presigned_post(
        Bucket=bucket,
        Key=upload_key(image_id, wanted.name),
        Fields=dict(fields),
        Conditions=[*({name: value} for name, value in fields.items()), ["content-length-range", 1, max_bytes]],
        ExpiresIn=seconds,
    )
    return Ticket(image_id, post["url"], post["fields"], seconds, receipt)


def ticket_seconds(size_bytes: int, start_seconds: int) -> int:
    """Returns how long a ticket for a file of this size is valid.

    That is `start_seconds`, in which the upload begins, and as long as the slowest line takes. S3 may check the expiry
    only after it has received the whole file, as the local engine does.
    """
    return start_seconds + math.ceil(size_bytes / SLOWEST_LINE_BYTES_PER_SECOND)


def as_json(issued: Ticket) -> dict[str, Any]:
    """Returns the ticket as the API answers it."""
    return asdict(issued)


def as_curl(issued: Ticket) -> str:
    """Returns the ticket as a config for `curl -K -`. The command line adds `-F file=@...` as the last field."""
    lines = [f"# A Darkroom ticket, good for {issued.expires_in_seconds} seconds: ... | curl -K - -F file=@FILE"]
    lines += [f"url = {_quoted(issued.url)}"]
    # With `form`, curl would replace a value that begins with @ or < by a file. `form-string` sends it as text.
    lines += [f"form-string = {_quoted(f'{name}={value}')}" for name, value in issued.fields.items()]
    lines += ["silent", "show-error", "fail-with-body", rf'write-out = "HTTP %{{http_code}} image {issued.id}\n"']
    return "\n".join(lines) + "\n"


def refusal_as_curl(refused: DarkroomError) -> str:
    """Returns a config that makes the waiting curl send nothing, print the reason to stderr, and exit with 1."""
    reason = f"{refused.code}: {refused.sentence}".replace("%", "%%")
    # curl knows no protocol `refused`: it stops before it reads the file, and then writes the reason.
    return f'url = "refused://door"\nsilent\nwrite-out = {_quoted("%{stderr}" + reason + chr(10))}\n'


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'
