"""The gallery's handler behind a small web server: pages of any number of pictures, without a deployment.

A test changes `store.keys` while the page is open, and `refuse` makes requests fail. Without a `write`, nobody can
upload or remove here.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl, unquote, urlsplit

from functions.list import handler
from functions.list.gallery import read
from functions.list.settings import Settings, Wiring
from shared.access import Guard
from shared.access import Settings as AccessSettings
from shared.keys import Image, new_image_id, rendition_key
from shared.renditions import DEFAULT_RENDITIONS
from shared.storage import s3_client
from tests.support.browser import rendered
from tests.support.context import Context
from tests.support.http_server import Answer, Handler
from tests.support.store import Store

SEEDS = 6
BOXES = {box.name: box.width_px for box in DEFAULT_RENDITIONS}
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nobody",
    "AWS_SESSION_TOKEN": "none",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}

type Headers = dict[str, str]


class Served:
    """A gallery at `url`. Its pictures are the keys in `store`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.store = Store()
        self.asked: list[str] = []
        self.seeds = SEEDS
        """The number of different pictures."""
        self.refuse: Callable[[str], bool] = lambda _: False
        """Says whether a request with this path and query gets no answer."""
        self.change: Callable[[str, Headers, bytes], tuple[Headers, bytes]] = lambda _, headers, body: (headers, body)
        """Changes the headers and the body of the answer to a path."""
        self.write: Callable[[str, str, Callable[[], bytes]], Answer] = lambda *_: Answer(501)
        """Answers other methods than GET. It gets the method, the path, and a function that reads the body."""

    def fill(
        self,
        count: int,
        *,
        minutes_apart: float = 7,
        newest: datetime | None = None,
        sizes: Sequence[tuple[int, int]] = (),
    ) -> list[str]:
        """Put pictures into the gallery, and return their ids, newest first. Their `sizes` repeat."""
        newest = newest or datetime.now(UTC)
        ids = []
        for n in range(count):
            image = Image(new_image_id(newest - timedelta(minutes=minutes_apart * n + 1)), f"Holiday {n + 1}.jpg")
            width, height = sizes[n % len(sizes)] if sizes else rendered(n % self.seeds, 400, grain=False)[1]
            # The name's number tells the server which picture to draw.
            self.store.keys += [rendition_key(box.name, image, width, height, "jpg") for box in DEFAULT_RENDITIONS]
            ids.append(image.id)
        self.store.keys.sort()
        return ids


@contextmanager
def served() -> Iterator[Served]:
    """Serve an empty gallery that is open to everybody."""
    server = _Server(("127.0.0.1", 0), _Requests)
    url = f"http://127.0.0.1:{server.server_port}/"
    server.gallery = gallery = Served(url)
    with patch.dict("os.environ", ENVIRONMENT):
        s3_client.cache_clear()
        s3 = s3_client()
        s3.meta.events.register("before-send.s3", gallery.store.answer)  # type: ignore[arg-type]
        wired = Wiring(Settings("resized", "uploads", 50, pictures_url=url.rstrip("/")), s3)
        guard = Guard(lambda: AccessSettings("resized", view_access=True, upload_access=True))
        with patch.object(handler, "wiring", lambda: wired), patch.object(handler, "guard", guard):
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield gallery
            server.shutdown()
        s3_client.cache_clear()


class _Server(ThreadingHTTPServer):
    gallery: Served

    def handle_error(self, *_: object) -> None:
        """A browser that goes elsewhere breaks its connections."""


class _Requests(Handler):
    def handle_any(self) -> None:
        assert isinstance(self.server, _Server)
        gallery = self.server.gallery
        if self.command != "GET":
            self.answer(gallery.write(self.command, self.path, self._whole_body))
            return
        gallery.asked.append(self.path)
        if gallery.refuse(self.path):
            self.close_connection = True
            return
        url = urlsplit(self.path)
        rendition = url.path.split("/")[1]
        if rendition in BOXES:
            number = int(read(unquote(url.path[1:])).stem.split()[-1])
            body, _ = rendered((number - 1) % gallery.seeds, BOXES[rendition], grain=False)
            self._send(200, {"content-type": "image/jpeg", "cache-control": "max-age=3600"}, body)
            return
        event: dict[str, Any] = {
            "rawPath": url.path,
            "headers": self.lower_headers() | {"accept-encoding": ""},
            "requestContext": {"http": {"method": "GET"}},
            "queryStringParameters": dict(parse_qsl(url.query)),
        }
        answer = handler.handle(event, Context())
        self._send(answer["statusCode"], answer["headers"], answer["body"].encode())

    def _whole_body(self) -> bytes:
        body = self.body()
        if len(body) < int(self.headers.get("Content-Length", 0)):
            raise ConnectionAbortedError
        return body

    def _send(self, status: int, headers: Headers, body: bytes) -> None:
        assert isinstance(self.server, _Server)
        headers, body = self.server.gallery.change(self.path, headers, body)
        self.answer(Answer(status, headers, body))
