"""A closed gallery on the local engine: an invitation on a phone, a session, a program's upload, a revocation."""

import subprocess
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from shared.limits import ACCESS_CACHE_SECONDS
from tests.support.browser import ARRIVES_MS, JPEG, fill, hand_over, violations
from tests.support.deployed import DARKROOM, Stack, deployed, until


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
        assert httpx.request(method, gallery + path).status_code == 401
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
