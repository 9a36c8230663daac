"""The real template, built and deployed with `sam` to the local engine with its IAM enforcement on."""

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from mypy_boto3_logs import CloudWatchLogsClient
from mypy_boto3_s3 import S3Client
from mypy_boto3_sns import SNSClient
from mypy_boto3_sqs import SQSClient
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from rich.console import Console

from ops import engine as engines
from ops import stack as stack_tools
from ops.browser import CHROMIUM_ARGUMENTS, chromium
from ops.engine import Engine
from ops.stack import LOCAL_STACK, outputs
from ops.up import bring_up
from tests.e2e.browser import watch_shifts
from tests.e2e.killers import BUILD

ARRIVES_SECONDS = 60
DARKROOM = str(Path(sys.executable).with_name("darkroom"))


@dataclass(frozen=True)
class Stack:
    """A deployed Darkroom, and the way to its services as the account's root."""

    engine: Engine
    gallery_url: str
    outputs: dict[str, str]
    s3: S3Client
    sns: SNSClient
    sqs: SQSClient
    logs: CloudWatchLogsClient

    @property
    def upload_bucket(self) -> str:
        return self.outputs["UploadBucketName"]

    @property
    def resized_bucket(self) -> str:
        return self.outputs["ResizedBucketName"]

    def client(self, service: Any) -> Any:
        return self.engine.session().client(service, endpoint_url=self.engine.url)

    def upload(self, name: str, body: bytes, media_type: str = "") -> str:
        """Uploads through the door as a program would; answers the image id."""
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
        """Every key below `prefix` in the resized bucket, or another."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket or self.resized_bucket, Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def thumb_of(self, image_id: str) -> str:
        """The key of the picture's thumb, as soon as it is there."""
        return until(lambda: self.keys(f"thumb/{image_id}/"), f"a thumb of {image_id}")[0]

    def log_lines(self, function: str, text: str) -> list[str]:
        """The lines with this text that a function has logged."""
        try:
            found = self.logs.filter_log_events(logGroupName=f"/aws/lambda/{function}", filterPattern=f'"{text}"')
        except self.logs.exceptions.ResourceNotFoundException:
            return []
        return [event["message"] for event in found["events"]]

    def belongings(self, name: str) -> list[str]:
        """What the engine has of a subscriber: functions, queues, subscriptions, roles, log groups, alarms."""
        names = [one["FunctionName"] for one in self.client("lambda").list_functions()["Functions"]]
        names += self.sqs.list_queues().get("QueueUrls", [])
        names += [one["Endpoint"] for one in self.sns.list_subscriptions()["Subscriptions"]]
        names += [one["RoleName"] for one in self.client("iam").list_roles()["Roles"]]
        names += [one["logGroupName"] for one in self.logs.describe_log_groups()["logGroups"]]
        names += [one["AlarmName"] for one in self.client("cloudwatch").describe_alarms()["MetricAlarms"]]
        return [found for found in names if name in found.lower()]

    def waiting(self, queue: str = "ResizeQueueUrl") -> int:
        """How many messages a queue holds, seen and unseen."""
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counted = self.sqs.get_queue_attributes(QueueUrl=self.outputs[queue], AttributeNames=names)["Attributes"]
        return sum(int(number) for number in counted.values())


def until[T](look: Callable[[], T], what: str, seconds: float = ARRIVES_SECONDS) -> T:
    """What `look` answers as soon as that is true of it; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"no {what} within {seconds} s"
        time.sleep(0.05)
    return found


def stack_on(engine: Engine, gallery_url: str) -> Stack:
    """The Darkroom that runs on an engine."""

    def client(service: Any) -> Any:
        return engine.session().client(service, endpoint_url=engine.url)

    return Stack(
        engine=engine,
        gallery_url=gallery_url,
        outputs=outputs(client("cloudformation"), LOCAL_STACK),
        s3=client("s3"),
        sns=client("sns"),
        sqs=client("sqs"),
        logs=client("logs"),
    )


@contextmanager
def deployed(folder: Path, parameters: dict[str, str], services: Sequence[str] = ()) -> Iterator[Stack]:
    """A Darkroom of its own, with its state in `folder`, and with it those services that have a stack of their own.

    Its artifact is in `folder`/build, or else the one for all.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "build").exists():
        stack_tools.build(BUILD, stack_tools.host_architecture())
        for name in (BUILD.name, f"{BUILD.name}.digest"):
            (folder / name).symlink_to(BUILD.with_name(name))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    engine = Engine(folder, port)
    process = engines.start(engine)
    try:
        url = bring_up(engine, process, parameters, Console(file=(folder / "up.log").open("w")), services)
        yield stack_on(engine, url)
    finally:
        engines.stop(process)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The Darkroom that most tests share, with the parameters' defaults."""
    with deployed(tmp_path_factory.mktemp("darkroom"), {}) as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
def _no_account_of_this_machine() -> None:
    # A forgotten endpoint must fail and not reach somebody's real account.
    os.environ.update(AWS_ACCESS_KEY_ID="nobody", AWS_SECRET_ACCESS_KEY="nobody", AWS_CONFIG_FILE=os.devnull)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, or Playwright's where there is none."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(viewport={"width": 1440, "height": 900})
    opened.grant_permissions(["clipboard-read", "clipboard-write"])
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext, stack: Stack) -> Iterator[Page]:
    """A page that may not break its own policy."""
    yield from _watched(context.new_page())


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    """The same on a phone in the dark."""
    opened = browser.new_context(
        viewport={"width": 390, "height": 844},
        has_touch=True,
        is_mobile=True,
        device_scale_factor=2,
        color_scheme="dark",
    )
    yield from _watched(opened.new_page())
    opened.close()


@pytest.fixture
def scriptless(browser: Browser) -> Iterator[Page]:
    """A browser without JavaScript."""
    opened = browser.new_context(java_script_enabled=False)
    yield opened.new_page()
    opened.close()


def _watched(page: Page) -> Iterator[Page]:
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if "Content Security" in message.text else None)
    watch_shifts(page)
    yield page
    assert not wrong
