"""The real template, built and deployed with `sam` to the local engine with its IAM enforcement on."""

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, sync_playwright

from ops.deployment.buckets import empty
from ops.local.browser import CHROMIUM_ARGUMENTS, chromium
from tests.support.browser import watch_shifts
from tests.support.deployed import Stack, deployed, stack_on_aws
from tests.support.missing import missing
from tests.support.served import Served, served

LEFT_OUT = pytest.StashKey[dict[str, list[str]]]()
NO_STACK = "uses no stack, or deploys another one"


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Stack]:
    """Deploy the Darkroom that most tests share, with the parameters' defaults; or use the stack of `--stack`."""
    if name := pytestconfig.getoption("--stack"):
        running = stack_on_aws(name, pytestconfig.getoption("--region"))
        closed = [
            method
            for method, path in (("GET", "images"), ("POST", "uploads"))
            if httpx.request(method, running.gallery_url + path, timeout=30).status_code == httpx.codes.UNAUTHORIZED
        ]
        if closed:
            pytest.exit(f"Stack {name} needs ViewAccess=open and UploadAccess=open: the tests have no invitation.", 1)
        buckets = (running.upload_bucket, running.resized_bucket)
        if any(running.keys("", bucket) for bucket in buckets):
            pytest.exit(f"Stack {name} has pictures, and the tests delete all pictures. Use a stack without any.", 1)
        yield running
        for bucket in buckets:
            empty(running.s3, bucket)
        return
    with deployed(tmp_path_factory.mktemp("darkroom"), {}) as running:
        yield running


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `--stack`, leave out the tests that make no sense on AWS, and remember why."""
    if not config.getoption("--stack"):
        return
    reasons = {item: _reason(item) for item in items if item.path.is_relative_to(Path(__file__).parent)}
    config.hook.pytest_deselected(items=[item for item, reason in reasons.items() if reason])
    left_out: dict[str, list[str]] = config.stash.setdefault(LEFT_OUT, {})
    for item, reason in reasons.items():
        if reason:
            left_out.setdefault(reason, []).append(item.nodeid)
    items[:] = [item for item in items if not reasons.get(item)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for reason, tests in config.stash.get(LEFT_OUT, {}).items():
        terminalreporter.section(f"left out: {reason}")
        for test in tests:
            terminalreporter.write_line(test)


def _reason(item: pytest.Item) -> str:
    """Say why a test makes no sense on a stack on AWS; empty if it does."""
    if mark := item.get_closest_marker("local_only"):
        return str(mark.args[0])
    # A module that deploys a Darkroom with other settings defines its own fixture `stack`.
    definitions = item._fixtureinfo.name2fixturedefs.get("stack", ())  # type: ignore[attr-defined]
    return "" if definitions and definitions[-1].baseid == "tests/e2e" else NO_STACK


@pytest.fixture(scope="session", autouse=True)
def _no_account_of_this_machine(pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("--stack"):
        return
    # A client without an endpoint must fail instead of reaching a real account.
    os.environ.update(AWS_ACCESS_KEY_ID="nobody", AWS_SECRET_ACCESS_KEY="nobody", AWS_CONFIG_FILE=os.devnull)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start Debian's Chromium, or Playwright's if there is none."""
    try:
        playwright = sync_playwright().start()
    except Exception as error:  # a plain Exception
        missing(f"Playwright's driver does not start here. As root: `apt install libatomic1`. {error}")
    try:
        opened = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_ARGUMENTS)
    except Error as error:
        playwright.stop()
        missing(f"Chromium does not start here. Run `scripts/browser.sh`. {error.message.splitlines()[0]}")
    yield opened
    opened.close()
    playwright.stop()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(viewport={"width": 1440, "height": 900})
    opened.grant_permissions(["clipboard-read", "clipboard-write"])
    yield opened
    # Closing a page sends the requests that a test holds back, and the next test would find their pictures. Leaving the
    # page cancels them.
    for page in opened.pages:
        page.goto("about:blank")
    opened.close()


@pytest.fixture
def gallery() -> Iterator[Served]:
    """Serve an empty gallery without a deployment."""
    with served() as running:
        yield running


@pytest.fixture
def tab(context: BrowserContext) -> Iterator[Page]:
    """A tab for `gallery`. The test fails if the page has an error in a script."""
    wrong: list[str] = []
    opened = context.new_page()
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    yield opened
    assert not wrong


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
