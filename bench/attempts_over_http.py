"""Attempts to get in over HTTP: invitations, roles, tickets, receipts, files at the door and fuzzed requests."""

import base64
import json
import string
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, settings

from ops.access import issue
from shared.access import COOKIE, Role, new_invitation, sign
from tests.support.api import every_route
from tests.support.deployed import Stack
from tests.support.uploads import picture

OPENAPI = Path(__file__).parents[1] / "docs" / "openapi.yaml"
OTHER_KEY = "another-key-" * 6
ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
ALTERED_CHARS = 10  # of a token, one at a time
OTHER_POLICIES: tuple[dict[str, Any], ...] = (
    {"expiration": "2040-01-01T00:00:00Z"},
    {"conditions": []},
    {"conditions": [["starts-with", "$key", ""]]},
)


@dataclass
class Count:
    """Counts the attempts of one kind. `got_in` describes the successes, `errors` the attempts with a 5xx as answer."""

    kind: str
    refused: int = 0
    allowed: int = 0
    got_in: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def note(self, attempt: str, answer: httpx.Response, *, got_in: bool, allowed: bool = False) -> None:
        """Count one attempt by its answer."""
        if answer.status_code >= 500:
            self.errors.append(f"{self.kind}: {attempt}: {answer.status_code} {answer.text[:200]}")
        self.tell(f"{attempt}: {answer.status_code} {answer.text[:200]}", got_in=got_in, allowed=allowed)

    def tell(self, attempt: str, *, got_in: bool, allowed: bool = False) -> None:
        """Count one attempt that has no HTTP answer."""
        if got_in:
            self.got_in.append(f"{self.kind}: {attempt}")
        self.allowed += allowed and not got_in
        self.refused += not allowed and not got_in

    def row(self) -> str:
        """Return the row of the table."""
        tried = self.refused + self.allowed + len(self.got_in)
        return f"| {self.kind} | {tried} | {self.refused} | {self.allowed} | {len(self.got_in)} | {len(self.errors)} |"

    @classmethod
    def total(cls, counts: Iterable["Count"]) -> "Count":
        """Return the sum of all kinds."""
        whole = cls("**all**")
        for count in counts:
            whole.refused, whole.allowed = whole.refused + count.refused, whole.allowed + count.allowed
            whole.got_in, whole.errors = whole.got_in + count.got_in, whole.errors + count.errors
        return whole


@dataclass
class Closed:
    """A closed Darkroom with one picture, `image`, and a token of each role."""

    stack: Stack
    names: list[str]
    examples: int
    tokens: dict[Role, str] = field(init=False)
    image: str = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = {role: self.invite(role) for role in (Role.VIEWER, Role.UPLOADER, Role.OWNER)}
        ticket = self.ticket()
        httpx.post(ticket["url"], data=ticket["fields"], files={"file": picture()}).raise_for_status()
        self.image = ticket["id"]
        self.stack.thumb_of(self.image)

    def invite(self, role: Role, days: float = 1, name: str = "Anna") -> str:
        """Return the token of a new invitation."""
        return issue(self.stack.target, name, role, datetime.now(UTC) + timedelta(days=days))

    def ask(self, method: str, path: str, token: str = "", **more: Any) -> httpx.Response:
        """Send a request to the API, with a token as programs send it."""
        headers = ({"authorization": f"Bearer {token}"} if token else {}) | more.pop("headers", {})
        url = self.stack.gallery_url + path.lstrip("/")
        return httpx.request(method, url, headers=headers, timeout=60, **more)

    def ticket(self, name: str = "cat.jpg", **more: Any) -> dict[str, Any]:
        answer = self.ask("POST", "uploads", self.tokens[Role.UPLOADER], json={"name": name, **more})
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def routes(self) -> Iterator[tuple[str, str, Role]]:
        """Yield the method, the address and the role of each route. The address has the picture's id."""
        for _, route in every_route():
            yield route.method, route.path.replace("{}", self.image), route.role


def without_an_invitation(closed: Closed) -> Count:
    """Ask each route, and each with other methods."""
    count = Count("requests without an invitation")
    for method, path, role in closed.routes():
        if role is not Role.ANYONE:
            answer = closed.ask(method, path, json={"name": "cat.jpg"} if method == "POST" else None)
            to_entrance = answer.status_code == 303 and "enter" in answer.headers["location"]
            count.note(f"{method} {path}", answer, got_in=answer.status_code != 401 and not to_entrance)
        for other in ("PUT", "PATCH", "OPTIONS", "TRACE", "PROPFIND"):
            answer = closed.ask(other, path)
            count.note(f"{other} {path}", answer, got_in=answer.is_success)
    return count


def with_invalid_invitations(closed: Closed) -> Count:
    """Ask with forged, altered, expired and revoked tokens: as programs and browsers send them, and at the entrance."""
    count = Count("forged, altered, expired and revoked invitations")
    for token in invalid_tokens(closed):
        as_cookie = {"cookie": f"{COOKIE}={token}"}
        answers = [
            closed.ask("GET", "images", headers={"authorization": f"Bearer {token}"}),
            closed.ask("GET", "images", headers=as_cookie),
            closed.ask("POST", "uploads", headers=as_cookie, json={"name": "cat.jpg"}),
            closed.ask("DELETE", f"images/{closed.image}", headers=as_cookie),
            closed.ask("POST", "enter", data={"token": token}),
        ]
        for answer in answers:
            signed_in = COOKIE in answer.headers.get("set-cookie", "")
            count.note(f"token {token[:60]}", answer, got_in=answer.is_success or signed_in)
    return count


def invalid_tokens(closed: Closed) -> Iterator[str]:
    """Yield tokens that must not let anybody in."""
    valid = closed.tokens[Role.OWNER]
    payload, _, signature = valid.rpartition(".")
    yield from (
        payload,
        signature,
        f".{signature}",
        f"{payload}.",
        valid[:-1],
        f"{valid}A",
        "x" * 2000,
        "null",
        "a.b.c",
    )
    for at in range(0, len(valid), len(valid) // ALTERED_CHARS):
        char = valid[at]
        if char in ALPHABET:  # change the highest bit of the character, so that the bytes differ
            yield valid[:at] + ALPHABET[(ALPHABET.index(char) + 32) % 64] + valid[at + 1 :]
    later = datetime.now(UTC) + timedelta(days=1)
    forged = new_invitation("Mallory", Role.OWNER, later)
    yield sign(forged, OTHER_KEY)
    fields = {"i": forged.id, "n": "Mallory", "r": "owner", "x": forged.expires_at}
    plain = base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")
    yield f"{plain}.{signature}"
    yield f"{base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip('=')}.{plain}."
    viewer = closed.tokens[Role.VIEWER].rpartition(".")[2]
    yield f"{payload}.{viewer}"
    yield closed.invite(Role.OWNER, days=-1)
    secret = closed.stack.outputs["AccessSecretArn"]
    key = closed.stack.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
    yield sign(forged, key)  # nobody was invited
    revoked = closed.invite(Role.OWNER, name="Revoked")
    for key in closed.stack.keys("invitations/Revoked"):
        closed.stack.s3.delete_object(Bucket=closed.stack.resized_bucket, Key=key)
    yield revoked


def with_a_lower_role(closed: Closed) -> Count:
    """Ask each route with each role that it does not admit."""
    count = Count("routes beyond the invitation's role")
    for method, path, wanted in closed.routes():
        for role, token in closed.tokens.items():
            if wanted not in role.included():
                answer = closed.ask(method, path, token)
                count.note(f"{role}: {method} {path}", answer, got_in=answer.status_code != 403)
    return count


def altered_tickets(closed: Closed) -> Count:
    """Post to S3 with a ticket whose key, type, size, policy or signature is another."""
    count = Count("altered tickets")
    body = picture()

    def attempt(what: str, changed: dict[str, str], body: bytes = body) -> None:
        ticket = closed.ticket(size=len(picture()))
        fields = ticket["fields"] | changed
        answer = httpx.post(ticket["url"], data=fields, files={"file": ("cat.jpg", body)}, timeout=60)
        stored = closed.stack.keys(f"uploads/{ticket['id']}/", closed.stack.upload_bucket)
        elsewhere = closed.stack.keys("elsewhere", closed.stack.upload_bucket)
        count.note(what, answer, got_in=answer.is_success or bool(stored or elsewhere))

    ticket = closed.ticket()
    policy = json.loads(base64.b64decode(ticket["fields"]["policy"]))
    for changed in (
        {"key": "elsewhere/cat.jpg"},
        {"key": ticket["fields"]["key"]},
        {"key": "uploads/../elsewhere.jpg"},
        {"Content-Type": "text/html"},
        {"Content-Type": ""},
        {"x-amz-meta-receipt": "0"},
        {"x-amz-meta-other": "1"},
        {"success_action_redirect": "https://example.invalid/"},
        {"acl": "public-read"},
        {"x-amz-signature": "0" * 64},
        {"x-amz-credential": ticket["fields"]["x-amz-credential"].replace("/s3/", "/sqs/")},
        {"x-amz-date": "20200101T000000Z"},
        {"x-amz-security-token": "none"},
        *({"policy": base64.b64encode(json.dumps(policy | altered).encode()).decode()} for altered in OTHER_POLICIES),
    ):
        attempt(str(changed)[:80], changed)
    attempt("50 MB and a byte", {}, bytes(50_000_001))
    attempt("no bytes", {}, b"")
    return count


def altered_receipts(closed: Closed) -> Count:
    """Take the picture back as an uploader who did not upload it."""
    count = Count("receipts of others' uploads")
    other = closed.ticket()["receipt"]
    for receipt in ("", "0", other, other[:-1], "x" * 4000, "ü".encode().hex(), "null"):
        for path in (f"uploads/{closed.image}", "uploads/x", "uploads/..%2f..", f"uploads/{closed.image.upper()}"):
            answer = closed.ask("DELETE", path, closed.tokens[Role.UPLOADER], headers={"x-receipt": receipt})
            count.note(f"{path} {receipt[:20]}", answer, got_in=answer.is_success)
    still_there = bool(closed.stack.keys(f"thumb/{closed.image}/"))
    count.tell("the picture is still there", got_in=not still_there)
    return count


def files_at_the_door(closed: Closed) -> Count:
    """Post files to the door itself, as a form, raw and in odd encodings."""
    count = Count("files and garbage posted to the door")
    token, body = closed.tokens[Role.UPLOADER], picture()
    for size in (1, 100, len(body)):
        answer = closed.ask("POST", "uploads", token, files={"file": ("cat.jpg", body[:size])})
        count.note(f"a form of {size} bytes", answer, got_in=answer.is_success)
    for media_type in ("image/jpeg", "application/octet-stream", "application/json", "text/plain", ""):
        for content in (body, b"\xff\xfe", b"", b"[" * 5000, b'{"name": 1}', b'{"name": "\\ud800"}', b"\x00" * 10_000):
            answer = closed.ask("POST", "uploads", token, content=content, headers={"content-type": media_type})
            count.note(f"{media_type} {content[:20]!r}", answer, got_in=answer.is_success)
    return count


def fuzzed_requests(closed: Closed) -> Count:
    """Send requests that schemathesis makes from the OpenAPI document, without an invitation and with each role."""
    count = Count("fuzzed requests from openapi.yaml, for each role and none")
    document = yaml.safe_load(OPENAPI.read_text())
    operations: Any = schemathesis.openapi.from_dict(document).get_all_operations()
    for found in operations:
        operation: Any = found.ok()
        role = Role(document["paths"][operation.path][operation.method.lower()]["x-role"])
        for level, token in {Role.ANYONE: "", **closed.tokens}.items():
            _fuzz(closed, count, operation, token, admitted=role in level.included())
    return count


def _fuzz(closed: Closed, count: Count, operation: Any, token: str, *, admitted: bool) -> None:
    headers = {"authorization": f"Bearer {token}"} if token else {}

    @given(case=operation.as_strategy())
    @settings(
        max_examples=closed.examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def send(case: Any) -> None:
        with suppress(UnicodeError, httpx.InvalidURL):
            answer = case.call(base_url=closed.stack.gallery_url.rstrip("/"), headers=headers, allow_redirects=False)
            seen = httpx.Response(answer.status_code, content=answer.content)
            harmless = admitted and answer.status_code < 400
            count.note(
                f"{operation.method} {case.path}", seen, got_in=seen.is_success and not admitted, allowed=harmless
            )

    send()
