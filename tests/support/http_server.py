"""Small HTTP servers for tests: a request handler that is silent, and requests that a proxy forwards."""

import http.client
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LOOPBACK = "127.0.0.1"
FORWARD_SECONDS = 60
_HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive", "content-length"}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a request. `length` is the length that the answer to a HEAD declares."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    length: str | None = None


class Handler(BaseHTTPRequestHandler):
    """Hands the requests of every method to `handle_any`. It writes no log, and clients may close their connections."""

    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        """Answer one request."""
        raise NotImplementedError

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):  # do_GET, do_PUT and so on
            return self.handle_any
        raise AttributeError(name)

    def handle_one_request(self) -> None:
        """Handle one request, unless the client is gone."""
        with suppress(ConnectionError, ssl.SSLError):
            super().handle_one_request()

    def body(self) -> bytes:
        """Read the request's body, which may be in chunks."""
        if self.headers.get("Expect") == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def lower_headers(self) -> dict[str, str]:
        """Return the request's headers, their names in lower case."""
        return {name.lower(): value for name, value in self.headers.items()}

    def answer(self, answer: Answer, *, broken_off: bool = False) -> None:
        """Send an answer, to a HEAD without its body. If it is broken off, the second half of the body is missing."""
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        is_head = self.command == "HEAD"
        self.send_header("Content-Length", answer.length if is_head and answer.length else str(len(answer.body)))
        self.end_headers()
        if not is_head:
            self.wfile.write(answer.body[: len(answer.body) // 2] if broken_off else answer.body)
        self.close_connection = self.close_connection or broken_off

    def log_message(self, *_: object) -> None:
        """Write nothing to stderr."""


@contextmanager
def serving(handler: Any) -> Iterator[str]:
    """Serve requests with a class of handlers on this machine; yield the origin."""
    with ThreadingHTTPServer((LOOPBACK, 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{LOOPBACK}:{server.server_port}"
        server.shutdown()


def forwarded(port: int, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """Send a request on to a server on this machine, and return its answer. The host, which is signed, stays.

    Raises OSError or HTTPException if there is no answer.
    """
    upstream = http.client.HTTPConnection(LOOPBACK, port, timeout=FORWARD_SECONDS)
    upstream.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in headers.items():
        if name.lower() not in _HOP_BY_HOP:
            upstream.putheader(name, value)
    upstream.putheader("content-length", str(len(body)))
    upstream.endheaders(body)
    got = upstream.getresponse()
    content = got.read()
    kept = {name: value for name, value in got.getheaders() if name.lower() not in _HOP_BY_HOP}
    return Answer(got.status, kept, content, got.getheader("Content-Length"))
