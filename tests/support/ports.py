"""Free TCP ports for servers that tests and benches start."""

import socket


def free_port() -> int:
    """Return a port of 127.0.0.1 that no process uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
