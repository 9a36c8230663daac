"""Access: every route with every role, and invitations that are valid, expired, revoked, forged or of an old key."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import boto3
import pytest
from mypy_boto3_s3 import S3Client
from mypy_boto3_secretsmanager import SecretsManagerClient
from typer.testing import CliRunner

from functions.ingest import handler as door
from functions.ingest.settings import Settings as DoorSettings
from functions.list import handler as gallery
from functions.list.settings import Wiring
from functions.remove import handler as removal
from ops import access as commands
from ops.cli import app
from ops.target import Target
from shared import access, clock, http
from shared.access import COOKIE, Guard, Role
from shared.limits import ACCESS_CACHE_SECONDS
from tests.support.context import Context
from tests.support.gallery import picture

MODULES = {"door": door, "gallery": gallery, "removal": removal}
PATHS = [
    pytest.param(name, route, id=f"{route.method} {route.path}")
    for name, module in MODULES.items()
    for route in module.ROUTES
]
LEVELS = [None, Role.VIEWER, Role.UPLOADER, Role.OWNER]


class House:
    """A gallery in moto, its owner's command line, and a clock."""

    def __init__(self, s3: S3Client, secrets: SecretsManagerClient, monkeypatch: pytest.MonkeyPatch) -> None:
        self.s3, self.secrets, self.monkeypatch = s3, secrets, monkeypatch
        self.arn = secrets.create_secret(Name="key", SecretString="k" * 64)["ARN"]
        outputs = {"ResizedBucketName": "resized", "AccessSecretArn": self.arn}
        self.target = Target("darkroom", boto3.Session(), None, outputs, "https://gallery.test/")
        monkeypatch.setattr(commands, "resolve", lambda _place: self.target)
        self.later(0)
        self.let()

    def let(self, view: str = "invited", upload: str = "invited") -> None:
        """Deploys with these parameters."""
        settings = access.Settings("resized", self.arn, view_access=view == "open", upload_access=upload == "open")
        for module in MODULES.values():
            self.monkeypatch.setattr(module, "guard", Guard(lambda: settings))

    def later(self, seconds: float) -> None:
        """Lets time pass."""
        now, monotonic = clock.now(), clock.monotonic()
        self.monkeypatch.setattr(clock, "now", lambda: now + timedelta(seconds=seconds))
        self.monkeypatch.setattr(clock, "monotonic", lambda: monotonic + seconds)

    def run(self, *arguments: str) -> str:
        """Runs a `darkroom` command and returns its output."""
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, done.output
        return done.output

    def invite(self, role: Role, name: str = "Anna", days: int = 30) -> str:
        """Returns the token of a new invitation."""
        return self.run("invite", "--role", role, "--name", name, "--days", str(days)).split("#")[1].split()[0]

    def ask(self, path: str, method: str = "GET", module: Any = gallery, **more: Any) -> http.Response:
        event = {"rawPath": path, "headers": {}, "requestContext": {"http": {"method": method}}, "body": "{}"} | more
        answer: http.Response = module.handle(event, Context())
        return answer

    def status(self, token: str, path: str = "/images") -> tuple[int, str]:
        """Returns the status of a program's request with a token, and the code of its refusal."""
        answer = self.ask(path, headers={"authorization": f"Bearer {token}"})
        return answer["statusCode"], json.loads(answer["body"]).get("code", "")


@pytest.fixture
def house(s3: S3Client, gallery: Wiring, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    access._secrets_client.cache_clear()
    monkeypatch.setattr(door, "settings", lambda: DoorSettings("uploads", 5))
    monkeypatch.setattr(removal, "settings", lambda: removal.Settings("uploads", "resized"))
    yield House(s3, boto3.client("secretsmanager"), monkeypatch)
    access._secrets_client.cache_clear()


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("module", "route"), PATHS, ids=lambda value: f"{value[0]} {value[1]}" if type(value) is tuple else ""
)
def test_a_route_admits_exactly_its_role(house: House, module: str, route: http.Route, level: Role | None) -> None:
    headers = {"authorization": f"Bearer {house.invite(level)}"} if level else {}
    answer = house.ask(route.path.replace("{}", "0" * 26), route.method, MODULES[module], headers=headers)
    admitted = route.role is Role.ANYONE or (level is not None and route.role in level.included())
    if admitted and (route.method, route.path) != ("POST", "/enter"):
        assert answer["statusCode"] not in {401, 403}
    elif admitted:
        assert json.dumps(answer).count("invitation")
    elif level is None and route.path == "/uploads/new":
        assert (answer["statusCode"], answer["headers"]["location"]) == (303, "../enter?to=uploads/new")
    else:
        assert answer["statusCode"] == (401 if level is None else 403)
        assert "X-Amz-Signature" not in answer["body"]


@pytest.mark.parametrize(("view", "upload"), [("open", "invited"), ("invited", "open"), ("open", "open")])
def test_the_parameters_open_looking_and_uploading(house: House, view: str, upload: str) -> None:
    house.let(view, upload)
    assert house.ask("/images")["statusCode"] == (200 if view == "open" else 401)
    wish = json.dumps({"name": "cat.jpg"})
    assert house.ask("/uploads", "POST", door, body=wish)["statusCode"] == (201 if upload == "open" else 401)


def test_an_expired_invitation_ends(house: House) -> None:
    token = house.invite(Role.VIEWER, days=2)
    house.later(2 * 86_400 - 10)
    assert house.status(token) == (200, "")
    house.later(11)
    assert house.status(token) == (401, "invitation-expired")
    house.let(view="open")
    assert house.status(token) == (200, "")  # an expired invitation must not take rights away


def test_a_revoked_invitation_ends_within_a_minute(house: House) -> None:
    anna, bert = house.invite(Role.VIEWER), house.invite(Role.OWNER, "Bert")
    assert house.status(anna) == (200, "")
    assert "Dry run: these 1 would be revoked: Anna" in house.run("revoke", "Anna")
    house.run("revoke", "Anna", "--yes")
    house.later(ACCESS_CACHE_SECONDS + 1)
    assert ACCESS_CACHE_SECONDS < 60
    assert house.status(anna) == (401, "invitation-revoked")
    assert house.status(bert) == (200, "")
    assert [one["name"] for one in json.loads(house.run("invitations", "--json"))] == ["Bert"]
    house.run("revoke", "--all", "--yes")
    house.later(ACCESS_CACHE_SECONDS + 1)
    assert house.status(bert) == (401, "invitation-revoked")


def test_a_rotated_key_locks_nobody_out_and_a_second_rotation_does(house: House) -> None:
    before = house.invite(Role.VIEWER)
    assert house.status(before) == (200, "")
    house.run("rotate-key", "--yes")
    after = house.invite(Role.VIEWER, "Bert")
    assert house.status(after) == (200, "")  # an environment that has read the old key reads again
    house.let()  # a new environment knows the new key first
    assert house.status(before) == (200, "")
    house.run("rotate-key", "--yes", "--lock-out")
    house.let()
    assert house.status(before) == (401, "invitation-invalid")
    assert house.status(after) == (401, "invitation-invalid")


def test_a_forged_token_is_refused_and_costs_two_reads_of_the_key_in_half_a_minute(house: House) -> None:
    reads: list[str] = []
    access._secrets_client().meta.events.register("before-call.secretsmanager", lambda **_: reads.append("read"))
    payload, signature = house.invite(Role.VIEWER).rsplit(".", 1)
    owner = access.sign(access.new_invitation("Eve", Role.OWNER, clock.now() + timedelta(days=1)), "guessed")
    tokens = [f"{payload}.{signature[::-1]}", owner, payload, "a.b", f"{payload[:-2]}AA.{signature}", "x" * 8000]
    for token in tokens:
        assert house.status(token) == (401, "invitation-invalid")
    assert len(reads) <= 3  # one at first, then current and previous


def test_a_signed_token_without_its_object_is_refused(house: House) -> None:
    """The signing key alone is not enough to make an invitation."""
    made_up = access.new_invitation("Eve", Role.OWNER, clock.now() + timedelta(days=1))
    assert house.status(access.sign(made_up, "k" * 64)) == (401, "invitation-revoked")


def test_an_open_gallery_never_reads_the_key(house: House) -> None:
    house.let("open", "open")
    house.secrets.delete_secret(SecretId=house.arn, ForceDeleteWithoutRecovery=True)
    assert house.ask("/")["statusCode"] == 200


def test_trouble_with_the_key_is_a_503(house: House) -> None:
    token = house.invite(Role.VIEWER)
    house.secrets.delete_secret(SecretId=house.arn, ForceDeleteWithoutRecovery=True)
    assert house.status(token) == (503, "access-unavailable")


def enter(house: House, token: str, to: str = "", **headers: str) -> http.Response:
    return house.ask("/enter", "POST", body=urlencode({"token": token, "to": to}), headers=headers)


def test_entering_sets_a_cookie_that_only_this_host_and_no_script_can_read(house: House) -> None:
    link = f"https://gallery.test/enter#{house.invite(Role.VIEWER)}"
    answer = enter(house, link)
    assert (answer["statusCode"], answer["headers"]["location"]) == (303, "./")
    (cookie,) = answer["cookies"]
    assert re.fullmatch(rf"{COOKIE}=[\w.-]+; Max-Age=25\d{{5}}; Path=/; Secure; HttpOnly; SameSite=Lax", cookie)
    pair = cookie.split(";")[0]
    assert COOKIE.startswith("__Host-")
    assert house.ask("/", cookies=["other=1", pair])["statusCode"] == 200
    assert house.ask("/", headers={"cookie": f"other=1; {pair}"})["statusCode"] == 200
    (ended,) = house.ask("/leave", "POST")["cookies"]
    assert ended.startswith(f"{COOKIE}=; Max-Age=0;")


@pytest.mark.parametrize(
    ("to", "location"),
    [
        ("?image=" + "0" * 26, "./?image=" + "0" * 26),
        ("uploads/new", "./uploads/new"),
        ("//evil.test", "./"),
        ("https://evil.test/", "./"),
        ("?image=x", "./"),
        ("../../x", "./"),
    ],
)
def test_entering_leads_within_the_gallery_only(house: House, to: str, location: str) -> None:
    assert enter(house, house.invite(Role.VIEWER), to)["headers"]["location"] == location


def test_another_site_cannot_sign_its_visitors_in(house: House) -> None:
    token = house.invite(Role.VIEWER)
    assert enter(house, token, **{"sec-fetch-site": "cross-site"})["statusCode"] == 403
    assert enter(house, token, **{"sec-fetch-site": "same-origin"})["statusCode"] == 303


def test_without_a_session_the_page_says_how_to_get_in_and_keeps_the_picture(house: House) -> None:
    image = picture(house.s3)
    answer = house.ask("/", queryStringParameters={"image": image})
    assert answer["statusCode"] == 401
    assert "paste it here" in answer["body"]
    assert f'value="?image={image}"' in answer["body"]
    assert "amazonaws" not in answer["body"]
    wrong = enter(house, "nonsense", f"?image={image}")
    assert f'value="?image={image}"' in wrong["body"], "the right invitation leads to the picture"
    assert "evil" not in enter(house, "nonsense", "https://evil.test/")["body"]
    assert (wrong["statusCode"], wrong["headers"]["www-authenticate"]) == (401, "Bearer")
    assert "Copy the whole link." in wrong["body"]


def test_invitations_are_not_pictures(house: House) -> None:
    house.invite(Role.VIEWER)
    house.let("open")
    assert json.loads(house.ask("/images")["body"])["images"] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["revoke"],
        ["revoke", "Anna", "--all"],
        ["revoke", "Nobody", "--yes"],
        ["invite", "--role", "owner", "--name", "/"],
    ],
)
def test_a_command_that_makes_no_sense_says_so(house: House, arguments: list[str]) -> None:
    assert CliRunner().invoke(app, arguments).exit_code == 1
