"""The real template, built and deployed with `sam` to the local engine with its IAM enforcement on."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, sync_playwright

from ops.local.browser import CHROMIUM_ARGUMENTS, chromium
from tests.support.browser import watch_shifts
from tests.support.deployed import Stack, deployed


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Deploy the Darkroom that most tests share, with the parameters' defaults."""
    with deployed(tmp_path_factory.mktemp("darkroom"), {}) as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
def _no_account_of_this_machine() -> None:
    # A client without an endpoint must fail instead of reaching a real account.
    os.environ.update(AWS_ACCESS_KEY_ID="nobody", AWS_SECRET_ACCESS_KEY="nobody", AWS_CONFIG_FILE=os.devnull)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start Debian's Chromium, or Playwright's if there is none."""
    with sync_playwright() as playwright:
        try:
            opened = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_ARGUMENTS)
        except Error as error:
            pytest.fail(f"There is no browser for tests of the page. Run `scripts/browser.sh`. {error.message}", False)
        yield opened
        opened.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(viewport={"width": 1440, "height": 900})
    opened.grant_permissions(["clipboard-read", "clipboard-write"])
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext, stack: Stack) -> Iterator[Page]:
    """Open a page, and fail if the page violates its own security policy."""
    yield from _watched(context.new_page())


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    """Open a page on a phone with the dark theme."""
    opened = browser.new_context(
        viewport={"width": 390, "height": 844},
        has_touch=True,
        is_mobile=True,
        device_scale_factor=2,
        color_scheme="dark",
    )
    yield from _watched(opened.new_page())
    opened.close()


@pytest.fixture
def scriptless(browser: Browser) -> Iterator[Page]:
    """Open a page without JavaScript."""
    opened = browser.new_context(java_script_enabled=False)
    yield opened.new_page()
    opened.close()


def _watched(page: Page) -> Iterator[Page]:
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if "Content Security" in message.text else None)
    watch_shifts(page)
    yield page
    assert not wrong
