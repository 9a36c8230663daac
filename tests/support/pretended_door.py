"""A door, a bucket and a removal that a test only pretends, for galleries of tests/support/served.py."""

import json
import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from playwright.sync_api import Page

from functions.list import page
from shared.keys import Image, new_image_id, rendition_key, upload_key
from shared.renditions import DEFAULT_RENDITIONS
from tests.support.browser import ARRIVES_MS, JPEG, hand_over
from tests.support.http_server import Answer
from tests.support.served import Headers, Served

LONGEST_SECONDS = 60


class Door:
    """Answers for the door, for S3 and for removals: whatever arrives is a picture of the gallery at once."""

    def __init__(self, gallery: Served) -> None:
        self.gallery = gallery
        self.names: dict[str, str] = {}
        self.stored: list[str] = []
        self.removals: list[str] = []
        self.removed: dict[str, list[str]] = {}
        self.can_remove = True
        self.reads = threading.Event()
        """The bucket reads while this is set. Until then, small files are in the buffers of the system."""
        self.reads.set()
        gallery.write = self._answer

    def _answer(self, method: str, path: str, body: Callable[[], bytes]) -> Answer:
        match method, path.split("/")[1:]:
            case "POST", ["uploads"]:
                return self._issue(json.loads(body()))
            case "POST", ["sent"]:
                self.reads.wait(LONGEST_SECONDS)
                return self._store(body().decode("latin-1"))
            case "DELETE", [_, image_id]:
                return self._remove(image_id)
            case "POST", [_, image_id, "restore"]:
                self.gallery.store.keys = sorted(self.gallery.store.keys + self.removed.pop(image_id))
                return _json(200, {})
        return Answer(501)

    def _issue(self, wish: dict[str, str]) -> Answer:
        image_id = new_image_id(datetime.now(UTC))
        self.names[image_id] = wish["name"]
        ticket = {"id": image_id, "url": f"{self.gallery.url}sent", "fields": {"id": image_id}, "receipt": "r"}
        return _json(201, ticket | {"expires_in_seconds": 300})

    def _store(self, sent: str) -> Answer:
        (image_id,) = [one for one in self.names if one in sent]
        image, store = Image(image_id, self.names[image_id]), self.gallery.store
        keys = [rendition_key(box.name, image, 400, 300, "jpg") for box in DEFAULT_RENDITIONS]
        store.keys = sorted(store.keys + keys)
        store.uploads = sorted([*store.uploads, upload_key(image_id, image.name)])
        self.stored.append(image_id)
        return Answer(204)

    def _remove(self, image_id: str) -> Answer:
        self.removals.append(image_id)
        if not self.can_remove:
            return _json(503, {"code": "storage-unavailable", "sentence": "Try again in a moment."})
        store = self.gallery.store
        self.removed[image_id] = [key for key in store.keys if image_id in key]
        if not self.removed[image_id]:
            return _json(404, {"code": "unknown-image", "sentence": "This upload did not arrive."})
        store.keys = [key for key in store.keys if image_id not in key]
        return _json(200, {})


def _json(status: int, body: object) -> Answer:
    return Answer(status, {"Content-Type": "application/json"}, json.dumps(body).encode())


def let_own(gallery: Served) -> Door:
    """Show the page to an owner, and answer for the removals."""
    script = f'<script src="assets/owner.js?v={page.bundle_version("owner.js")}"></script>'

    def own(_: str, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
        body = body.replace(b'data-may="', b'data-may="owner ', 1)
        body = re.sub(rb'(id="select"[^>]*) hidden', rb"\1", body)
        return headers, re.sub(rb'(<template id="later">.*?)(?=</template>)', rb"\g<1>" + script.encode(), body)

    gallery.change = own
    return Door(gallery)


def upload(tab: Page, gallery: Served, address: str) -> None:
    """Opens a page, uploads a picture there and presses Done."""
    Door(gallery)
    tab.goto(address)
    hand_over(tab, "drop", [("Holiday 1.jpg", *JPEG[1:])])
    tab.get_by_role("button", name="Done").click(timeout=ARRIVES_MS)
