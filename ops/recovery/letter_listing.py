"""The dead letters that a command selects, and their listings."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console

from ops.options import (
    Filters,
    console,
    print_dry_run,
    print_reasons,
    print_rows,
    short_age,
)
from ops.recovery import records
from ops.recovery.letters import Letter
from ops.recovery.records import Dead, View
from shared.keys import LetterKey
from shared.letters import read_record
from shared.names import display_name

if TYPE_CHECKING:
    pass


def select(view: View, filters: Filters) -> list[LetterKey]:
    """Select letters. Raises Problem (`bad-age`; `no-such-code` if no letter has the requested reason)."""
    filters.require_known_code([key.code for key in view.letters], "dead letter")
    now = datetime.now(UTC)
    return [
        key
        for key in view.letters
        if filters.matches(
            now, code=key.code, at=key.at, upload_keys=[key.upload_key], ids=[key.message_id, key.image_id or ""]
        )
    ]


def wanted(letter: Letter, filters: Filters, now: datetime, dead: Dead) -> bool:
    """Return whether the filters select the letter, by the same facts as in its record."""
    key = records.record_key(dead, letter)
    ids = [letter.message_id, letter.queue_id, *letter.image_ids()]
    keys = [event.key for event in letter.events]
    return filters.matches(now, code=key.code, at=key.at, upload_keys=keys, ids=ids)


def groups(dead: Dead, found: Sequence[LetterKey]) -> list[dict[str, Any]]:
    """Count letters by reason, the most frequent first, with their ages in seconds and an example sentence."""
    now = datetime.now(UTC)
    grouped = []
    for code, count in Counter(key.code for key in found).most_common():
        ages = [round((now - key.at).total_seconds()) for key in found if key.code == code]
        grouped.append(
            {
                "code": code,
                "count": count,
                "oldest_seconds": max(ages),
                "newest_seconds": min(ages),
                "sentence": _sentence(dead, found, code),
            }
        )
    return grouped


def as_row(key: LetterKey) -> dict[str, Any]:
    """Return a letter for JSON."""
    return {
        "code": key.code,
        "message_id": key.message_id,
        "image_ids": [key.image_id] if key.image_id else [],
        "keys": [key.upload_key] if key.upload_key else [],
        "attempts": key.attempts,
        "at": key.at.isoformat(),
    }


def print_letters(dead: Dead, found: Sequence[LetterKey]) -> None:
    """Print the letters by reason, and the first letters one by one."""
    if not found:
        console.print("No dead letters.")
        return
    sentences = {code: _sentence(dead, found, code) for code in {key.code for key in found}}
    print_reasons((key.code, key.at, sentences[key.code]) for key in found)
    console.print()
    now = datetime.now(UTC)
    rows = [
        (
            key.image_id or key.message_id,
            short_age((now - key.at).total_seconds()),
            key.attempts or "-",
            key.code,
            display_name(key.upload_key.rsplit("/", 1)[-1]),
        )
        for key in found
    ]
    print_rows(("image id", "age", "attempts", "reason", "name"), rows)


def print_differences(view: View) -> None:
    """Print the numbers of letters that others hold, and of letters without a record."""
    notes = Console(stderr=True)
    if view.held:
        notes.print(
            f"{view.held} letters are hidden by another command or tool, or by one that was killed. They are visible "
            f"again by {records.held_until()}, unless that command runs on.",
            soft_wrap=True,
        )
    if view.unread > 0:
        notes.print(
            f"About {view.unread} more letters are in the queue without a record: SQS or SNS put them there, or others "
            "hide them. `darkroom dead-letters list --read-queue` reads them.",
            soft_wrap=True,
        )
    if view.unread < 0:
        notes.print(
            f"About {-view.unread} of these may be gone: the queue has fewer letters than there are records. "
            "`darkroom dead-letters list --read-queue` compares them.",
            soft_wrap=True,
        )


def say_what_would_be(dead: Dead, view: View, found: Sequence[LetterKey], what: str, filters: Filters) -> None:
    """Print the letters that a command would act on."""
    print_letters(dead, found)
    print_differences(view)
    if found:
        print_dry_run(len(found), what, all_needed=not filters.given)


def _sentence(dead: Dead, found: Sequence[LetterKey], code: str) -> str:
    newest = max((key for key in found if key.code == code), key=lambda key: key.at)
    return str(read_record(dead.s3, dead.bucket, newest).get("sentence", ""))
