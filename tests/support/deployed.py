"""A deployed Darkroom for end-to-end tests and benches: on a separate local engine, or on AWS."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from mypy_boto3_logs import CloudWatchLogsClient
from mypy_boto3_s3 import S3Client
from mypy_boto3_sns import SNSClient
from mypy_boto3_sqs import SQSClient
from rich.console import Console

from ops.local import engine as engines
from ops.local import stack as stack_tools
from ops.local.engine import Engine
from ops.local.stack import LOCAL_STACK, outputs
from ops.local.up import bring_up
from ops.target import Place, Target, resolve
from tests.support.killers import BUILD
from tests.support.ports import free_port

ARRIVES_SECONDS = 60
DARKROOM = str(Path(sys.executable).with_name("darkroom"))


@dataclass(frozen=True)
class Stack:
    """A deployed Darkroom, with clients that have the rights of the account's root user."""

    target: Target
    s3: S3Client
    sns: SNSClient
    sqs: SQSClient
    logs: CloudWatchLogsClient
    place: tuple[str, ...]
    """The options by which the `darkroom` command finds it."""
    local: Engine | None = None

    @property
    def engine(self) -> Engine:
        """The local engine. Tests that need it are marked `local_only`."""
        assert self.local, "this stack is on AWS"
        return self.local

    @property
    def gallery_url(self) -> str:
        return self.target.gallery_url

    @property
    def outputs(self) -> dict[str, str]:
        return self.target.outputs

    @property
    def upload_bucket(self) -> str:
        return self.outputs["UploadBucketName"]

    @property
    def resized_bucket(self) -> str:
        return self.outputs["ResizedBucketName"]

    def client(self, service: Any) -> Any:
        return self.target.client(service)

    def upload(self, name: str, body: bytes, media_type: str = "") -> str:
        """Upload a file through the door and return the image id."""
        asked = httpx.post(
            f"{self.gallery_url}uploads",
            json={"name": name, "type": media_type, "size": len(body)},
            timeout=ARRIVES_SECONDS,
        )
        assert asked.status_code == 201, asked.text
        ticket = asked.json()
        sent = httpx.post(ticket["url"], data=ticket["fields"], files={"file": (name, body)}, timeout=ARRIVES_SECONDS)
        assert sent.status_code == 204, sent.text
        image_id: str = ticket["id"]
        return image_id

    def keys(self, prefix: str, bucket: str | None = None) -> list[str]:
        """Return every key with `prefix` in the resized bucket, or in another one."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket or self.resized_bucket, Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def thumb_of(self, image_id: str) -> str:
        """Wait for the picture's thumb and return its key."""
        return until(lambda: self.keys(f"thumb/{image_id}/"), f"a thumb of {image_id}")[0]

    def invitation(self, role: str) -> str:
        """Return the link of a new invitation to a local Darkroom. Its token follows a #."""
        command = [DARKROOM, "invite", "--role", role, "--name", role, "--folder", str(self.engine.folder)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[0]

    def log_lines(self, function: str, text: str) -> list[str]:
        """Return the log lines of a function that contain this text."""
        try:
            found = self.logs.filter_log_events(logGroupName=f"/aws/lambda/{function}", filterPattern=f'"{text}"')
        except self.logs.exceptions.ResourceNotFoundException:
            return []
        return [event["message"] for event in found["events"]]

    def belongings(self, name: str) -> list[str]:
        """Return a subscriber's resources: functions, queues, subscriptions, roles, log groups, alarms."""
        names = [one["FunctionName"] for one in self.client("lambda").list_functions()["Functions"]]
        names += self.sqs.list_queues().get("QueueUrls", [])
        names += [one["Endpoint"] for one in self.sns.list_subscriptions()["Subscriptions"]]
        names += [one["RoleName"] for one in self.client("iam").list_roles()["Roles"]]
        names += [one["logGroupName"] for one in self.logs.describe_log_groups()["logGroups"]]
        names += [one["AlarmName"] for one in self.client("cloudwatch").describe_alarms()["MetricAlarms"]]
        return [found for found in names if name in found.lower()]

    def waiting(self, queue: str = "ResizeQueueUrl") -> int:
        """Return the number of messages in a queue, visible and in flight."""
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counted = self.sqs.get_queue_attributes(QueueUrl=self.outputs[queue], AttributeNames=names)["Attributes"]
        return sum(int(number) for number in counted.values())


def until[T](look: Callable[[], T], what: str, seconds: float = ARRIVES_SECONDS) -> T:
    """Call `look` until its result is true, and return the result; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"no {what} within {seconds} s"
        time.sleep(0.05)
    return found


def stack_on(engine: Engine, gallery_url: str) -> Stack:
    """Return the Darkroom that runs on an engine."""

    session = engine.session()
    found = outputs(session.client("cloudformation", endpoint_url=engine.url), LOCAL_STACK)
    target = Target(LOCAL_STACK, session, engine.url, found, gallery_url)
    return _stack(target, ("--folder", str(engine.folder)), engine)


def stack_on_aws(name: str, region: str | None) -> Stack:
    """Return the stack of this name in the account of this machine's credentials."""
    target = resolve(Place(stack=name, region=region))
    return _stack(target, ("--stack", name, "--region", target.session.region_name))


def _stack(target: Target, place: tuple[str, ...], local: Engine | None = None) -> Stack:
    def client(service: Any) -> Any:
        return target.client(service)

    return Stack(target, client("s3"), client("sns"), client("sqs"), client("logs"), place, local)


@contextmanager
def deployed(folder: Path, parameters: dict[str, str], services: Sequence[str] = ()) -> Iterator[Stack]:
    """Deploy a Darkroom with its state in `folder`, and `services` that have their own stacks.

    Its artifact is in `folder`/build, if there is one, or else the artifact that all tests share.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "build").exists():
        stack_tools.build(BUILD, stack_tools.host_architecture())
        for name in (BUILD.name, f"{BUILD.name}.digest"):
            (folder / name).symlink_to(BUILD.with_name(name))
    port = free_port()
    engine = Engine(folder, port)
    process = engines.start(engine)
    try:
        url = bring_up(engine, process, parameters, Console(file=(folder / "up.log").open("w")), services)
        yield stack_on(engine, url)
    finally:
        engines.stop(process)
