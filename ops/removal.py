"""`darkroom remove` and `darkroom restore`: pictures by id, by date or by name."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated

import typer

from ops.options import YesOption, console, filled, flat, print_dry_run, print_rows, since
from ops.problem import Problem, sentence_on_problem
from ops.target import Place as PlaceOptions
from ops.target import Target, resolve
from ops.terminal import escape
from shared import clock, removal
from shared.errors import DarkroomError
from shared.keys import is_image_id, read_rendition_key, rendition_prefix, taken_at
from shared.removal import Place
from shared.renditions import LISTED, SHOWN

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PARALLEL = 8

# The remains after --forever, and how long they stay. docs/security.md has the same list.
REMAINS = """\
What remains of an erased picture:
  the record of its removal, with its id and no name, until RemovedRetentionDays are over
  an empty object with its id, so that no late writer brings it back, for good
  log lines with its id and file name, until LogRetentionDays are over
  dead letters about it, with its file name: 14 days at most
  copies that browsers keep of pictures they have shown, up to a year, and copies that subscribers have made
  versions and backups, if you have switched them on for the buckets"""

IdsArgument = Annotated[list[str] | None, typer.Argument(help="Image ids.")]


def add_to(app: typer.Typer) -> None:
    """Adds the commands of this module to `app`."""
    app.command()(remove)
    app.command()(restore)


@sentence_on_problem
@flat
def remove(
    *,
    ids: IdsArgument = None,
    before: Annotated[
        str | None, typer.Option(callback=filled, help="Pictures uploaded before this time: 2026-11-22, or 90d.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(callback=filled, metavar="GLOB", help="Pictures of this name: 'party*'.")
    ] = None,
    forever: Annotated[bool, typer.Option(help="Erase them: nothing can be restored.")] = False,
    yes: YesOption = False,
    place: PlaceOptions,
) -> None:
    """Remove pictures: originals, renditions and rejections. They can be restored for RemovedRetentionDays.

    Example: darkroom remove --before 365d --name 'party*' --stack darkroom-prod
    """
    if bool(ids) == bool(before or name):
        raise Problem("what-to-remove", "Give image ids, or --before or --name or both.")
    target = resolve(place)
    s3, bucket = target.client("s3"), target.outputs["ResizedBucketName"]
    wanted = _checked(ids) if ids else list(_matching(s3, bucket, since(before) if before else None, name))
    if not yes:
        print_rows(["id", "uploaded"], [[one, taken_at(one).isoformat(timespec="minutes")] for one in wanted])
        print_dry_run(len(wanted), "erased for good" if forever else "removed")
        return
    where = Place(s3, target.outputs["UploadBucketName"], bucket)
    failed = _each(wanted, lambda one: removal.remove(where, one, clock.now(), forever=forever))
    _invalidate(target, wanted)
    _report(len(wanted), failed, "erased" if forever else "removed")
    if forever:
        console.print(REMAINS, highlight=False)
    if failed:
        raise typer.Exit(1)


@sentence_on_problem
@flat
def restore(*, ids: IdsArgument = None, place: PlaceOptions) -> None:
    """Put removed pictures back. Example: darkroom restore 7ybqx45gf1kq7m1m2f54kmf5eg --stack darkroom-prod"""
    target = resolve(place)
    where = Place(target.client("s3"), target.outputs["UploadBucketName"], target.outputs["ResizedBucketName"])
    wanted = _checked(ids or [])
    failed = _each(wanted, lambda one: removal.restore(where, one))
    _report(len(wanted), failed, "restored")
    if failed:
        raise typer.Exit(1)


def _checked(ids: Iterable[str]) -> list[str]:
    for one in ids:
        if not is_image_id(one):
            raise Problem("bad-id", f"{one!r} is not an image id. The page's address has it: ?image=ID.")
    return list(ids)


def _matching(s3: "S3Client", bucket: str, before: datetime | None, glob: str | None) -> Iterator[str]:
    """Yields the ids of the listed pictures that are older than `before` and have a name like `glob`."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=rendition_prefix(LISTED)):
        for found in page.get("Contents", []):
            key = read_rendition_key(found["Key"])
            if not key or (before and taken_at(key.image_id) >= before):
                continue
            if glob is None or fnmatchcase(key.stem, glob) or fnmatchcase(key.stem, glob.rpartition(".")[0]):
                yield key.image_id


def _each(ids: Iterable[str], work: Callable[[str], object]) -> dict[str, DarkroomError]:
    """Runs `work` for every id, PARALLEL at a time; returns the errors by id."""

    def one(image_id: str) -> tuple[str, DarkroomError | None]:
        try:
            work(image_id)
        except DarkroomError as error:
            return image_id, error
        return image_id, None

    with ThreadPoolExecutor(PARALLEL) as pool:
        return {image_id: error for image_id, error in pool.map(one, ids) if error}


def _invalidate(target: Target, ids: list[str]) -> None:
    """Makes the CDN delete its copies, if there is a CDN. For many pictures one wildcard costs less than many paths."""
    if not (distribution := target.outputs.get("DistributionId")):
        return
    paths = [f"/{kind}/{one}/*" for one in ids for kind in SHOWN] if len(ids) <= PARALLEL else ["/*"]
    batch = {"Paths": {"Quantity": len(paths), "Items": paths}, "CallerReference": clock.now().isoformat()}
    target.client("cloudfront").create_invalidation(DistributionId=distribution, InvalidationBatch=batch)


def _report(count: int, failed: dict[str, DarkroomError], done: str) -> None:
    for image_id, error in failed.items():
        console.print(f"{image_id}: {error.code}: {escape(error.sentence)}", highlight=False)
    console.print(f"{count - len(failed)} of {count} {done}.")
