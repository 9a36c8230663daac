"""`darkroom invite`, `invitations`, `revoke` and `rotate-key`: manage the invitations to a closed gallery."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from ops.options import JsonOption, YesOption, console, filled, flat, print_dry_run, print_json, print_rows
from ops.problem import Problem, sentence_on_problem
from ops.target import Place, Target, resolve
from shared import clock
from shared.access import Invitation, Role, new_invitation, record, sign
from shared.keys import INVITATIONS_PREFIX, invitation_key
from shared.limits import ACCESS_CACHE_SECONDS, MAX_INVITATION_DAYS
from shared.names import clean_name

KEY_BYTES = 48

NamesArgument = Annotated[list[str] | None, typer.Argument(help="The names on the invitations.")]


class Invitable(StrEnum):
    """The roles that an invitation may have."""

    VIEWER = Role.VIEWER.value
    UPLOADER = Role.UPLOADER.value
    OWNER = Role.OWNER.value


@dataclass(frozen=True, slots=True)
class Listed:
    """An invitation as `darkroom invitations` shows it, and the key of its object."""

    name: str
    role: str
    expires_at: str
    key: str


def add_to(app: typer.Typer) -> None:
    """Adds the commands of this module to `app`."""
    app.command()(invite)
    app.command()(invitations)
    app.command()(revoke)
    app.command(name="rotate-key")(rotate_key)


@sentence_on_problem
@flat
def invite(
    *,
    role: Annotated[
        Invitable, typer.Option(help="viewer: look and download. uploader: also add. owner: also remove and restore.")
    ],
    name: Annotated[str, typer.Option(callback=filled, help="The person's name, which `darkroom revoke NAME` needs.")],
    days: Annotated[int, typer.Option(help="Days until it ends.", min=1, max=MAX_INVITATION_DAYS)] = 30,
    place: Place,
) -> None:
    """Print a link that lets one person in. Whoever has the link has the role, so send it like a password.

    Example: darkroom invite --role uploader --name Anna --days 30 --stack darkroom-prod
    """
    target = resolve(place)
    token = issue(target, name, Role(role.value), clock.now() + timedelta(days=days))
    console.print(f"{target.gallery_url}enter#{token}", soft_wrap=True, highlight=False, markup=False)
    console.print(f"[dim]Valid for {days} days. Programs send the part after # as `Authorization: Bearer ...`.[/]")


@sentence_on_problem
@flat
def invitations(*, as_json: JsonOption = False, place: Place) -> None:
    """List all invitations. Example: darkroom invitations --stack darkroom-prod"""
    found = sorted(listed(resolve(place)), key=lambda one: one.name)
    if as_json:
        print_json([{"name": one.name, "role": one.role, "expires_at": one.expires_at} for one in found])
        return
    print_rows(["name", "role", "expires"], [[one.name, one.role, one.expires_at] for one in found])


@sentence_on_problem
@flat
def revoke(
    *,
    names: NamesArgument = None,
    everybody: Annotated[bool, typer.Option("--all", help="Every invitation.")] = False,
    yes: YesOption = False,
    place: Place,
) -> None:
    """End invitations within a minute: those with these names, or every invitation.

    The addresses of pictures that a page has already loaded stay valid for up to two hours.

    Example: darkroom revoke Anna --yes --stack darkroom-prod
    """
    if bool(names) == everybody:
        raise Problem("what-to-revoke", "Name the invitations to revoke, or say --all.")
    target = resolve(place)
    wanted = {clean_name(name) for name in names or []}
    found = [one for one in listed(target) if everybody or one.name in wanted]
    if missing := sorted(wanted - {one.name for one in found}):
        raise Problem("no-invitation", f"There is no invitation for {', '.join(missing)}. See `darkroom invitations`.")
    if not yes:
        print_dry_run(len(found), "revoked: " + ", ".join(sorted({one.name for one in found})))
        return
    s3 = target.client("s3")
    for one in found:
        s3.delete_object(Bucket=target.outputs["ResizedBucketName"], Key=one.key)
    console.print(f"{len(found)} revoked. They end within {ACCESS_CACHE_SECONDS} seconds.")


@sentence_on_problem
@flat
def rotate_key(
    *,
    lock_out: Annotated[
        bool, typer.Option("--lock-out", help="Also end every invitation at once, for example after a leak of the key.")
    ] = False,
    yes: YesOption = False,
    place: Place,
) -> None:
    """Replace the key that signs invitations. Existing invitations stay valid until the next rotation.

    Example: darkroom rotate-key --yes --stack darkroom-prod
    """
    target = resolve(place)
    if not yes:
        console.print("Dry run: the signing key would be replaced. Add --yes to do it.")
        return
    for _ in range(2 if lock_out else 1):  # after two rotations, no valid key has signed any
        target.client("secretsmanager").put_secret_value(
            SecretId=target.outputs["AccessSecretArn"], SecretString=secrets.token_urlsafe(KEY_BYTES)
        )
    ended = "Every invitation has ended." if lock_out else "Invitations stay valid until the next rotation."
    console.print(f"The key is replaced. {ended}")


def issue(target: Target, name: str, role: Role, expires_at: datetime) -> str:
    """Makes an invitation valid and returns its token. Raises Problem (`bad-name`)."""
    cleaned = clean_name(name)
    if not cleaned:
        raise Problem("bad-name", "Give the name of the person for the invitation.")
    invitation = new_invitation(cleaned, role, expires_at)
    answer = target.client("secretsmanager").get_secret_value(SecretId=target.outputs["AccessSecretArn"])
    target.client("s3").put_object(
        Bucket=target.outputs["ResizedBucketName"],
        Key=invitation_key(invitation.name, invitation.id),
        Body=record(invitation),
        ContentType="application/json",
    )
    return sign(invitation, answer["SecretString"])


def listed(target: Target) -> Iterator[Listed]:
    """Yields every invitation of a gallery."""
    s3, bucket = target.client("s3"), target.outputs["ResizedBucketName"]
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=INVITATIONS_PREFIX):
        for found in page.get("Contents", []):
            one = Invitation(**json.loads(s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read()))
            expires = datetime.fromtimestamp(one.expires_at, UTC).isoformat(timespec="minutes")
            yield Listed(one.name, one.role, expires, found["Key"])
