"""From one upload to its renditions: read the original, render, write. The only place where resize meets S3."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from functions.resize.render import Rendered, render
from shared import config, storage, telemetry
from shared.errors import Rejected, Unavailable
from shared.events import Upload
from shared.keys import image_prefix, is_door_key, rejection_key, rendition_key
from shared.limits import MAX_IMAGE_PIXELS, MAX_SIDE_PX, Limits
from shared.renditions import DEFAULT_RENDITIONS, LISTED, Rendition, parse_renditions
from shared.telemetry import tell

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class Settings:
    """What ResizeFunction is told by its environment."""

    upload_bucket: str
    resized_bucket: str
    max_upload_megabytes: int = config.parsed(config.positive)
    max_image_megapixels: int = config.parsed(config.positive, default=MAX_IMAGE_PIXELS // 1_000_000)
    max_side_pixels: int = config.parsed(config.positive, default=MAX_SIDE_PX)
    delete_originals: bool = config.parsed(config.flag, default=False)
    renditions: tuple[Rendition, ...] = config.parsed(parse_renditions, default=DEFAULT_RENDITIONS)

    def __post_init__(self) -> None:
        if self.upload_bucket == self.resized_bucket:
            raise ValueError(
                "UPLOAD_BUCKET and RESIZED_BUCKET are the same bucket: every rendition would be an upload again"
            )

    @property
    def limits(self) -> Limits:
        return Limits(
            max_bytes=self.max_upload_megabytes * 1_000_000,
            max_pixels=self.max_image_megapixels * 1_000_000,
            max_side_px=self.max_side_pixels,
        )


type Render = Callable[[bytes, Sequence[Rendition], Limits], Rendered]


def resize_upload(s3: "S3Client", upload: Upload, settings: Settings, render: Render = render) -> None:
    """Makes and writes every rendition of `upload`, or the record of its rejection. Doing it again changes nothing.

    Whatever comes of it, afterwards the image has either renditions, all of the newest content, or a rejection.
    Raises Unavailable if S3 does not answer or a child process died; then the message must come back.
    """
    try:
        data = storage.get_original(s3, upload.bucket, upload.key, upload.etag, settings.limits.max_bytes)
        rendered = render(data, settings.renditions, settings.limits)
    except storage.Superseded:
        _superseded(s3, upload, settings, render)
        return
    except Rejected as refused:
        written = [_write_rejection(s3, upload, refused, settings)]
        rejected = telemetry.UploadRejected(
            image_id=upload.image.id, code=refused.code, sentence=refused.sentence, size_bytes=upload.size_bytes
        )
        tell(rejected)
    else:
        written = _write_renditions(s3, upload, rendered, settings)
        _tell_resized(upload, rendered)
        if settings.delete_originals:
            storage.delete_original(s3, upload.bucket, upload.key, upload.etag)
    _leave_only(s3, upload.image.id, written, settings)
    _check_newest(s3, upload)


def _tell_resized(upload: Upload, rendered: Rendered) -> None:
    latency = (datetime.now(UTC) - upload.at).total_seconds() * 1000
    resized = telemetry.UploadResized(
        image_id=upload.image.id,
        format=rendered.format,
        size_bytes=upload.size_bytes,
        bytes_out=sum(len(picture.body) for picture in rendered.pictures),
        renditions=len(rendered.pictures),
        latency_ms=max(round(latency), 0),
        decode_ms=round(rendered.decode_seconds * 1000, 1),
        resize_ms=round(rendered.resize_seconds * 1000, 1),
        encode_ms=round(rendered.encode_seconds * 1000, 1),
    )
    tell(resized)


def _superseded(s3: "S3Client", upload: Upload, settings: Settings, render: Render) -> None:
    """The object is not what the event announced. Its successor has an event of its own; what is left to do here?

    Under a key of the door the successor is the same image. An earlier attempt of ours may have written over what the
    successor's event has made, so it is made again. Under any other key the successor is another image.
    """
    tell(telemetry.UploadSuperseded(image_id=upload.image.id, key=upload.key, etag=upload.etag))
    successor = storage.newest(s3, upload) if is_door_key(upload.key) else None
    if successor:
        resize_upload(s3, successor, settings, render)


def _write_renditions(s3: "S3Client", upload: Upload, rendered: Rendered, settings: Settings) -> list[str]:
    """Writes every picture and answers the keys. The one that the gallery lists goes last: listed means complete."""
    keys = []
    for picture in sorted(rendered.pictures, key=lambda picture: picture.rendition == LISTED):
        size = rendered.width_px, rendered.height_px
        keys.append(rendition_key(picture.rendition, upload.image, *size, picture.extension))
        metadata = {"width": str(picture.width_px), "height": str(picture.height_px)}
        storage.put_rendition(s3, settings.resized_bucket, keys[-1], picture.body, picture.content_type, metadata)
    return keys


def _write_rejection(s3: "S3Client", upload: Upload, refused: Rejected, settings: Settings) -> str:
    record = {
        "code": refused.code,
        "sentence": refused.sentence,
        "name": upload.image.name,
        "rejected_at": datetime.now(UTC).isoformat(),
        "event": upload.as_event(),
    }
    key = rejection_key(upload.image.id)
    storage.put_record(s3, settings.resized_bucket, key, record)
    return key


def _leave_only(s3: "S3Client", image_id: str, written: list[str], settings: Settings) -> None:
    """Deletes what earlier content, or an earlier configuration, left of this image."""
    prefixes = [image_prefix(rendition.name, image_id) for rendition in settings.renditions]
    old = {key for prefix in prefixes for key in storage.keys_below(s3, settings.resized_bucket, prefix)}
    old.add(rejection_key(image_id))  # deleting what is not there costs less than asking
    for key in old.difference(written):
        storage.delete(s3, settings.resized_bucket, key)


def _check_newest(s3: "S3Client", upload: Upload) -> None:
    """Raises Unavailable (`replaced`) if the key got new content meanwhile: we may have written over what that made.

    When every writer looks here after its last write and makes it again if need be, the newest content is what stays.
    """
    found = storage.newest(s3, upload) if is_door_key(upload.key) else None
    if found and found.etag != upload.etag:
        raise Unavailable(
            "replaced", "The upload was replaced while it was worked on. The next attempt takes the newer."
        )
