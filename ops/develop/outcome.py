"""The outcome of one file, for the report and the contact sheet of `darkroom corpus`."""

from dataclasses import dataclass
from typing import Literal

from functions.resize.rendered import Picture

type Outcome = Literal["rendered", "rejected", "crashed", "hung", "over_memory", "unknown"]


@dataclass(frozen=True, slots=True)
class Result:
    """One file: its outcome, the reason (`code` and `reason`), and the time and memory of its process."""

    path: str
    outcome: Outcome
    code: str = ""
    reason: str = ""
    format: str = ""
    width_px: int = 0
    height_px: int = 0
    seconds: float = 0.0
    peak_mb: float = 0.0
    pictures: tuple[Picture, ...] = ()
