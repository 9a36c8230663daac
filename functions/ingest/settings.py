"""The settings of the upload door."""

from dataclasses import dataclass

from shared import config


@dataclass(frozen=True, slots=True)
class Settings:
    """The environment variables of IngestFunction, in lower case."""

    upload_bucket: str
    max_upload_megabytes: int = config.parsed(config.positive)

    @property
    def max_bytes(self) -> int:
        return self.max_upload_megabytes * 1_000_000
