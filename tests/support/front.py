"""AWS's own addresses on this machine: TLS, virtual hosts and CloudFront in front of the local engine.

Programs and browsers reach the front through `proxy_url`, so that they ask for https://BUCKET.s3.REGION.amazonaws.com
and the like, as on AWS. They trust the certificate authority in `authority`, which exists for one test run only.
"""

import contextlib
import selectors
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import httpx
import trustme
from botocore.exceptions import ClientError
from mypy_boto3_s3 import S3Client

from ops.local.engine import REGION, Engine
from tests.support.http_server import Answer, Handler, forwarded

_NAMES = (f"*.{REGION}.amazonaws.com", f"*.s3.{REGION}.amazonaws.com", f"*.execute-api.{REGION}.amazonaws.com",
          "*.s3.amazonaws.com", "s3.amazonaws.com", "*.cloudfront.net", "photos.example.com")  # fmt: skip
_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as the front received it. The names of headers are in lower case."""

    method: str
    host: str
    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Distribution:
    """CloudFront with the template's two origins: the API, and the resized bucket for the paths of `pictures`."""

    domain: str
    api_host: str
    pictures: Sequence[str]
    s3: S3Client
    bucket: str

    def answer(self, asked: Asked, body: bytes, api: Callable[[Asked, bytes], Answer]) -> Answer:
        """Answer as CloudFront does."""
        path = urlsplit(asked.path).path.removeprefix("/")
        if not any(fnmatchcase(path, pattern) for pattern in self.pictures):
            # The origin request policy AllViewerExceptHostHeader.
            headers = {**asked.headers, "host": self.api_host, "via": "2.0 d111111abcdef8.cloudfront.net (CloudFront)"}
            return api(Asked(asked.method, self.api_host, asked.path, headers), body)
        try:
            found = self.s3.get_object(Bucket=self.bucket, Key=unquote(path))  # signed by the origin access control
        except ClientError as error:
            return Answer(error.response["ResponseMetadata"]["HTTPStatusCode"])
        headers = {"Content-Type": found["ContentType"], "Cache-Control": found.get("CacheControl", "")}
        return Answer(200, headers, found["Body"].read())


class Front:
    """The TLS server before an engine, and the proxy that leads there. `asked` has every request."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.asked: list[Asked] = []
        self.distribution: Distribution | None = None
        certified = trustme.CA()
        self.authority = folder / "authority.pem"
        certified.cert_pem.write_to_path(self.authority)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certified.issue_cert(*_NAMES).configure_cert(context)
        self._server = _Server(self, context)
        self._tunnels = _Tunnels(("127.0.0.1", 0), self._server.server_address[1])
        self.proxy_url = f"http://127.0.0.1:{self._tunnels.server_address[1]}"

    def __enter__(self) -> Self:
        for server in (self._server, self._tunnels):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in (self._tunnels, self._server):
            server.shutdown()
            server.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which a function finds AWS here, at its own addresses."""
        return {
            "HTTPS_PROXY": self.proxy_url,
            "AWS_CA_BUNDLE": str(self.authority),
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        }

    def client(self, **options: Any) -> httpx.Client:
        """Make an HTTP client that trusts the authority and nothing else."""
        trusting = ssl.create_default_context(cafile=str(self.authority))
        return httpx.Client(proxy=self.proxy_url, verify=trusting, timeout=_SECONDS, **options)

    def answer(self, asked: Asked, body: bytes) -> Answer:
        """Note a request, and answer it as AWS's service at its host would."""
        self.asked.append(asked)
        if self.distribution and asked.host == self.distribution.domain:
            return self.distribution.answer(asked, body, self._forwarded)
        return self._forwarded(asked, body)

    def _forwarded(self, asked: Asked, body: bytes) -> Answer:
        name, _, service = asked.host.partition(".")
        path = f"/_aws/execute-api/{name}{asked.path}" if service.startswith("execute-api.") else asked.path
        headers = {**asked.headers, "x-forwarded-proto": "https"}
        return forwarded(self.engine.port, asked.method, path, headers, body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, front: Front, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.front = front
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)


class _Handler(Handler):
    """Hands each request to the front."""

    def handle_any(self) -> None:
        body, headers = self.body(), self.lower_headers()
        assert isinstance(self.server, _Server)
        asked = Asked(self.command, headers["host"].partition(":")[0], self.path, headers)
        self.answer(self.server.front.answer(asked, body))


class _Tunnels(socketserver.ThreadingTCPServer):
    """A proxy that leads every CONNECT to the front, whatever host it names."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], port: int) -> None:
        class Tunnel(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                asked = self.rfile.readline()
                while self.rfile.readline().strip():
                    pass
                if not asked.startswith(b"CONNECT "):
                    self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                    return
                with socket.create_connection(("127.0.0.1", port)) as front, contextlib.suppress(OSError):
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                    _join(self.connection, front)

        super().__init__(address, Tunnel)


def _join(one: socket.socket, other: socket.socket) -> None:
    with selectors.DefaultSelector() as ready:
        ready.register(one, selectors.EVENT_READ, other)
        ready.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in ready.select():
                source, target = key.fileobj, key.data
                assert isinstance(source, socket.socket)
                if not (piece := source.recv(65536)):
                    return
                target.sendall(piece)
