"""The local engine gives each invocation all the lines that its function wrote."""

import io
import threading
import zipfile
from collections.abc import Iterator

import pytest
from ministack.core.lambda_runtime import Worker

from ops.local import engine_logs

LINES = 30
HANDLER = f"""
import sys

def handle(event, context):
    for number in range({LINES}):
        print(f"line {{number}} {{'.' * 200}}")
    if event == "exit":
        sys.stderr.write("last words")
        sys.stderr.flush()
        raise SystemExit
"""


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("handler.py", HANDLER)
    return file.getvalue()


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the thread that follows the output come too late, as on a busy machine."""
    done = threading.Event()
    monkeypatch.setattr(engine_logs.Output, "wait", lambda _: done.wait())
    yield
    done.set()


@pytest.fixture
def worker() -> Iterator[Worker]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_read_stderr", "_drain_stderr", "_drain_stderr_bounded"):
            patch.setattr(Worker, name, getattr(Worker, name))
        engine_logs.install()
        arn = "arn:aws:lambda:us-east-1:000000000000:function:f"
        config = {
            "FunctionName": "f",
            "FunctionArn": arn,
            "Runtime": "python3.13",
            "Handler": "handler.handle",
            "Timeout": 60,
        }
        worker = Worker("f", config, zipped())
        yield worker
        worker.kill()


def numbers(log: str) -> list[int]:
    return [int(line.split()[1]) for line in log.splitlines() if line.startswith("line ")]


@pytest.mark.usefixtures("late")
def test_every_line_before_the_answer_belongs_to_the_invocation(worker: Worker) -> None:
    for request in range(3):
        answer = worker.invoke(None, str(request))
        assert answer["status"] == "ok"
        assert numbers(answer["log"]) == list(range(LINES))


@pytest.mark.usefixtures("late")
def test_the_last_words_of_a_process_are_kept(worker: Worker) -> None:
    answer = worker.invoke("exit", "1")
    assert answer["status"] == "error"
    assert numbers(answer["log"]) == list(range(LINES))
    assert answer["log"].endswith("last words")
