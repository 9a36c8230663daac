"""The gallery's settings and its S3 client."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared import config
from shared.limits import MAX_IMAGE_PIXELS
from shared.renditions import DEFAULT_RENDITIONS, LISTED, MEDIUM, VIEWED, Rendition, parse_renditions

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class Settings:
    """The environment variables of ListFunction, in lower case.

    parse_renditions makes sure that `renditions` has LISTED and VIEWED, and that a key of LISTED tells the key of
    VIEWED. `pictures_url` is the address of the CDN that serves the resized bucket, without a slash at its end. It is
    empty where S3 serves the pictures by presigned URLs.
    """

    resized_bucket: str
    upload_bucket: str
    max_upload_megabytes: int = config.parsed(config.positive)
    renditions: tuple[Rendition, ...] = config.parsed(parse_renditions, default=DEFAULT_RENDITIONS)
    pictures_url: str = ""
    max_image_megapixels: int = config.parsed(config.positive, default=MAX_IMAGE_PIXELS // 1_000_000)
    originals_retention_days: int = config.parsed(int, default=30)
    delete_originals: bool = config.parsed(config.flag, default=False)

    @property
    def originals_told(self) -> str:
        """The sentence for visitors about how long originals are kept. 0 days mean for good."""
        if self.delete_originals:
            return "Originals are not kept."
        if not self.originals_retention_days:
            return "Originals are kept."
        return f"Originals are deleted {self.originals_retention_days} days after the upload."

    @property
    def thumb(self) -> Rendition:
        """The smallest rendition in the grid. Its keys are listed."""
        return next(rendition for rendition in self.renditions if rendition.name == LISTED)

    @property
    def medium(self) -> Rendition | None:
        """The grid's rendition for screens with many pixels. A stack may do without it."""
        return next((rendition for rendition in self.renditions if rendition.name == MEDIUM), None)

    @property
    def view(self) -> Rendition:
        """The rendition that the viewer shows."""
        return next(rendition for rendition in self.renditions if rendition.name == VIEWED)


@dataclass(frozen=True, slots=True)
class Wiring:
    """The gallery's settings and its S3 client."""

    settings: Settings
    s3: "S3Client"
