"""Plans the uploads of a chaos run, and counts the place of each at the end."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ops.recovery.letters import Letter
from ops.recovery.originals import ends
from shared.keys import read_rendition_key
from tests.support.killers import CODES
from tests.support.pictures import plain_jpeg

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

COLOURS = ("teal", "salmon", "gold", "navy", "plum", "olive")
HOSTILE, REPLACED, THROUGH_DOOR, TWICE = 0.05, 0.03, 0.10, 0.15  # shares of all uploads


@dataclass
class Sent:
    """One upload: its kind (healthy, replaced, hostile, or a crash's code), and a picture's expected size."""

    kind: str
    bodies: list[bytes]
    size: tuple[int, int]
    through_door: bool
    twice: bool
    image_id: str = ""


def plan(uploads: int, rng: random.Random, killers: Sequence[bytes]) -> list[Sent]:
    """Returns the uploads: hostile files, pictures replaced under their key, poison messages, healthy pictures."""
    sent = [_one(mark, rng) for mark in (*killers, *[b""] * (uploads - len(killers)))]
    rng.shuffle(sent)
    return sent


def _one(mark: bytes, rng: random.Random) -> Sent:
    size = rng.randint(200, 700), rng.randint(200, 700)
    draw, through_door, twice = rng.random(), rng.random() < THROUGH_DOOR, rng.random() < TWICE
    if mark:
        kind, bodies = CODES[mark], [plain_jpeg(*size, rng.choice(COLOURS)) + mark]
    elif draw < HOSTILE:
        kind, bodies = "hostile", [_hostile(rng)]
    elif draw < HOSTILE + REPLACED:
        kind, bodies = "replaced", [plain_jpeg(*shape, rng.choice(COLOURS)) for shape in ((size[1] + 1, size[0]), size)]
    else:
        kind, bodies = "healthy", [plain_jpeg(*size, rng.choice(COLOURS))]
    # The door's tickets refuse an empty file, as they must.
    return Sent(kind, bodies, size, through_door and all(bodies), twice)


def take(sent: list[Sent], s3: "S3Client", bucket: str, letters: list[Letter]) -> dict[str, Any]:
    """Counts the uploads by kind and place, and the lost, doubled, wrong, and healthy but dead uploads."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="thumb/")
    keys = [read_rendition_key(found["Key"]) for page in pages for found in page.get("Contents", [])]
    shown = Counter(key.image_id for key in keys if key)
    sizes = {key.image_id: (key.width_px, key.height_px) for key in keys if key}
    rejected = ends(s3, bucket).rejected
    dead = {image_id: letter.reason.code for letter in letters for image_id in letter.image_ids()}
    places: Counter[str] = Counter()
    wrong = dict.fromkeys(("lost", "doubled", "older content", "healthy in DLQ", "killer not in DLQ"), 0)
    for one in sent:
        there = {"ready": one.image_id in shown, "rejected": one.image_id in rejected, "dead": one.image_id in dead}
        where = [name for name, is_there in there.items() if is_there]
        places[f"{one.kind}: {' and '.join(where) or 'nowhere'}"] += 1
        for mistake in _mistakes(one, where, shown[one.image_id], sizes.get(one.image_id)):
            wrong[mistake] += 1
    return {"places": dict(sorted(places.items())), "wrong": wrong, "letters": dict(Counter(dead.values()))}


def _mistakes(one: Sent, where: list[str], thumbs: int, size: tuple[int, int] | None) -> list[str]:
    found = {
        "lost": not where,
        "doubled": len(where) > 1 or thumbs > 1,
        "older content": "ready" in where and one.kind == "replaced" and size != one.size,
        "healthy in DLQ": "dead" in where and one.kind in {"healthy", "replaced", "hostile"},
        "killer not in DLQ": "dead" not in where and one.kind in CODES.values(),
    }
    return [name for name, is_wrong in found.items() if is_wrong]


def as_markdown(told: dict[str, Any]) -> str:
    """Formats the result of `bench.chaos.run` as the tables of bench/results/chaos.md."""
    rows = [f"{datetime.now(UTC):%Y-%m-%d}, {told['uploads']} uploads, seed {told['seed']}."]
    faulty, whole = told["seconds"]["faulty"], told["seconds"]["all"]
    rows += [f"Nearly all uploads had ended after {faulty} s, the whole run after {whole} s.", ""]
    rows += ["| fault | times |", "|---|---|", *(f"| {name} | {n} |" for name, n in sorted(told["faults"].items()))]
    rows += [f"| originals that `reconcile` submitted | {told['reconciled']} |", ""]
    before, after = told["before replay"], told["after replay"]
    rows += ["| where an upload is | before the replay | after it |", "|---|---|---|"]
    for group, label in (("places", "{}"), ("wrong", "**{}**"), ("letters", "letter: {}")):
        names = sorted(before[group] | after[group])
        rows += [
            f"| {label.format(name)} | {before[group].get(name, 0)} | {after[group].get(name, 0)} |" for name in names
        ]
    return "\n".join(rows)


def _hostile(rng: random.Random) -> bytes:
    whole = plain_jpeg(600, 400, rng.choice(COLOURS))
    noise = rng.randbytes(900)
    return rng.choice([b"", b"GIF89a", noise, whole[:200], b"<svg></svg>", whole[:20] + noise])
