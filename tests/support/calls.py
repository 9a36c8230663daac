"""Records the AWS calls of this process and of the commands that it starts.

botocore's client-side monitoring (docs.aws.amazon.com/sdkref/latest/guide, "AWS client-side monitoring") sends a
datagram about each call to a port of this machine, in every process that has the environment variables.
"""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from unittest.mock import patch

STOP = b"stop"


@contextmanager
def recorded() -> Iterator[set[str]]:
    """Collects `Service:Operation` of every call that is made meanwhile. Complete when the context has ended."""
    calls: set[str] = set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        receiver.bind(("127.0.0.1", 0))
        listener = Thread(target=_listen, args=(receiver, calls))
        listener.start()
        host, port = receiver.getsockname()
        monitoring = {"AWS_CSM_ENABLED": "true", "AWS_CSM_HOST": host, "AWS_CSM_PORT": str(port)}
        try:
            with patch.dict(os.environ, monitoring):
                yield calls
        finally:
            receiver.sendto(STOP, (host, port))
            listener.join()


def _listen(receiver: socket.socket, calls: set[str]) -> None:
    while (datagram := receiver.recv(65536)) != STOP:
        event = json.loads(datagram)
        if event["Type"] == "ApiCall":
            calls.add(f"{event['Service']}:{event['Api']}")
