"""`darkroom rejections`: lists rejected files with their reasons, and gives them another attempt."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.options import (
    AllOption,
    Filters,
    JsonOption,
    Pace,
    console,
    filled,
    flat,
    print_dry_run,
    print_json,
    print_reasons,
    print_rows,
    require_all,
    short_age,
)
from ops.problem import Problem, sentence_on_problem
from ops.recovery.originals import objects
from ops.recovery.resubmit import submit
from ops.target import CONNECTIONS, Place, Target, resolve
from shared.errors import DarkroomError
from shared.events import Upload, uploads_in
from shared.keys import REJECTED_PREFIX

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

app = typer.Typer(no_args_is_help=True, help="Files that were refused for good. Their uploaders were told why.")
UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record of the resizer: the reason of a rejection, and the event of its upload.

    `upload` is None for any other object below `rejected/`.
    """

    image_id: str
    code: str
    sentence: str
    name: str
    rejected_at: datetime
    upload: Upload | None
    record: dict[str, Any]


def rejections(s3: "S3Client", bucket: str, written_since: datetime | None = None) -> list[Rejection]:
    """Read all rejections, or the rejections since a time, the newest uploads first."""
    found = [
        one
        for one in objects(s3, bucket, REJECTED_PREFIX)
        if written_since is None or one["LastModified"] >= written_since
    ]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        read = pool.map(lambda one: _read(s3, bucket, one["Key"], one["LastModified"]), found)
        return [one for one in read if one]


def selected(found: Rejection, filters: Filters) -> bool:
    """Return whether the filters select the rejection. Raises Problem (`bad-age`)."""
    return filters.matches(
        datetime.now(UTC),
        code=found.code,
        at=found.rejected_at,
        upload_keys=[found.upload.key] if found.upload else [],
        ids=[found.image_id],
    )


@app.command("list")
@sentence_on_problem
@flat
def list_rejections(
    *,
    filters: Filters,
    as_json: JsonOption = False,
    place: Place,
) -> None:
    """List rejections by reason, with age and count.

    Example: darkroom rejections list --code unsupported-format
    """
    found = _find(resolve(place), filters)
    if as_json:
        print_json([{"image_id": one.image_id, **one.record} for one in found])
        return
    _print(found)


@app.command()
@sentence_on_problem
@flat
def show(
    *,
    image_id: Annotated[str, typer.Argument(callback=filled, help="An image id, or its beginning.")],
    as_json: JsonOption = False,
    place: Place,
) -> None:
    """Show one rejection: the record that the resizer wrote.

    Example: darkroom rejections show 7ybqx6ca92a1gqgtnm6h4p9bzt
    """
    found = _find(resolve(place), Filters(ids=[image_id]))
    if not found:
        raise Problem("no-such-rejection", f"No rejection has an image id that begins with {image_id}.")
    for one in found:
        if as_json:
            print_json({"image_id": one.image_id, **one.record})
        else:
            console.print_json(data={"image_id": one.image_id, **one.record})


@app.command()
@sentence_on_problem
@flat
def replay(
    *,
    filters: Filters,
    everything: AllOption = False,
    pace: Pace,
    place: Place,
) -> None:
    """Try refused files again, for example after a decoder was added. Dry run without --yes.

    A record stays until its picture has renditions, or until the file is refused again with its new reason.

    Example: darkroom rejections replay --code unsupported-format --yes
    """
    require_all(filters.given, everything, pace)
    target = resolve(place)
    found = _find(target, filters)
    uploads = [one.upload for one in found if one.upload]
    if not pace.yes:
        _print(found)
        if uploads:
            print_dry_run(len(uploads), "tried again", all_needed=not filters.given)
        return
    submit(target, uploads, pace.rate, console)
    console.print(f"{len(uploads)} replayed.")


def _find(target: Target, filters: Filters) -> list[Rejection]:
    every = rejections(target.client("s3"), target.outputs["ResizedBucketName"])
    filters.require_known_code([one.code for one in every], "rejection")
    return [one for one in every if selected(one, filters)]


def _read(s3: "S3Client", bucket: str, key: str, written_at: datetime) -> Rejection | None:
    image_id = key.removeprefix(REJECTED_PREFIX).removesuffix(".json")
    try:
        text = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:  # A replay has succeeded meanwhile.
        return None
    try:
        record = json.loads(text)
        return Rejection(
            image_id=image_id,
            code=str(record["code"]),
            sentence=str(record["sentence"]),
            name=str(record["name"]),
            rejected_at=datetime.fromisoformat(record["rejected_at"]).astimezone(UTC),
            upload=uploads_in(json.dumps(record["event"]))[0],
            record=record,
        )
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, DarkroomError):
        sentence = f"The object {key} is not a rejection's record. Delete it, or move it elsewhere."
        return Rejection(image_id, UNREADABLE, sentence, key, written_at, None, {"code": UNREADABLE, "key": key})


def _print(found: list[Rejection]) -> None:
    if not found:
        console.print("No rejections.")
        return
    now = datetime.now(UTC)
    print_reasons((one.code, one.rejected_at, one.sentence) for one in found)
    console.print()
    print_rows(
        ("image id", "age", "reason", "name"),
        [(one.image_id, short_age((now - one.rejected_at).total_seconds()), one.code, one.name) for one in found],
    )
