"""Uploads over a network that fails: in Chromium, against the deployed stack."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.browser import (
    ARRIVES_MS,
    JPEG,
    empty,
    hand_over,
    scripted,
    violations,
)
from tests.support.deployed import Stack, until


@pytest.fixture(autouse=True)
def _no_pictures(stack: Stack) -> None:
    empty(stack)


def test_an_upload_survives_a_network_failure_with_the_same_ticket(page: Page, stack: Stack) -> None:
    cut: list[str] = []

    def cable(route: Route) -> None:
        if len(cut) < 2:
            cut.append((route.request.post_data_buffer and route.request.url) or "")
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route(re.compile(stack.upload_bucket), cable)
    page.goto(stack.gallery_url)
    tickets: list[str] = []
    page.on("request", lambda request: tickets.append(request.url) if request.url.endswith("/uploads") else None)
    hand_over(page, "drop", [JPEG])
    expect(page.locator(".card[data-state=ready]")).to_have_count(1, timeout=ARRIVES_MS)
    assert len(cut) == 2
    assert len(tickets) == 1  # the ticket names one key, so no attempt can make a second picture


def test_a_stalled_upload_is_started_again(page: Page, stack: Stack) -> None:
    stuck: list[Route] = []
    page.route(re.compile(stack.upload_bucket), lambda route: route.continue_() if stuck else stuck.append(route))
    page.clock.install()
    page.goto(stack.gallery_url)
    hand_over(page, "drop", [JPEG])
    until(lambda: page.evaluate("document.readyState") and stuck, "upload that stands still")
    page.clock.fast_forward("01:00")
    expect(page.locator(".card[data-state=ready]")).to_have_count(1, timeout=ARRIVES_MS)


def test_an_upload_waits_while_offline_and_continues(page: Page, stack: Stack) -> None:
    page.goto(stack.gallery_url)
    scripted(page)
    page.context.set_offline(True)
    hand_over(page, "drop", [JPEG])
    expect(page.get_by_text("Waiting for the network")).to_be_visible()
    page.context.set_offline(False)
    expect(page.locator(".card[data-state=ready]")).to_have_count(1, timeout=ARRIVES_MS)


def test_a_lost_response_creates_no_second_picture_though_the_next_question_is_lost_too(
    page: Page, stack: Stack
) -> None:
    sent: list[str] = []
    lost: list[str] = []

    def lose_the_answer(route: Route) -> None:
        sent.append(route.request.url)
        route.fetch()
        route.abort("connectionreset")

    def lose_two_questions(route: Route) -> None:
        lost.append(route.request.url)
        route.abort("connectionreset") if len(lost) < 3 else route.continue_()

    page.route(re.compile(stack.upload_bucket), lose_the_answer)
    page.route("**/images?ids=*", lose_two_questions)
    page.goto(stack.gallery_url)
    hand_over(page, "drop", [JPEG])
    expect(page.locator(".card[data-state=ready]")).to_have_count(1, timeout=ARRIVES_MS)
    assert len(sent) == 1
    assert len(stack.keys("thumb/")) == 1


def test_a_failed_upload_can_be_retried(page: Page, stack: Stack) -> None:
    page.route(re.compile(stack.upload_bucket), lambda route: route.abort("connectionreset"))
    page.goto(stack.gallery_url)
    hand_over(page, "drop", [JPEG])
    expect(page.locator(".card[data-state=failed]")).to_have_count(1, timeout=ARRIVES_MS)
    assert violations(page) == []
    page.unroute_all()
    page.get_by_role("button", name="Retry Lake.jpg").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".card[data-state=ready]")).to_have_count(1, timeout=ARRIVES_MS)
    expect(page.locator(".card a")).to_be_focused()


@pytest.mark.parametrize("how", ["drop", "paste"])
def test_files_that_come_before_the_scripts_wait_for_them(page: Page, stack: Stack, how: str) -> None:
    late: list[Route] = []
    page.route("**/assets/uploads.js*", lambda route: route.fallback() if late else late.append(route))
    page.goto(stack.gallery_url, wait_until="commit")
    expect(page.get_by_text("Upload", exact=True)).to_be_visible()
    hand_over(page, how, [JPEG])
    expect(page.get_by_text("The upload begins in a moment.")).to_be_visible()
    assert page.locator(".card").count() == 0
    late[0].fallback()
    expect(page.locator(".card[data-state=ready]")).to_have_count(1, timeout=ARRIVES_MS)


def test_a_script_that_cannot_be_loaded_is_reported(page: Page, stack: Stack) -> None:
    page.route("**/assets/*", lambda route: route.abort("connectionreset"))
    page.goto(stack.gallery_url)
    hand_over(page, "drop", [JPEG])
    expect(page.get_by_text("A part of this page could not be loaded.")).to_be_visible()
    assert violations(page) == []
    page.unroute("**/assets/*")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".card[data-state=ready]")).to_have_count(1, timeout=ARRIVES_MS)
