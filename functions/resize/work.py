"""From one upload to its renditions: read the original, render, write. The only module of resize that uses S3.

Two contents of one image can be worked on at the same time, by two processes, in any order. Each writes its views
before its thumb, each key only if it is new, and then lists the image's views. So the process that finishes later finds
the other's work: a key that exists already, or another content's key in the list. Then it overwrites older content
(`_resolve`), or leaves the image to newer content. A first upload finds nothing, after one GET, its PUTs and one LIST.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from functions.resize.budget import Budget, Turns
from functions.resize.rendered import Rendered
from shared import clock, config, log_events, storage
from shared.errors import Outage, Rejected, Unavailable
from shared.events import Upload, refuse_foreign
from shared.keys import (
    ORIGINAL_METADATA,
    VIEW,
    image_prefix,
    is_door_key,
    rejection_key,
    rejection_mark_key,
    removal_mark_key,
    removed_key,
    rendition_key,
)
from shared.limits import (
    DOWNLOAD_TURN_SECONDS,
    FUNCTION_MEMORY_MB,
    MAX_HELD_BYTES,
    MAX_IMAGE_PIXELS,
    MAX_METADATA_BYTES,
    MAX_SIDE_PX,
    OVERLAPPING_DOWNLOADS,
    RENDERER_MEMORY_PERCENT,
    WORST_BYTES_PER_PIXEL,
    Limits,
)
from shared.renditions import DEFAULT_RENDITIONS, LISTED, Rendition, parse_renditions
from shared.telemetry import tell

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class Settings:
    """ResizeFunction's environment."""

    upload_bucket: str
    resized_bucket: str
    max_upload_megabytes: int = config.parsed(config.positive)
    max_image_megapixels: int = config.parsed(config.positive, default=MAX_IMAGE_PIXELS // 1_000_000)
    max_side_pixels: int = config.parsed(config.positive, default=MAX_SIDE_PX)
    aws_lambda_function_memory_size: int = config.parsed(config.positive, default=FUNCTION_MEMORY_MB)
    delete_originals: bool = config.parsed(config.flag, default=False)
    renditions: tuple[Rendition, ...] = config.parsed(parse_renditions, default=DEFAULT_RENDITIONS)

    def __post_init__(self) -> None:
        if self.upload_bucket == self.resized_bucket:
            raise ValueError("UPLOAD_BUCKET and RESIZED_BUCKET are the same bucket: every rendition would be an upload")
        needed_mb = memory_needed_mb(self.max_image_megapixels * 1_000_000)
        if self.aws_lambda_function_memory_size < needed_mb:
            raise ValueError(
                f"MAX_IMAGE_MEGAPIXELS={self.max_image_megapixels} needs {needed_mb} MiB of memory, the function has "
                f"{self.aws_lambda_function_memory_size}: raise ResizeMemory or lower MaxImageMegapixels"
            )

    @property
    def limits(self) -> Limits:
        return Limits(
            max_bytes=self.max_upload_megabytes * 1_000_000,
            max_pixels=self.max_image_megapixels * 1_000_000,
            max_side_px=self.max_side_pixels,
        )


def memory_needed_mb(pixels: int) -> int:
    """Returns the memory in MiB with which the function's renderer can hold any picture of so many pixels."""
    return math.ceil(pixels * WORST_BYTES_PER_PIXEL * 100 / RENDERER_MEMORY_PERCENT / 2**20)


type Render = Callable[[bytes, Sequence[Rendition], Limits], Rendered]

_originals = Budget(MAX_HELD_BYTES)
downloads = Turns(OVERLAPPING_DOWNLOADS, DOWNLOAD_TURN_SECONDS)


def resize_upload(s3: "S3Client", upload: Upload, settings: Settings, render: Render) -> None:
    """Makes and writes every rendition of `upload`, or the record of its rejection. Idempotent.

    Afterwards the image has either renditions, all of the newest content, or a rejection. Raises Outage if S3 does not
    answer, Unavailable if it refuses or the renderer fails: the message must be delivered again. Raises Rejected
    (`foreign-event`) if the event is about another bucket.
    """
    refuse_foreign(upload, settings.upload_bucket)
    _Resizing(s3, upload, settings, render).run()


@dataclass(frozen=True, slots=True)
class _Resizing:
    """One upload on its way through the resizer."""

    s3: "S3Client"
    upload: Upload
    settings: Settings
    render: Render

    def run(self, *, first: bool = True) -> None:
        """Renders and writes; `first` assumes that nothing was written for the image before, and checks it."""
        try:
            outcome = self._outcome()
            alone = first and self._write_new(outcome)
            if not alone:
                self._resolve(outcome)
        except storage.Superseded:
            self._make_successor()
            return
        if not alone and self._was_removed():
            return
        self._tell(outcome)
        if isinstance(outcome, Rendered) and self.settings.delete_originals:
            self._clean_up(
                lambda: storage.delete_original(self.s3, self.upload.bucket, self.upload.key, self.upload.etag)
            )

    def _outcome(self) -> Rendered | Rejected:
        """Reads and renders the original. Raises Superseded if it was replaced or deleted."""
        limits, upload = self.settings.limits, self.upload
        with _originals.held(min(upload.size_bytes, limits.max_bytes)):
            try:
                with downloads.taken():
                    data = storage.get_original(self.s3, upload.bucket, upload.key, upload.etag, limits.max_bytes)
                return self.render(data, self.settings.renditions, limits)
            except Rejected as rejected:
                return rejected

    def _write_new(self, outcome: Rendered | Rejected) -> bool:
        """Writes the outcome under keys that must be new; returns False if the image has any other content."""
        try:
            written = self._write(outcome, new=True)
        except storage.Exists:
            return False
        views = storage.keys_below(self.s3, self.settings.resized_bucket, image_prefix(VIEW, self.upload.image.id))
        return written.issuperset(views)

    def _resolve(self, outcome: Rendered | Rejected) -> None:
        """Leaves the image with this outcome and nothing else, if the outcome is of the newest content.

        Raises Superseded if newer content is there already. Raises Unavailable (`replaced`) if newer content arrived
        meanwhile: its writer may have finished before the last write here.
        """
        self._check_newest(storage.Superseded(self.upload.key))
        written = self._write(outcome, new=False)
        self._clean_up(lambda: self._delete_others(written))
        self._check_newest(
            Unavailable("replaced", "The upload was replaced during this attempt; the next one takes it.")
        )

    def _check_newest(self, otherwise: Exception) -> None:
        if is_door_key(self.upload.key):  # under any other key, another content is another image
            newest = storage.newest(self.s3, self.upload)
            if newest is None or newest.etag != self.upload.etag:
                raise otherwise

    def _make_successor(self) -> None:
        """Renders the object that replaced this upload's, if it is the same image.

        The successor has its own event. But an earlier attempt at this event may have overwritten the successor's
        renditions, so they are made again. Under a key that is not the door's, the successor is another image.
        """
        tell(log_events.UploadSuperseded(image_id=self.upload.image.id, key=self.upload.key, etag=self.upload.etag))
        successor = storage.newest(self.s3, self.upload) if is_door_key(self.upload.key) else None
        if successor:
            _Resizing(self.s3, successor, self.settings, self.render).run(first=False)
        else:
            self._was_removed()

    def _was_removed(self) -> bool:
        """Returns whether the picture was removed during this attempt, and then deletes the objects that this attempt
        wrote.
        """
        removed = storage.exists(self.s3, self.settings.resized_bucket, removed_key(self.upload.image.id))
        if removed:
            self._delete_others(set())
        return removed

    def _write(self, outcome: Rendered | Rejected, *, new: bool) -> set[str]:
        """Writes the outcome and returns its keys. Raises Exists if the keys must be new and one of them exists."""
        if isinstance(outcome, Rejected):
            return self._write_rejection(outcome, new=new)
        keys = set()
        # The gallery lists thumbs, so the thumb is last: a listed picture is complete.
        for picture in sorted(outcome.pictures, key=lambda picture: picture.rendition == LISTED):
            size = outcome.width_px, outcome.height_px
            key = rendition_key(picture.rendition, self.upload.image, *size, picture.extension)
            metadata = {"width": str(picture.width_px), "height": str(picture.height_px)} | _origin(self.upload.key)
            storage.put_rendition(
                self.s3, self.settings.resized_bucket, key, picture.body, picture.content_type, metadata, new=new
            )
            keys.add(key)
        return keys

    def _write_rejection(self, rejected: Rejected, *, new: bool) -> set[str]:
        image, bucket = self.upload.image, self.settings.resized_bucket
        record = {
            "code": rejected.code,
            "sentence": rejected.sentence,
            "name": image.name,
            "rejected_at": clock.now().isoformat(),
            "event": self.upload.as_event(),
        }
        mark, key = rejection_mark_key(image.id), rejection_key(image.id)
        storage.put_mark(self.s3, bucket, mark)
        storage.put_record(self.s3, bucket, key, record, new=new)
        return {mark, key}

    def _delete_others(self, written: set[str]) -> None:
        """Deletes the objects that other contents or other settings have left for this image."""
        image_id, bucket = self.upload.image.id, self.settings.resized_bucket
        prefixes = [image_prefix(rendition.name, image_id) for rendition in self.settings.renditions]
        old = {key for prefix in prefixes for key in storage.keys_below(self.s3, bucket, prefix)}
        old.add(rejection_key(image_id))  # deleting an object that does not exist costs less than asking for it
        for key in sorted(old - written - {removal_mark_key(image_id)}):
            storage.delete(self.s3, bucket, key)

    def _clean_up(self, act: Callable[[], None]) -> None:
        """Does `act`, and logs a warning if S3 refuses: the pictures are written already. Raises Outage."""
        try:
            act()
        except Outage:
            raise
        except Unavailable as error:
            tell(log_events.CleanUpFailed(image_id=self.upload.image.id, error=error.sentence))

    def _tell(self, outcome: Rendered | Rejected) -> None:
        upload = self.upload
        if isinstance(outcome, Rejected):
            tell(
                log_events.UploadRejected(
                    image_id=upload.image.id,
                    code=outcome.code,
                    sentence=outcome.sentence,
                    size_bytes=upload.size_bytes,
                )
            )
            return
        latency = (clock.now() - upload.latency_from).total_seconds() * 1000
        tell(
            log_events.UploadResized(
                image_id=upload.image.id,
                format=outcome.format,
                size_bytes=upload.size_bytes,
                bytes_out=sum(len(picture.body) for picture in outcome.pictures),
                renditions=len(outcome.pictures),
                latency_ms=max(round(latency), 0),
                decode_ms=round(outcome.decode_seconds * 1000, 1),
                resize_ms=round(outcome.resize_seconds * 1000, 1),
                encode_ms=round(outcome.encode_seconds * 1000, 1),
            )
        )


def _origin(key: str) -> dict[str, str]:
    """Returns metadata with the key of an original that the image id does not lead to, so that it can be removed."""
    quoted = "" if is_door_key(key) else quote(key)
    return {ORIGINAL_METADATA: quoted} if 0 < len(quoted) <= MAX_METADATA_BYTES else {}
