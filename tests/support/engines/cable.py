"""A network cable in front of a server, which a test can pull out and put back."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

CHUNK_BYTES = 65536


class Cable:
    """Forwards connections from a port of this machine to another. Without it, no browser but Chromium goes offline."""

    def __init__(self, to_port: int) -> None:
        self.bearer = ""
        """The invitation that each request carries. Its cookie needs TLS, except on this machine in two engines."""
        self._to_port = to_port
        self._whole = True
        self._ends: set[socket.socket] = set()
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def pull(self) -> None:
        """Break every connection, and refuse new ones until `put_back`."""
        self._whole = False
        for end in list(self._ends):
            _close(end)

    def put_back(self) -> None:
        self._whole = True

    def end(self) -> None:
        self.pull()
        _close(self._door)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._door.accept()
                if not self._whole:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._to_port))
                self._ends |= {near, far}
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _signed(self, data: bytes) -> bytes:
        line, end, rest = data.partition(b"\r\n")
        if not self.bearer or not line.endswith(b" HTTP/1.1"):
            return data
        return line + end + f"authorization: Bearer {self.bearer}\r\n".encode() + rest

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                target.sendall(self._signed(data))
        for end in (source, target):
            _close(end)
            self._ends.discard(end)


def _close(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextmanager
def cable_to(port: int) -> Iterator[Cable]:
    """Lay a cable to a server of this machine."""
    cable = Cable(port)
    try:
        yield cable
    finally:
        cable.end()
