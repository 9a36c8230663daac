"""Tabs that stay open longer than the addresses of their pictures."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import escape, unescape
from urllib.parse import unquote, urlsplit

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from functions.list import presign
from ops.local.engine import REGION
from tests.e2e.test_door_policy import LAMBDA_ALONE, as_role
from tests.support.browser import complete, empty, fill, violations
from tests.support.deployed import Stack, until

PRESIGNED = re.compile(r"http[^\", ]+X-Amz-[^\", ]+")


@pytest.fixture(autouse=True)
def _no_pictures(stack: Stack) -> None:
    empty(stack)


def expired(stack: Stack) -> Callable[[str], str]:
    """Return a function from a presigned URL to the same URL with the gallery's signature of three hours ago."""
    session = as_role(stack, "list").get_credentials()
    assert session
    credentials = presign.Credentials(session.access_key or "", session.secret_key or "", session.token)

    def sign(url: str) -> str:
        parts = urlsplit(url)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        place = presign.Place(f"{parts.scheme}://{parts.netloc}", f"/{bucket}/", REGION)
        return presign.presigner(place, credentials, datetime.now(UTC) - timedelta(hours=3))(key)

    return sign


def grow_old(page: Page, stack: Stack) -> None:
    """Let the gallery's pages have addresses of pictures that ended, until they are renewed."""
    old = expired(stack)

    def answer(route: Route) -> None:
        fetched = route.fetch()
        route.fulfill(response=fetched, body=PRESIGNED.sub(lambda url: escape(old(unescape(url[0]))), fetched.text()))

    page.route(re.compile(re.escape(stack.gallery_url) + r"(\?image=\w+)?$"), answer)


def delayed(page: Page, image_id: str) -> list[Route]:
    """Hold the first request for a file of a picture; return the list that it will be in."""
    held: list[Route] = []
    page.route(re.compile(f"{image_id}.*X-Amz-"), lambda route: route.fallback() if held else held.append(route))
    return held


@LAMBDA_ALONE
def test_pictures_of_an_old_tab_get_fresh_addresses_in_one_request(page: Page, stack: Stack) -> None:
    ids = fill(stack, 12)
    old = expired(stack)
    first = httpx.get(f"{stack.gallery_url}images?limit=1").json()["images"][0]["thumb"]["url"]
    assert httpx.get(first).status_code == 200
    assert httpx.get(old(first)).status_code == 403

    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/images?" in request.url else None)
    grow_old(page, stack)
    page.goto(stack.gallery_url)
    complete(page)
    assert len(asked) == 1

    # A view in the viewer. Its address on the page is equally old.
    page.get_by_role("link", name="Holiday 3", exact=True).click()
    until(lambda: page.evaluate("view.naturalWidth > 1000"), "the view")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.path().read_bytes().startswith(b"\xff\xd8")
    page.goto(f"{stack.gallery_url}?image={ids[4]}")
    until(lambda: page.evaluate("view.naturalWidth > 1000"), "the view of a link")

    # Without the network there is a sentence. On return to the tab the page tries again.
    page.route("**/images?*", lambda route: route.abort("connectionfailed"))
    page.goto(stack.gallery_url)
    expect(page.get_by_text("The network is gone.")).to_be_visible()
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    assert violations(page) == []
    page.unroute("**/images?*")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    complete(page)


@LAMBDA_ALONE
def test_pictures_get_fresh_addresses_while_the_page_is_still_loading(page: Page, stack: Stack) -> None:
    late = delayed(page, fill(stack, 12)[0])
    grow_old(page, stack)
    page.goto(stack.gallery_url, wait_until="commit")
    shown = "[...document.querySelectorAll('#grid img')].filter(img => img.complete && img.naturalWidth > 1).length"
    until(lambda: page.evaluate(shown) == 11, "every picture but the late one")
    assert page.evaluate("document.readyState") == "interactive"
    late[0].fulfill(status=403)
    page.wait_for_load_state()
    complete(page)


@LAMBDA_ALONE
def test_a_picture_that_fails_late_is_renewed_by_the_same_request(page: Page, stack: Stack) -> None:
    late = delayed(page, fill(stack, 12)[11])
    grow_old(page, stack)
    asked: list[Route] = []
    page.route("**/images?*", lambda route: asked.append(route))
    page.goto(stack.gallery_url, wait_until="commit")
    until(lambda: page.evaluate("renewing") and asked and late, "the request for fresh addresses")
    late[0].fulfill(status=403)
    until(lambda: page.evaluate("stale.size"), "the late failure")
    asked[0].continue_()
    complete(page)
    until(lambda: not page.evaluate("renewing"), "the end of the renewal")
    assert len(asked) == 1
    expect(page.locator("#undo")).to_be_hidden()


def test_a_return_during_a_failing_request_asks_again(page: Page, stack: Stack) -> None:
    fill(stack, 12)
    asked: list[Route] = []
    page.route("**/*X-Amz-*", lambda route: route.fulfill(status=403))
    page.route("**/images?*", lambda route: route.fallback() if asked else asked.append(route))
    page.goto(stack.gallery_url)
    until(lambda: page.evaluate("renewing") and asked, "the request for fresh addresses")
    page.unroute("**/*X-Amz-*")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    asked[0].abort("connectionfailed")
    complete(page)


def test_pictures_under_way_survive_a_second_renewal(page: Page, stack: Stack) -> None:
    ids = fill(stack, 12)
    renewed: list[str] = []
    held: list[Route] = []
    page.on("response", lambda answer: renewed.append(answer.url) if "/images?" in answer.url else None)

    # One picture fails again with its fresh address while others are still under way.
    def answer(route: Route) -> None:
        if not renewed or ids[0] in route.request.url:
            route.fulfill(status=403)
        else:
            held.append(route)

    page.route("**/*X-Amz-*", answer)
    page.goto(stack.gallery_url)
    expect(page.get_by_text("Some pictures could not be loaded.")).to_be_visible()
    until(lambda: page.evaluate("1") and held, "pictures under way")
    page.unroute("**/*X-Amz-*")
    page.get_by_role("button", name="Try again").click()
    complete(page)
