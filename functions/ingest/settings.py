"""The settings of the upload door."""

from dataclasses import dataclass

from shared import config


@dataclass(frozen=True, slots=True)
class Settings:
    """The environment variables of IngestFunction, in lower case.

    `gallery_url` is the gallery's address behind a CDN, with a slash at its end. It is empty without a CDN.
    """

    upload_bucket: str
    max_upload_megabytes: int = config.parsed(config.positive)
    gallery_url: str = ""

    @property
    def max_bytes(self) -> int:
        return self.max_upload_megabytes * 1_000_000
