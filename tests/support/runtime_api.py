"""Lambda's runtime API on loopback, and a function's process with AWS's own runtime client in front of the handler."""

import json
import queue
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.http_server import Answer, Handler

TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
ANSWER_SECONDS = 120
# AWS's runtime has these beside the function: the client, and the client's packages.
_CLIENT = ("awslambdaric", "runtime_client*.so", "simplejson", "snapshot_restore_py.py")
# Lambda's file system is read-only, except for /tmp.
_START = """
import os, runpy, sys
sys.path[:0] = {path!r}

def refuse(event, args):
    if event == "open":
        path, mode, flags = args
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    else:
        path, writes = args[0], event in {{"os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.chmod"}}
    if writes and isinstance(path, str | bytes) and not os.fsdecode(path).startswith(("/tmp/", "/dev/", "/proc/")):
        raise OSError(30, "Read-only file system", path)

sys.addaudithook(refuse)
sys.argv[1:] = [os.environ["_HANDLER"]]
runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)
"""


@dataclass
class RuntimeApi:
    """The API that a function's process asks for its next invocation, and to which it answers."""

    invocations: "queue.Queue[tuple[dict[str, Any], float]]" = field(default_factory=queue.Queue)
    answers: "queue.Queue[tuple[str, Any]]" = field(default_factory=queue.Queue)
    address: str = ""

    def invoke(self, event: dict[str, Any], seconds: float) -> tuple[str, Any]:
        """Invoke the function with so many seconds left. Return `response` or `error`, and its body."""
        self.invocations.put((event, seconds))
        return self.answers.get(timeout=ANSWER_SECONDS)


class _Handler(Handler):
    api: RuntimeApi

    def handle_any(self) -> None:
        """Give the next invocation to a GET, and take the answer to an invocation from a POST."""
        if self.command == "GET":
            self._give()
        else:
            self._take()

    def _give(self) -> None:
        event, seconds = self.api.invocations.get()
        headers = {
            "Lambda-Runtime-Aws-Request-Id": str(uuid.uuid4()),
            "Lambda-Runtime-Deadline-Ms": str(round((time.time() + seconds) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:000000000000:function:darkroom",
            "Lambda-Runtime-Trace-Id": TRACE,
            "Content-Type": "application/json",
        }
        self.answer(Answer(200, headers, json.dumps(event).encode()))

    def _take(self) -> None:
        body = self.body()
        self.api.answers.put((self.path.rsplit("/", 1)[-1], json.loads(body) if body else None))
        self.answer(Answer(202))


@contextmanager
def running(
    python: Path, handler: str, path: Sequence[Path], environment: Mapping[str, str], folder: Path
) -> Iterator[RuntimeApi]:
    """Run a function's process on the interpreter `python` with the artifact's folders as `path`, until the end."""
    api = RuntimeApi()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"api": api}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    api.address = f"127.0.0.1:{server.server_address[1]}"
    code = _START.format(path=[*map(str, path), str(_client(folder))])
    lambdas = {
        "_HANDLER": handler,
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_NAME": "darkroom-test",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/darkroom-test",
        "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "LAMBDA_TASK_ROOT": str(path[0]),
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
    }
    process = subprocess.Popen([python, "-S", "-P", "-c", code], env={**lambdas, **environment}, cwd=path[0])
    try:
        yield api
    finally:
        process.kill()
        process.wait()
        server.shutdown()
        server.server_close()


def _client(folder: Path) -> Path:
    """Return a folder with AWS's runtime client alone, without the other packages of this environment."""
    site = Path(sys.prefix, "lib", f"python{sys.version_info.major}.{sys.version_info.minor}", "site-packages")
    client = folder / "runtime"
    client.mkdir(exist_ok=True)
    for pattern in _CLIENT:
        for found in site.glob(pattern):
            link = client / found.name
            if not link.exists():
                link.symlink_to(found)
    return client
