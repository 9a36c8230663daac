"""Pictures that arrive while a page of the gallery is open. Nothing is deployed."""

from datetime import UTC, datetime, timedelta

from playwright.sync_api import Page, expect

from tests.support.browser import complete, violations
from tests.support.deployed import until
from tests.support.pretended_door import upload
from tests.support.served import Served


def test_pictures_by_others_wait_behind_a_button(tab: Page, gallery: Served) -> None:
    gallery.fill(70)
    tab.clock.install()
    tab.goto(gallery.url)
    complete(tab)
    gallery.fill(3, newest=datetime.now(UTC) + timedelta(hours=1))
    tab.clock.fast_forward(31_000)
    button = tab.get_by_role("button", name="3 new pictures")
    expect(button).to_be_visible()
    assert violations(tab) == []
    assert tab.evaluate("document.querySelectorAll('#grid .picture').length") == 60
    button.click()
    expect(tab.locator("#grid .picture")).to_have_count(63)
    expect(button).to_be_hidden()
    assert tab.evaluate("scrollY") == 0


def test_pictures_that_became_ready_late_are_offered_too(tab: Page, gallery: Served) -> None:
    """The place of a slow upload is between pictures that the visitor has seen already."""
    ids = gallery.fill(70)
    tab.clock.install()
    tab.goto(gallery.url)
    complete(tab)
    [late] = gallery.fill(1, newest=datetime.now(UTC) - timedelta(minutes=30))
    # Two pictures are removed. The newest sixty now include pictures of the second page, and these are not new.
    gallery.store.keys = [key for key in gallery.store.keys if ids[20] not in key and ids[21] not in key]
    tab.clock.fast_forward(31_000)
    button = tab.get_by_role("button", name="1 new picture", exact=True)
    expect(button).to_be_visible()
    gallery.refuse = lambda path: "images?" in path
    button.click()
    expect(tab.locator("#undo")).to_contain_text("The network is gone")
    gallery.refuse = lambda _: False
    button.click()
    expect(tab.locator("#grid .picture").first).to_have_attribute("data-id", late)
    expect(tab.locator("#grid .picture")).to_have_count(61)
    expect(button).to_be_hidden()


def test_an_offer_comes_when_an_earlier_request_failed(tab: Page, gallery: Served) -> None:
    gallery.fill(5)
    tab.clock.install()
    tab.goto(gallery.url)
    complete(tab)
    gallery.fill(1, newest=datetime.now(UTC) + timedelta(hours=1))
    gallery.refuse = lambda path: "images?limit=60" in path
    tab.clock.fast_forward(31_000)
    until(lambda: any("images?limit=60" in path for path in gallery.asked), "a request that fails")
    gallery.refuse = lambda _: False
    tab.clock.fast_forward(60_000)
    expect(tab.get_by_role("button", name="1 new picture", exact=True)).to_be_visible()


def test_done_on_a_page_of_older_pictures_leads_to_the_newest(tab: Page, gallery: Served) -> None:
    """There the picture has its place, and the pictures of the old page stay together."""
    ids = gallery.fill(300)
    upload(tab, gallery, f"{gallery.url}?from={ids[200]}")
    expect(tab).to_have_url(gallery.url)
    expect(tab.locator("#grid .picture")).to_have_count(60)
    expect(tab.locator("#grid .picture").nth(1)).to_have_attribute("data-id", ids[0])


def test_a_tab_that_nobody_touches_asks_less_and_less_and_a_hidden_one_not_at_all(tab: Page, gallery: Served) -> None:
    gallery.fill(5)
    tab.clock.install()
    tab.goto(gallery.url)

    def asked() -> int:
        return sum("images?limit=" in path for path in gallery.asked)

    def hours(count: int) -> int:
        before = asked()
        for _ in range(count * 60):
            tab.clock.fast_forward(60_000)
            tab.wait_for_timeout(5)
        return asked() - before

    assert 8 <= hours(1) <= 16
    assert hours(1) <= 6
    tab.evaluate("Object.defineProperty(document, 'hidden', {get: () => true})")
    tab.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert hours(1) == 0
