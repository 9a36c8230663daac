"""The records of replays in S3, and the outcomes of the letters that they sent.

A replay announces each batch in S3 before it sends the batch (`replays/<queue>/<run>/<number>.json`). If the command is
killed between sending and deleting, the next replay finds the announcement. It neither sends such a letter again nor
deletes it before it knows the outcome of the first event.
"""

import getpass
import json
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from ops.recovery.letters import Letter
from ops.recovery.originals import Ends, ends, objects
from ops.recovery.records import Dead, listed
from ops.target import CONNECTIONS
from shared.keys import REPLAYS_PREFIX, image_prefix, rejection_key
from shared.names import safe_name
from shared.renditions import LISTED
from shared.storage import put_record

# A replay leaves a letter alone for this time if a killed replay may have sent it and its upload has not ended.
PERHAPS_SENT = timedelta(minutes=15)
# Image ids that are looked up one by one. For more, the whole bucket is listed.
FEW_IDS = 200
_RUN_TIME = "%Y%m%dT%H%M%S.%fZ"


@dataclass(frozen=True, slots=True)
class Sent:
    """A letter that a replay announced: its ids, and when."""

    queue_id: str
    message_id: str
    image_ids: tuple[str, ...]
    at: datetime


def operator() -> str:
    """Return who runs this command, as user@host."""
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except OSError:  # the account has no name
        return socket.gethostname()


@dataclass(slots=True)
class Run:
    """One replay and its record in S3."""

    dead: Dead
    name: str = field(default_factory=lambda: datetime.now(UTC).strftime(_RUN_TIME))
    by: str = field(default_factory=operator)
    failed: list[str] = field(default_factory=list)
    kept: int = 0

    def announce(self, batch: Sequence[Letter], number: int) -> None:
        """Write which letters are about to be sent."""
        rows = [{"queue_id": one.queue_id, "message_id": one.message_id, "image_ids": one.image_ids()} for one in batch]
        record = {"by": self.by, "at": datetime.now(UTC).isoformat(), "letters": rows}
        put_record(self.dead.s3, self.dead.bucket, f"{_runs_prefix(self.dead)}{self.name}/{number:06}.json", record)

    def end(self) -> None:
        """Write that every announced letter was sent and deleted, except failed letters.

        If a run could not delete every letter that it sent, it writes no end, and the next replay treats it as killed.
        """
        if self.kept:
            return
        record = {"failed": self.failed}
        put_record(self.dead.s3, self.dead.bucket, f"{_runs_prefix(self.dead)}{self.name}/end.json", record)


def runs(dead: Dead) -> list[str]:
    """List the names of the replays of this queue, oldest first."""
    prefix = _runs_prefix(dead)
    return sorted(
        {found["Key"].removeprefix(prefix).partition("/")[0] for found in objects(dead.s3, dead.bucket, prefix)}
    )


def sent_in(dead: Dead, run: str) -> list[Sent]:
    """Read the letters that a replay announced, without the letters that it could not send."""
    prefix = f"{_runs_prefix(dead)}{run}/"
    keys = [found["Key"] for found in objects(dead.s3, dead.bucket, prefix)]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        records = dict(zip(keys, pool.map(lambda key: _read(dead, key), keys), strict=True))
    failed = set(records.pop(f"{prefix}end.json", {}).get("failed", []))
    return [
        Sent(row["queue_id"], row["message_id"], tuple(row["image_ids"]), datetime.fromisoformat(record["at"]))
        for record in records.values()
        for row in record.get("letters", [])
        if row["queue_id"] not in failed
    ]


def outcomes(dead: Dead, sent: Sequence[Sent]) -> list[tuple[Sent, str]]:
    """Return the outcome of each letter: `ready`, `rejected: CODE`, `a letter again: CODE`, or `not ended yet`."""
    again = {key.image_id: key for key in listed(dead)}
    ids = {image_id for one in sent for image_id in one.image_ids}
    ended = ends(dead.s3, dead.bucket) if len(ids) > FEW_IDS else _ends_of(dead, ids)
    refused = sorted(ended.rejected & ids)
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        read = pool.map(lambda image_id: _read(dead, rejection_key(image_id)), refused)
        codes = {image_id: str(record.get("code", "?")) for image_id, record in zip(refused, read, strict=True)}
    return [(one, _outcome(one, again, ended.ready, codes)) for one in sent]


def perhaps_sent(dead: Dead) -> dict[str, Sent]:
    """Return by queue id the letters of recently killed replays. Each may have been sent or not."""
    since = datetime.now(UTC) - PERHAPS_SENT
    found: dict[str, Sent] = {}
    for run in runs(dead):
        if _began(run) >= since - timedelta(hours=1) and not _exists(dead, f"{_runs_prefix(dead)}{run}/end.json"):
            found |= {one.queue_id: one for one in sent_in(dead, run) if one.at >= since}
    return found


def ended(dead: Dead, sent: Sequence[Sent]) -> set[str]:
    """Return the queue ids of the letters whose upload has ended since the announcement."""
    again = {(key.image_id, key.message_id): key for key in listed(dead)} if sent else {}

    def has_ended(one: Sent) -> bool:
        since = one.at - timedelta(seconds=1)
        anew = any(
            key.image_id in one.image_ids and key.at >= since and key.message_id != one.message_id
            for key in again.values()
        )
        return anew or (bool(one.image_ids) and all(_written_since(dead, image, since) for image in one.image_ids))

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return {one.queue_id for one, over in zip(sent, pool.map(has_ended, sent), strict=True) if over}


def _written_since(dead: Dead, image_id: str, since: datetime) -> bool:
    found = [*objects(dead.s3, dead.bucket, image_prefix(LISTED, image_id))]
    found += objects(dead.s3, dead.bucket, rejection_key(image_id))
    return any(one["LastModified"] >= since for one in found)


def _ends_of(dead: Dead, image_ids: set[str]) -> Ends:
    def is_there(prefix: str) -> bool:
        return next(objects(dead.s3, dead.bucket, prefix), None) is not None

    ids = sorted(image_ids)
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        ready = pool.map(lambda image_id: is_there(image_prefix(LISTED, image_id)), ids)
        rejected = pool.map(lambda image_id: is_there(rejection_key(image_id)), ids)
        return Ends(
            frozenset(image_id for image_id, there in zip(ids, ready, strict=True) if there),
            frozenset(image_id for image_id, there in zip(ids, rejected, strict=True) if there),
        )


def _outcome(sent: Sent, again: dict[str | None, Any], ready: frozenset[str], codes: dict[str, str]) -> str:
    for image_id in sent.image_ids:
        if (
            (key := again.get(image_id))
            and key.message_id != sent.message_id
            and key.at >= sent.at.replace(microsecond=0)
        ):
            return f"a letter again: {key.code}"
    if sent.image_ids and ready.issuperset(sent.image_ids):
        return "ready"
    return next((f"rejected: {codes[one]}" for one in sent.image_ids if one in codes), "not ended yet")


def _runs_prefix(dead: Dead) -> str:
    return f"{REPLAYS_PREFIX}{safe_name(dead.name)}/"


def _began(run: str) -> datetime:
    with suppress(ValueError):
        return datetime.strptime(run, _RUN_TIME).replace(tzinfo=UTC)
    return datetime.fromtimestamp(0, UTC)


def _read(dead: Dead, key: str) -> dict[str, Any]:
    with suppress(ClientError, ValueError):
        found = json.loads(dead.s3.get_object(Bucket=dead.bucket, Key=key)["Body"].read())
        if isinstance(found, dict):
            return found
    return {}


def _exists(dead: Dead, key: str) -> bool:
    return next(objects(dead.s3, dead.bucket, key), None) is not None
