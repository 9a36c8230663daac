"""From one upload to its renditions: read the original, render, write. The only place where resize meets S3."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from functions.resize.render import render
from shared import config, storage
from shared.errors import Rejected
from shared.events import Upload
from shared.keys import rejection_key, rendition_key
from shared.limits import Limits
from shared.renditions import DEFAULT_RENDITIONS, LISTED, Rendition, parse_renditions

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

logger = Logger()


@dataclass(frozen=True, slots=True)
class Settings:
    """What ResizeFunction is told by its environment."""

    upload_bucket: str
    resized_bucket: str
    max_upload_megabytes: int = config.parsed(config.positive)
    delete_originals: bool = config.parsed(config.flag, default=False)
    renditions: tuple[Rendition, ...] = config.parsed(parse_renditions, default=DEFAULT_RENDITIONS)

    def __post_init__(self) -> None:
        if self.upload_bucket == self.resized_bucket:
            raise ValueError(
                "UPLOAD_BUCKET and RESIZED_BUCKET are the same bucket: every rendition would be an upload again"
            )

    @property
    def limits(self) -> Limits:
        return Limits(max_bytes=self.max_upload_megabytes * 1_000_000)


def resize_upload(s3: "S3Client", upload: Upload, settings: Settings) -> None:
    """Makes and writes every rendition of `upload`, or the record of its rejection. Doing it again changes nothing.

    An upload that was replaced or deleted since is left alone: its successor has an event of its own.
    Raises Unavailable if S3 does not answer; then nothing is finished and the message must come back.
    """
    image = upload.image
    logger.append_keys(image_id=image.id)
    limits = settings.limits
    try:
        data = storage.get_original(s3, upload.bucket, upload.key, upload.etag, limits.max_bytes)
        rendered = render(data, settings.renditions, limits)
    except storage.Superseded:
        logger.info("upload superseded", key=upload.key, etag=upload.etag)
        return
    except Rejected as refused:
        record = {
            "code": refused.code,
            "sentence": refused.sentence,
            "name": image.name,
            "rejected_at": datetime.now(UTC).isoformat(),
            "event": upload.as_event(),
        }
        storage.put_record(s3, settings.resized_bucket, rejection_key(image.id), record)
        logger.warning("upload rejected", code=refused.code, sentence=refused.sentence)
        return
    # The one that the gallery lists goes last: what is listed is complete.
    for picture in sorted(rendered.pictures, key=lambda picture: picture.rendition == LISTED):
        storage.put_rendition(
            s3,
            settings.resized_bucket,
            rendition_key(picture.rendition, image, rendered.width_px, rendered.height_px, picture.extension),
            picture.body,
            picture.content_type,
            metadata={"width": str(picture.width_px), "height": str(picture.height_px)},
        )
    if settings.delete_originals:
        storage.delete_original(s3, upload.bucket, upload.key, upload.etag)
    logger.info("upload resized", renditions=len(rendered.pictures), size_bytes=len(data), format=rendered.format)
