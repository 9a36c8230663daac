"""A receiver of webhooks on this machine, and the settings to post to it."""

import base64
import socket
import time
from dataclasses import dataclass, field

OLD, NEW = (f"whsec_{base64.b64encode(letter * 32).decode()}" for letter in (b"o", b"n"))
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def answer(status: int, body: bytes = b"no_service", **headers: str) -> bytes:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} Any\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode() + body


@dataclass
class Receiver:
    """A server on 127.0.0.1 that sends the parts of `answer`, `pause_seconds` apart, and keeps each request."""

    listener: socket.socket
    answer: list[bytes] = field(default_factory=lambda: [OK])
    pause_seconds: float = 0
    posted: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}/hook?a=1"

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                try:
                    self._keep(connection)
                    for part in self.answer:
                        connection.sendall(part)
                        time.sleep(self.pause_seconds)
                except OSError:
                    continue

    def _keep(self, connection: socket.socket) -> None:
        read = b""
        while b"\r\n\r\n" not in read:
            read += connection.recv(65536)
        head, _, body = read.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        while len(body) < int(headers["Content-Length"]):
            body += connection.recv(65536)
        self.posted.append(({name.lower(): value for name, value in headers.items()}, body))


def environ(receiver: Receiver) -> dict[str, str]:
    """Return the settings that post to `receiver`."""
    return {"WEBHOOK_URL": receiver.url, "WEBHOOK_SECRET": OLD, "PRIVATE_RECEIVER": "true"}
