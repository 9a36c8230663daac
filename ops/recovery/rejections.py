"""`darkroom rejections`: the files that were refused for good, why, and another try for them."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from ops.options import (
    Filters,
    JsonOption,
    Pace,
    console,
    flat,
    print_dry_run,
    print_json,
    print_rows,
    short_age,
)
from ops.problem import Problem, sentence_on_problem
from ops.recovery.originals import objects
from ops.recovery.resubmit import submit
from ops.target import Place, Target, resolve
from shared.events import Upload, uploads_in
from shared.keys import REJECTED_PREFIX

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

app = typer.Typer(
    no_args_is_help=True, help="Files that were refused for good: the file's fault, told to its uploader."
)
PARALLEL_READS = 8


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record that the resizer wrote: why the upload was refused, and the event that it was refused at."""

    image_id: str
    code: str
    sentence: str
    name: str
    rejected_at: datetime
    upload: Upload
    record: dict[str, Any]


def rejections(s3: "S3Client", bucket: str, written_since: datetime | None = None) -> list[Rejection]:
    """Every rejection, or those written since then, newest uploads first."""
    keys = [
        found["Key"]
        for found in objects(s3, bucket, REJECTED_PREFIX)
        if written_since is None or found["LastModified"] >= written_since
    ]
    with ThreadPoolExecutor(PARALLEL_READS) as pool:
        return [found for found in pool.map(lambda key: _read(s3, bucket, key), keys) if found]


def wanted(found: Rejection, filters: Filters) -> bool:
    """Whether the filters of the command line mean this one. Raises Problem (`bad-age`)."""
    return (
        filters.code in {None, found.code}
        and found.upload.key.startswith(filters.prefix)
        and datetime.now(UTC) - found.rejected_at >= filters.least_age()
        and (not filters.ids or found.image_id.startswith(tuple(filters.ids)))
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
    """Rejections by reason, with age and count.

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
    image_id: Annotated[str, typer.Argument(help="An image id, or its beginning.")],
    as_json: JsonOption = False,
    place: Place,
) -> None:
    """One rejection: the record that the resizer wrote.

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
    pace: Pace,
    place: Place,
) -> None:
    """Try refused files again, say after a decoder was added. Dry run without --yes.

    A record stays until its picture has renditions, or is written anew with the new reason.

    Example: darkroom rejections replay --code unsupported-format --yes
    """
    target = resolve(place)
    found = _find(target, filters)
    if not pace.yes:
        _print(found)
        if found:
            print_dry_run(len(found), "tried again")
        return
    submit(target, [one.upload for one in found], pace.rate, console)
    console.print(f"{len(found)} replayed.")


def _find(target: Target, filters: Filters) -> list[Rejection]:
    s3 = target.client("s3")
    every = rejections(s3, target.outputs["ResizedBucketName"])
    return [one for one in every if wanted(one, filters)]


def _read(s3: "S3Client", bucket: str, key: str) -> Rejection | None:
    try:
        record = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    except s3.exceptions.NoSuchKey:  # replayed meanwhile, with success
        return None
    return Rejection(
        image_id=key.removeprefix(REJECTED_PREFIX).removesuffix(".json"),
        code=record["code"],
        sentence=record["sentence"],
        name=record["name"],
        rejected_at=datetime.fromisoformat(record["rejected_at"]),
        upload=uploads_in(json.dumps(record["event"]))[0],
        record=record,
    )


def _print(found: list[Rejection]) -> None:
    if not found:
        console.print("No rejections.")
        return
    now = datetime.now(UTC)
    by_code = Table("reason", "count", "says", box=None, header_style="dim")
    sentences = {one.code: one.sentence for one in found}
    for code, count in Counter(one.code for one in found).most_common():
        by_code.add_row(code, str(count), escape(sentences[code]))
    console.print(by_code)
    console.print()
    print_rows(
        ("image id", "age", "reason", "name"),
        [(one.image_id, short_age((now - one.rejected_at).total_seconds()), one.code, one.name) for one in found],
    )
