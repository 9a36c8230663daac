"""A deployed Darkroom in one trouble, with the commands of its operator and the faults that a test causes."""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx

from tests.support.deployed import DARKROOM, Stack, until
from tests.support.killers import CRASHES, HANGS, OUT_OF_MEMORY
from tests.support.pictures import plain_jpeg

RESIZER = "darkroom-resize"
# The variable RELEASE says which code is deployed. Without it, the decoder ends at marked pictures.
RELEASES = f"""

release = os.environ.get("RELEASE", "")
if release == "buggy":
    def resize(upload):
        raise ValueError("a bug")
if release == "without a renderer":
    renderer.stop()
    renderer._process._module = "functions.resize.no_such_module"
if release == "repaired":
    _with_marks = renderer.render
    def _render(data, *arguments):
        for mark in {(CRASHES, HANGS, OUT_OF_MEMORY)!r}:
            data = data.removesuffix(mark)
        return _with_marks(data, *arguments)
    renderer.render = _render
"""
LIMITS = {
    "BACKOFF_FIRST_SECONDS": 1,
    "BACKOFF_FACTOR": 1,
    "RENDER_SECONDS": 2,
    "MIN_RENDER_SECONDS": 2,
    "MIN_WAIT_SECONDS": 1,
    "MAX_WAIT_SECONDS": 2,
}


@dataclass
class Room:
    """A deployed Darkroom in one trouble, and the ids of the pictures that must be ready in the end."""

    stack: Stack
    ids: list[str] = field(default_factory=list)

    def upload(self, end: bytes = b"") -> str:
        self.ids.append(self.stack.upload("cat.jpg", plain_jpeg() + end))
        return self.ids[-1]

    def darkroom(self, *words: str, may: tuple[int, ...] = (0,)) -> str:
        command = [DARKROOM, *words, "--folder", str(self.stack.engine.folder)]
        folder = self.stack.engine.folder
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=folder, env=os.environ | {"COLUMNS": "300"}
        )
        assert done.returncode in may, (words, done.stdout, done.stderr)
        return done.stdout

    def letters(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.darkroom("dead-letters", "list", "--json"))["letters"]
        return found

    def await_letter(self) -> None:
        until(lambda: self.stack.waiting("ResizeDeadLetterQueueUrl"), "a dead letter")
        until(lambda: self.stack.waiting() == 0, "an empty queue")

    def configure(self, name: str = RESIZER, timeout_seconds: int = 60, **variables: str | None) -> None:
        """Deploy a function with other environment variables; None takes a variable away."""
        function = self.stack.client("lambda")
        before = function.get_function_configuration(FunctionName=name)
        found = before["Environment"]["Variables"]
        changed = {key: text for key, text in (found | variables).items() if text is not None}
        if (changed, timeout_seconds) != (found, before["Timeout"]):  # each change costs a cold start
            function.update_function_configuration(
                FunctionName=name, Timeout=timeout_seconds, Environment={"Variables": changed}
            )

    def source(self, *, enabled: bool) -> None:
        """Enable or disable the resizer's event source."""
        function = self.stack.client("lambda")
        (mapping,) = function.list_event_source_mappings(FunctionName=RESIZER)["EventSourceMappings"]
        function.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)

    def send(self, body: str, attributes: dict[str, str] | None = None) -> None:
        typed: Any = {name: {"DataType": "String", "StringValue": text} for name, text in (attributes or {}).items()}
        queue = self.stack.outputs["ResizeQueueUrl"]
        self.stack.sqs.send_message(QueueUrl=queue, MessageBody=body, MessageAttributes=typed)

    def take(self) -> str:
        """Take the only message out of the queue and return its body. The event source must be disabled."""
        queue = self.stack.outputs["ResizeQueueUrl"]
        (message,) = until(lambda: self.stack.sqs.receive_message(QueueUrl=queue).get("Messages", []), "a message")
        self.stack.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return message["Body"]

    def policy(self, function: str, without: str) -> Callable[[], None]:
        """Take every statement with this action away from a function's role; return what gives it back."""
        iam = self.stack.client("iam")
        role = self.stack.client("lambda").get_function_configuration(FunctionName=function)["Role"].split("/")[-1]
        (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
        found = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        found = found if isinstance(found, dict) else json.loads(found)
        kept = [one for one in found["Statement"] if without not in json.dumps(one["Action"])]
        assert kept != found["Statement"]
        put = partial(iam.put_role_policy, RoleName=role, PolicyName=name)
        put(PolicyDocument=json.dumps(found | {"Statement": kept}))
        return lambda: put(PolicyDocument=json.dumps(found))

    def ask(self, method: str, path: str, token: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.request(method, self.stack.gallery_url + path, headers=headers, timeout=30)

    def invite(self, role: str) -> str:
        printed = self.darkroom("invite", "--role", role, "--name", role)
        return printed.split("enter#")[1].split()[0]
