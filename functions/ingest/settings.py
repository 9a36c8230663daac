"""What the function is told by its environment."""

from dataclasses import dataclass
from functools import cache

from shared import config


@dataclass(frozen=True, slots=True)
class Settings:
    upload_bucket: str
    max_upload_megabytes: int = config.parsed(config.positive)

    @property
    def max_bytes(self) -> int:
        return self.max_upload_megabytes * 1_000_000


@cache
def settings() -> Settings:
    return config.read(Settings)
