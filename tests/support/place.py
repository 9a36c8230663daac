"""Where a visitor is in the grid."""

from datetime import UTC, datetime, timedelta

from playwright.sync_api import Locator, Page

from tests.support.deployed import until
from tests.support.served import Served

# The first picture below the header, and the address that names it.
FIRST = "[...document.querySelectorAll('#grid .picture')].find(p => p.getBoundingClientRect().bottom > 68)"
NAMED = f"location.search === '?from=' + {FIRST}.dataset.id"


def first_in_window(tab: Page) -> tuple[str, int]:
    """Returns the name of the first visible picture, and its distance in pixels from the top of the window."""
    name, top = tab.evaluate(f"(p => [p.querySelector('img').alt, p.getBoundingClientRect().top])({FIRST})")
    return str(name), round(top)


def scroll(tab: Page, to_px: int) -> tuple[str, int]:
    """Scrolls until the page is at this height, waits for its address, and returns the first picture in the window."""

    def there() -> bool:
        tab.evaluate(f"scrollTo(0, {to_px})")
        tab.wait_for_timeout(100)
        return bool(tab.evaluate(f"Math.abs(scrollY - {to_px}) < 2"))

    until(there, f"scroll position {to_px}")
    until(lambda: tab.evaluate(NAMED), "address of the place")
    return first_in_window(tab)


def offered(tab: Page, gallery: Served) -> Locator:
    """Add a picture to the gallery, and return the button that offers it. The tab has a pretended clock."""
    gallery.fill(1, newest=datetime.now(UTC) + timedelta(hours=1))
    button = tab.get_by_role("button", name="1 new picture", exact=True)

    def visible() -> bool:
        tab.clock.run_for(10_000)
        return button.is_visible()

    until(visible, "the offer")
    return button
