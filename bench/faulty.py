"""A proxy before the local engine with the faults of S3 on a bad day."""

import contextlib
import http.client
import itertools
import os
import random
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.killers import PROCESS_MARK

FAILS = 0.10
# The function's read timeout is 10 s.
SLOW_SECONDS, QUICK_SLOW_SECONDS = (1.0, 12.0), (0.2, 2.0)
# A picture takes about ten requests, so about one full batch in six loses its process.
KILL_EVERY, QUICK_KILL_EVERY = 600, 200
_HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive", "content-length"}


class FaultyProxy:
    """Forwards requests to 127.0.0.1:`port`; while `faulty`, one request in ten fails.

    A fault is a 500, a 503, an answer that breaks off in the middle, or an answer after seconds. Half of the failed
    requests are executed nevertheless. Sometimes the proxy kills the requesting process in mid-batch. A killable
    artifact (tests/support/killers.py) names its process in each request.
    """

    def __init__(self, port: int, rng: random.Random, *, quick: bool) -> None:  # noqa: C901  (its handler class is counted in)
        self.faulty = True
        self.done: Counter[str] = Counter()
        proxy = self
        slow_seconds = QUICK_SLOW_SECONDS if quick else SLOW_SECONDS
        kill_every = QUICK_KILL_EVERY if quick else KILL_EVERY
        number = itertools.count(1)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                # Clients close connections when they time out.
                with contextlib.suppress(ConnectionError):
                    super().handle_one_request()

            def __getattr__(self, name: str) -> Callable[[], None]:
                if name.startswith("do_"):  # do_GET, do_PUT and so on
                    return self.handle_any
                raise AttributeError(name)

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                fault = proxy.fault(rng) if proxy.faulty else ""
                undone = rng.random() < 0.5
                if (
                    proxy.faulty
                    and next(number) % kill_every == 0
                    and proxy.kill(self.headers["User-Agent"])
                    and undone
                ):
                    self.close_connection = True
                    return
                if fault in {"500", "503"} and undone:
                    self.answer(int(fault), {"Content-Type": "application/xml"}, b"<Error><Code>Fault</Code></Error>")
                    return
                if fault == "slow":
                    time.sleep(rng.uniform(*slow_seconds))
                try:
                    upstream = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                    upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                    for name, value in self.headers.items():
                        upstream.putheader(name, value)  # including the host, which is signed
                    upstream.endheaders(body)
                    got = upstream.getresponse()
                    content = got.read()
                except OSError:
                    self.close_connection = True
                    return
                if fault in {"500", "503"}:
                    self.answer(int(fault), {"Content-Type": "application/xml"}, b"<Error><Code>Fault</Code></Error>")
                    return
                headers = {name: value for name, value in got.getheaders() if name.lower() not in _HOP_BY_HOP}
                length = got.getheader("Content-Length") if self.command == "HEAD" else None
                self.answer(got.status, headers, content, length, broken=fault == "broken off")

            def answer(
                self, status: int, headers: dict[str, str], body: bytes, length: str | None = None, broken: bool = False
            ) -> None:
                self.send_response_only(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", length or str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body[: len(body) // 2] if broken else body)
                self.close_connection = self.close_connection or broken

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name there)
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def fault(self, rng: random.Random) -> str:
        """Draws the fault for a request, mostly none, and counts it."""
        self.done["S3 requests, faulty and not"] += 1
        fault = rng.choice(["500", "503", "broken off", "slow"]) if rng.random() < FAILS else ""
        if fault:
            self.done[f"S3 {fault}"] += 1
        return fault

    def kill(self, user_agent: str) -> bool:
        """Kills the process that a killable artifact names in `user_agent`; returns whether there was one."""
        named = re.search(rf"app/{PROCESS_MARK}(\d+)", user_agent)
        if named:
            os.kill(int(named[1]), signal.SIGKILL)
            self.done["worker killed in mid-batch"] += 1
        return named is not None

    def close(self) -> None:
        """Stops answering."""
        self._server.shutdown()
        self._server.server_close()
