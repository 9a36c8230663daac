"""The contract between Darkroom and its subscribers: which part of this package is public, and its version.

docs/events.md explains the promises behind the version. `PUBLIC` lists the modules that a subscriber may import. All
others may change in any release.
"""

VERSION = "1.1.0"

PUBLIC = (
    "shared.config",
    "shared.contract",
    "shared.errors",
    "shared.events",
    "shared.keys",
    "shared.start",
    "shared.storage",
    "shared.subscriber",
    "shared.telemetry",
)


def is_older(copy: str, darkroom: str) -> bool:
    """Say whether a copy of this package lacks parts of the contract version that Darkroom has."""
    return _numbers(copy)[:2] < _numbers(darkroom)[:2]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))
