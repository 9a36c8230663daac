"""A proxy in front of the local engine that injects faults of S3."""

import itertools
import os
import random
import re
import signal
import threading
import time
from collections import Counter
from http.server import ThreadingHTTPServer

from tests.support.http_server import LOOPBACK, Answer, Handler, forwarded
from tests.support.killers import PROCESS_MARK

FAILS = 0.10
# The function's read timeout is 10 s.
SLOW_SECONDS, QUICK_SLOW_SECONDS = (1.0, 12.0), (0.2, 2.0)
# A picture takes about ten requests, so about one full batch in six loses its process.
KILL_EVERY, QUICK_KILL_EVERY = 600, 200
_ERROR = b"<Error><Code>Fault</Code></Error>"


class FaultyProxy:
    """Forwards requests to 127.0.0.1:`port`; while `faulty`, one request in ten fails.

    A fault is a 500, a 503, an answer that breaks off in the middle, or an answer after seconds. Half of the failed
    requests are executed nevertheless. Sometimes the proxy kills the requesting process in mid-batch. A killable
    artifact (tests/support/killers.py) names its process in each request.
    """

    def __init__(self, port: int, rng: random.Random, *, quick: bool) -> None:
        self.port, self.rng = port, rng
        self.faulty = True
        self.done: Counter[str] = Counter()
        self.slow_seconds = QUICK_SLOW_SECONDS if quick else SLOW_SECONDS
        self._kill_every = QUICK_KILL_EVERY if quick else KILL_EVERY
        self._number = itertools.count(1)
        self._server = _Server((LOOPBACK, 0), _Handler)
        self._server.proxy = self
        self.url = f"http://{LOOPBACK}:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def fault(self) -> str:
        """Draws the fault for a request, mostly none, and counts it."""
        if not self.faulty:
            return ""
        self.done["S3 requests, faulty and not"] += 1
        fault = self.rng.choice(["500", "503", "broken off", "slow"]) if self.rng.random() < FAILS else ""
        if fault:
            self.done[f"S3 {fault}"] += 1
        return fault

    def kills(self, user_agent: str) -> bool:
        """Kills the process that a killable artifact names in `user_agent`, if it is time. Returns whether it did."""
        if not self.faulty or next(self._number) % self._kill_every:
            return False
        named = re.search(rf"app/{PROCESS_MARK}(\d+)", user_agent)
        if named:
            os.kill(int(named[1]), signal.SIGKILL)
            self.done["worker killed in mid-batch"] += 1
        return named is not None

    def close(self) -> None:
        """Stops answering."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    proxy: FaultyProxy


class _Handler(Handler):
    """Forwards a request, with the fault that the proxy draws for it."""

    def handle_any(self) -> None:
        assert isinstance(self.server, _Server)
        proxy, body = self.server.proxy, self.body()
        fault = proxy.fault()
        undone = proxy.rng.random() < 0.5
        if proxy.kills(self.headers["User-Agent"]) and undone:
            self.close_connection = True
            return
        error = Answer(int(fault), {"Content-Type": "application/xml"}, _ERROR) if fault in {"500", "503"} else None
        if error and undone:
            self.answer(error)
            return
        if fault == "slow":
            time.sleep(proxy.rng.uniform(*proxy.slow_seconds))
        try:
            answer = forwarded(proxy.port, self.command, self.path, self.lower_headers(), body)
        except OSError:
            self.close_connection = True
            return
        self.answer(error or answer, broken_off=fault == "broken off")
