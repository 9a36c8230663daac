"""Logs the last step of an upload: the gallery has shown it."""

from collections.abc import Iterable

from shared.keys import taken_at
from shared.limits import MAX_SHOWN_IDS, SHOWN_SECONDS
from shared.log_events import UploadShown
from shared.telemetry import tell

_known: dict[str, None] = {}


def note(image_ids: Iterable[str], now: float) -> None:
    """Logs each image up to SHOWN_SECONDS old that this execution environment shows for the first time."""
    for image_id in image_ids:
        age_seconds = now - taken_at(image_id).timestamp()
        if age_seconds <= SHOWN_SECONDS and image_id not in _known:
            _known[image_id] = None
            tell(UploadShown(image_id=image_id, since_ticket_ms=max(round(age_seconds * 1000), 0)))
    while len(_known) > MAX_SHOWN_IDS:
        del _known[next(iter(_known))]
