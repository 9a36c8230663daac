"""Decides who may do what: roles, invitations, and the guard in front of every route.

An invitation is a signed token and an object in the resized bucket. The token names a person, a role and an end. The
signing key is in Secrets Manager. The object makes the invitation valid: deleting it revokes the invitation.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from shared import clock, config
from shared.errors import DarkroomError, Unavailable
from shared.keys import invitation_key
from shared.limits import ACCESS_CACHE_SECONDS, MAX_CACHED_INVITATIONS
from shared.storage import exists, s3_client

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

# The browser accepts a cookie of this prefix only over TLS, for this host alone.
COOKIE = "__Host-darkroom"
_COOKIE = re.compile(rf"(?:^|;)\s*{COOKIE}=([^;]*)")
_BEARER = re.compile(r"(?i:bearer) +([A-Za-z0-9._-]+)")


class Role(StrEnum):
    """A role includes the roles before it. A route that needs ANYONE needs no invitation."""

    ANYONE = "anyone"
    VIEWER = "viewer"
    UPLOADER = "uploader"
    OWNER = "owner"

    def included(self) -> frozenset["Role"]:
        """Returns this role and the roles that it includes."""
        roles = list(Role)
        return frozenset(roles[: roles.index(self) + 1])


class NotInvited(DarkroomError):
    """The request needs a valid invitation and has none: status 401."""


class Forbidden(DarkroomError):
    """The request has a valid invitation, but its role does not permit the request: status 403."""


class Caller(NamedTuple):
    """The sender of a request: the name on the invitation, "" without one, and every role that the request has."""

    name: str = ""
    roles: frozenset[Role] = frozenset({Role.ANYONE})


class Invitation(NamedTuple):
    """The contents of a token. `id` is unique; `expires_at` is in seconds since 1970."""

    id: str
    name: str
    role: Role
    expires_at: int


def _mode(text: str) -> bool:
    if text not in {"open", "invited"}:
        raise ValueError("must be open or invited")
    return text == "open"


@dataclass(eq=False, repr=False)  # each generated method would add to every cold start
class Settings:
    """The environment variables about access, in lower case. `view_access` and `upload_access` are true if open."""

    resized_bucket: str
    access_secret_arn: str = ""
    view_access: bool = config.parsed(_mode, default=False)
    upload_access: bool = config.parsed(_mode, default=False)

    @property
    def open_roles(self) -> frozenset[Role]:
        """The roles that a request has without an invitation."""
        opened = {Role.VIEWER: self.view_access, Role.UPLOADER: self.upload_access}
        return frozenset({Role.ANYONE} | {role for role, is_open in opened.items() if is_open})


def sign(invitation: Invitation, key: str) -> str:
    """Returns the invitation's token."""
    fields = {"i": invitation.id, "n": invitation.name, "r": invitation.role.value, "x": invitation.expires_at}
    return str(_serializer([key]).dumps(fields))


def read(token: str, keys: Sequence[str]) -> Invitation | None:
    """Returns the invitation in `token`, or None if no key in `keys` has signed it."""
    from itsdangerous import BadData

    try:
        fields = _serializer(keys).loads(token)
    except BadData:
        return None
    return Invitation(fields["i"], fields["n"], Role(fields["r"]), fields["x"])


def _serializer(keys: Sequence[str]) -> Any:
    from itsdangerous import URLSafeSerializer  # only requests with a token pay for this import

    signer = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    return URLSafeSerializer(list(keys), salt="darkroom-invitation", signer_kwargs=signer)


def new_invitation(name: str, role: Role, expires_at: datetime) -> Invitation:
    """Returns an invitation with a new id of 128 random bits."""
    return Invitation(secrets.token_urlsafe(16), name, role, int(expires_at.timestamp()))


class SigningKeys:
    """The signing keys in Secrets Manager: the current one, and after a rotation the previous one too."""

    def __init__(self, secret_arn: str) -> None:
        self.secret_arn = secret_arn
        self.keys: list[str] = []
        self.read_at = -float("inf")

    def current(self) -> list[str]:
        """Returns the keys as last read; the current key is the last. Raises Unavailable (`access-unavailable`)."""
        if not self.keys:
            self.keys = [_secret(self.secret_arn, "AWSCURRENT")]
        return self.keys

    def reread(self) -> bool:
        """Reads both keys again, but not within ACCESS_CACHE_SECONDS of the last time. Returns whether it read them."""
        if clock.monotonic() - self.read_at < ACCESS_CACHE_SECONDS:
            return False
        self.read_at = clock.monotonic()
        self.keys = [key for stage in ("AWSPREVIOUS", "AWSCURRENT") if (key := _secret(self.secret_arn, stage))]
        return True


@cache
def _secrets_client() -> "SecretsManagerClient":
    return boto3.client("secretsmanager")


def _secret(arn: str, stage: str) -> str:
    try:
        return _secrets_client().get_secret_value(SecretId=arn, VersionStage=stage)["SecretString"]
    except ClientError as error:
        if stage == "AWSPREVIOUS" and error.response["Error"]["Code"] == "ResourceNotFoundException":
            return ""  # the key was never rotated
        raise _unavailable() from error
    except (BotoCoreError, OSError) as error:
        raise _unavailable() from error


def _unavailable() -> Unavailable:
    return Unavailable("access-unavailable", "Invitations cannot be checked now. Try again in a moment.")


class Guard:
    """Decides about requests by their invitation. One per execution environment."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self.settings = settings
        self._keys: SigningKeys | None = None
        self._valid_until: dict[str, float] = {}

    def admit(self, headers: Mapping[str, str], role: Role) -> Caller:
        """Returns the caller if it has `role`.

        Raises NotInvited (`not-invited`, `invitation-invalid`, `invitation-expired`, `invitation-revoked`), Forbidden
        (`not-allowed`) and Unavailable (`access-unavailable`, `storage-unavailable`).
        """
        open_roles = self.settings().open_roles
        refused = NotInvited("not-invited", "This gallery is private. Open the link of your invitation first.")
        caller = Caller("", open_roles)
        if token := token_in(headers):
            try:
                invitation = self.check(token)
                caller = Caller(invitation.name, open_roles | invitation.role.included())
            except NotInvited as error:
                refused = error
        if role in caller.roles:
            return caller
        if caller.name:
            raise Forbidden(
                "not-allowed", f"Your invitation does not include this. Ask for one with the role {role.value}."
            )
        raise refused

    def check(self, token: str) -> Invitation:
        """Returns the valid invitation in `token`; raises as `admit` does."""
        if self._keys is None:
            self._keys = SigningKeys(self.settings().access_secret_arn)
        invitation = read(token, self._keys.current())
        if invitation is None and self._keys.reread():
            invitation = read(token, self._keys.current())
        if invitation is None:
            raise NotInvited("invitation-invalid", "This is not an invitation to this gallery. Copy the whole link.")
        if invitation.expires_at <= clock.now().timestamp():
            raise NotInvited("invitation-expired", "Your invitation has expired. Ask for a new one.")
        if self._valid_until.get(invitation.id, 0) <= clock.monotonic():
            self._look_up(invitation)
        return invitation

    def _look_up(self, invitation: Invitation) -> None:
        key = invitation_key(invitation.name, invitation.id)
        if not exists(s3_client(), self.settings().resized_bucket, key):
            self._valid_until.pop(invitation.id, None)
            raise NotInvited("invitation-revoked", "Your invitation was revoked. Ask for a new one.")
        if len(self._valid_until) >= MAX_CACHED_INVITATIONS:
            self._valid_until.clear()
        self._valid_until[invitation.id] = clock.monotonic() + ACCESS_CACHE_SECONDS


def token_in(headers: Mapping[str, str]) -> str:
    """Returns the token of a request, from the Authorization header or else from the cookie; "" without one."""
    if found := _BEARER.fullmatch(headers.get("authorization", "").strip()):
        return found[1]
    found = _COOKIE.search(headers.get("cookie", ""))
    return found[1].strip() if found else ""


def record(invitation: Invitation) -> bytes:
    """Returns the body of the invitation's object, for `darkroom invitations`."""
    return json.dumps(invitation._asdict()).encode()
