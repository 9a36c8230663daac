"""Checks an upload's receipt. The ticket hands out the receipt, and the original has its hash in its metadata."""

import hmac
from datetime import datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from shared import storage
from shared.access import Forbidden
from shared.errors import Unavailable
from shared.http import NotFound
from shared.keys import RECEIPT_METADATA, UPLOADS_PREFIX, receipt_hash
from shared.limits import WITHDRAW_SECONDS
from shared.removal import Place


def check(place: Place, image_id: str, receipt: str, now: datetime) -> None:
    """Raises Forbidden (`wrong-receipt`, `too-late`), NotFound (`unknown-image`) and Unavailable."""
    keys = storage.keys_below(place.s3, place.uploads, f"{UPLOADS_PREFIX}{image_id}/")
    if not keys:
        raise NotFound("unknown-image", "This upload did not arrive, or its original is gone. Ask the gallery's owner.")
    try:
        original = place.s3.head_object(Bucket=place.uploads, Key=keys[0])
    except (ClientError, BotoCoreError, OSError) as error:
        raise Unavailable("storage-unavailable", "The upload cannot be read now. Try again in a moment.") from error
    if not hmac.compare_digest(original["Metadata"].get(RECEIPT_METADATA, ""), receipt_hash(receipt)):
        raise Forbidden("wrong-receipt", "Only its uploader can take this picture back. Ask the gallery's owner.")
    if now - original["LastModified"] > timedelta(seconds=WITHDRAW_SECONDS):
        raise Forbidden("too-late", "Pictures can be taken back for a day. Ask the gallery's owner.")
