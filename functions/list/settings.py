"""What the gallery is told by its environment, and the one S3 client it works with."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from shared import config, storage
from shared.renditions import DEFAULT_RENDITIONS, LISTED, VIEWED, Rendition, parse_renditions

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class Settings:
    """The function's environment variables, in lower case.

    parse_renditions sees to it that `renditions` has one called LISTED and one called VIEWED, and that the keys of the
    one tell those of the other. `pictures_url` is where a CDN serves the resized bucket, without a slash at its end;
    empty, the pictures come from S3 by presigned URLs.
    """

    resized_bucket: str
    upload_bucket: str
    max_upload_megabytes: int = config.parsed(config.positive)
    renditions: tuple[Rendition, ...] = config.parsed(parse_renditions, default=DEFAULT_RENDITIONS)
    pictures_url: str = ""

    @property
    def thumb(self) -> Rendition:
        """What the grid shows."""
        return next(rendition for rendition in self.renditions if rendition.name == LISTED)

    @property
    def view(self) -> Rendition:
        """What one picture opens as."""
        return next(rendition for rendition in self.renditions if rendition.name == VIEWED)


@dataclass(frozen=True, slots=True)
class Wiring:
    """Settings and client, handed to whatever needs them."""

    settings: Settings
    s3: "S3Client"


@cache
def wiring() -> Wiring:
    """Made once per execution environment. Raises Unavailable (`misconfigured`)."""
    return Wiring(config.read(Settings), storage.s3_client())
