"""A door and a bucket that a test only pretends, for galleries of tests/support/served.py."""

import json
from datetime import UTC, datetime

from playwright.sync_api import Page, Route

from shared.keys import Image, new_image_id, rendition_key
from shared.renditions import DEFAULT_RENDITIONS
from tests.support.browser import ARRIVES_MS, JPEG, hand_over
from tests.support.served import Served


def take_uploads(tab: Page, gallery: Served) -> None:
    """Answer for the door and S3: whatever is sent is a picture of the gallery at once."""
    names: dict[str, str] = {}

    def issue(route: Route) -> None:
        image_id = new_image_id(datetime.now(UTC))
        names[image_id] = json.loads(route.request.post_data or "")["name"]
        ticket = {"id": image_id, "url": f"{gallery.url}sent", "fields": {"id": image_id}, "receipt": "r"}
        route.fulfill(status=201, json=ticket | {"expires_in_seconds": 300})

    def store(route: Route) -> None:
        sent = (route.request.post_data_buffer or b"").decode("latin-1")
        (image_id,) = [one for one in names if one in sent]
        image = Image(image_id, names[image_id])
        gallery.store.keys += [rendition_key(box.name, image, 400, 300, "jpg") for box in DEFAULT_RENDITIONS]
        gallery.store.keys.sort()
        route.fulfill(status=204)

    tab.route("**/uploads", issue)
    tab.route("**/sent", store)


def upload(tab: Page, gallery: Served, address: str) -> None:
    """Opens a page, uploads a picture there and presses Done."""
    take_uploads(tab, gallery)
    tab.goto(address)
    hand_over(tab, "drop", [("Holiday 1.jpg", *JPEG[1:])])
    tab.get_by_role("button", name="Done").click(timeout=ARRIVES_MS)
