"""A closed gallery on the local engine: invitations on a phone and in programs, their end, another site, attempts."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from bench.attempts import QUICK_KINDS
from bench.attempts_over_http import Closed, Count
from ops.access import issue
from shared import clock
from shared.access import COOKIE, Role
from shared.limits import ACCESS_CACHE_SECONDS
from tests.support.browser import ARRIVES_MS, JPEG, fill, hand_over, violations
from tests.support.cors import api_gateway, site
from tests.support.deployed import DARKROOM, Stack, deployed, until
from tests.support.template import ROOT
from tests.support.uploads import picture


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    parameters = {"ViewAccess": "invited", "UploadAccess": "invited"}
    with deployed(tmp_path_factory.mktemp("closed"), parameters) as running:
        yield running


def darkroom(closed: Stack, *arguments: str) -> str:
    command = [DARKROOM, *arguments, "--folder", str(closed.engine.folder)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def link(closed: Stack, role: str, name: str) -> str:
    return darkroom(closed, "invite", "--role", role, "--name", name).split()[0]


def test_a_stranger_gets_nothing_and_a_program_with_an_invitation_uploads(closed: Stack) -> None:
    gallery = closed.gallery_url
    for method, path in (("GET", ""), ("GET", "images"), ("POST", "uploads")):
        assert httpx.request(method, gallery + path, timeout=60).status_code == 401
    invited = {"authorization": f"Bearer {link(closed, 'uploader', 'Program').split('#')[1]}"}
    asked = httpx.post(f"{gallery}uploads", json={"name": "cat.jpg"}, headers=invited)
    assert asked.status_code == 201, asked.text
    ticket = asked.json()
    assert httpx.post(ticket["url"], data=ticket["fields"], files={"file": JPEG[2]}).status_code == 204
    closed.thumb_of(ticket["id"])
    assert [image["id"] for image in httpx.get(f"{gallery}images", headers=invited).json()["images"]] == [ticket["id"]]


def test_an_invitation_opened_on_a_phone_leads_to_the_picture_and_ends_when_revoked(closed: Stack, phone: Page) -> None:
    image = fill(closed, 2)[0]
    phone.goto(f"{closed.gallery_url}?image={image}")
    expect(phone.get_by_role("heading", name="A private gallery")).to_be_visible()
    assert violations(phone) == []
    invitation = link(closed, "uploader", "Anna")
    phone.goto(invitation)
    expect(phone.get_by_role("heading", name="Holiday 1")).to_be_visible(timeout=ARRIVES_MS)
    token = invitation.split("#")[1]
    assert phone.url == f"{closed.gallery_url}?image={image}"
    assert token not in phone.evaluate("document.cookie + JSON.stringify(localStorage) + document.referrer")
    phone.go_back()
    assert token not in phone.url
    phone.goto(closed.gallery_url)
    hand_over(phone, "drop", [JPEG])
    expect(phone.locator(".card[data-state=ready]")).to_have_count(1, timeout=ARRIVES_MS)

    darkroom(closed, "revoke", "Anna", "--yes")

    def refused() -> bool:
        phone.reload()
        return phone.get_by_text("Your invitation was revoked").is_visible()

    until(refused, "end of the session", seconds=2 * ACCESS_CACHE_SECONDS)


def test_an_expired_invitation_says_so_on_a_phone(closed: Stack, phone: Page) -> None:
    token = issue(closed.target, "Berta", Role.VIEWER, clock.now() - timedelta(seconds=1))
    phone.goto(f"{closed.gallery_url}enter#{token}")
    expect(phone.get_by_text("Your invitation has expired. Ask for a new one.")).to_be_visible(timeout=ARRIVES_MS)
    assert token not in phone.url
    assert violations(phone) == []
    phone.goto(closed.gallery_url)
    expect(phone.get_by_role("heading", name="A private gallery")).to_be_visible()


def test_the_upload_command_needs_an_invitation_and_works_with_one(closed: Stack, tmp_path: Path) -> None:
    (tmp_path / "cat.jpg").write_bytes(picture())
    command = [DARKROOM, "upload", str(tmp_path / "cat.jpg"), "--wait", "--folder", str(closed.engine.folder)]
    environment = {name: value for name, value in os.environ.items() if name != "DARKROOM_INVITATION"}
    refused = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert refused.returncode == 1
    assert "not-invited" in refused.stdout
    environment["DARKROOM_INVITATION"] = link(closed, "uploader", "Command")
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 uploaded" in done.stdout


def test_the_curl_line_of_the_readme_uploads_with_an_invitation(closed: Stack, tmp_path: Path) -> None:
    (tmp_path / "cat.jpg").write_bytes(picture())
    (line,) = re.findall(r"^curl .*INVITATION.*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    token = link(closed, "uploader", "Curl").split("#")[1]
    environment = os.environ | {"INVITATION": token, "GALLERY": closed.gallery_url.rstrip("/")}
    done = subprocess.run(
        line, shell=True, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    ).stdout
    closed.thumb_of(re.findall(r"image (\w+)", done)[0])


def test_neither_key_nor_token_is_in_logs_or_environment_variables(closed: Stack) -> None:
    token = link(closed, "viewer", "Logged").split("#")[1]
    headers = {"authorization": f"Bearer {token}", "cookie": f"{COOKIE}={token}"}
    httpx.get(f"{closed.gallery_url}images", headers=headers).raise_for_status()
    until(lambda: closed.log_lines("darkroom-list", "REPORT"), "the request's log lines")
    groups = [group["logGroupName"] for group in closed.logs.describe_log_groups()["logGroups"]]
    logged = [closed.logs.filter_log_events(logGroupName=group)["events"] for group in groups]
    functions = closed.client("lambda").list_functions()["Functions"]
    everything = json.dumps([logged, [one["Environment"] for one in functions]])
    assert "darkroom-list" in everything
    secret = closed.client("secretsmanager").get_secret_value(SecretId=closed.outputs["AccessSecretArn"])[
        "SecretString"
    ]
    assert secret not in everything
    assert token not in everything


@pytest.mark.parametrize("allowed", [True, False], ids=["an allowed site", "another site"])
def test_a_page_of_another_site_uploads_only_if_its_origin_is_allowed(
    closed: Stack, phone: Page, tmp_path: Path, allowed: bool
) -> None:
    (tmp_path / "from elsewhere.jpg").write_bytes(picture())
    token = link(closed, "uploader", "Site").split("#")[1]
    with (
        site(ROOT / "examples" / "embed") as origin,
        api_gateway(closed.gallery_url, origin if allowed else "https://www.example.com") as api,
    ):
        phone.goto(f"{origin}/index.html?gallery={api}&invitation={token}")
        phone.get_by_label("Picture").set_input_files(tmp_path / "from elsewhere.jpg")
        said = "from elsewhere is in the gallery" if allowed else "Failed to fetch"
        expect(phone.get_by_role("status")).to_have_text(said, timeout=ARRIVES_MS)


@pytest.fixture(scope="module")
def attacked(closed: Stack) -> Closed:
    return Closed(closed, [], 0)


@pytest.mark.parametrize(
    "kind",
    QUICK_KINDS,
    ids=lambda kind: kind.__name__,
)
def test_no_attempt_without_permission_succeeds(attacked: Closed, kind: Callable[[Closed], Count]) -> None:
    count = kind(attacked)
    assert count.got_in + count.errors == []
    assert count.refused
