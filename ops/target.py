"""Find the Darkroom that a command works on: the local one, or a deployed stack by its name."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, overload

import boto3
import typer
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ops.local import engine, stack
from ops.local.isolation import isolate_process
from ops.options import filled
from ops.problem import Problem

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

DEFAULT_FOLDER = Path(".darkroom")
# The most simultaneous requests of one command. A client keeps as many connections open.
CONNECTIONS = 32

StackOption = Annotated[
    str | None,
    typer.Option(
        "--stack", callback=filled, help="The name of a deployed stack; by default the Darkroom on this machine."
    ),
]
RegionOption = Annotated[
    str | None, typer.Option("--region", callback=filled, help="The stack's region; by default your configured region.")
]
SubscriberOption = Annotated[
    str | None, typer.Option("--subscriber", callback=filled, help="A subscriber, instead of the resizer.")
]
FolderOption = Annotated[Path, typer.Option("--folder", help="Where `darkroom up` keeps its state.")]


@dataclass(frozen=True, slots=True)
class Place:
    """The options that select a Darkroom."""

    stack: StackOption = None
    region: RegionOption = None
    folder: FolderOption = DEFAULT_FOLDER


@dataclass(frozen=True, slots=True)
class Target:
    """A running Darkroom: the outputs of its stack, and clients of its AWS services."""

    name: str
    session: boto3.Session
    endpoint_url: str | None
    outputs: dict[str, str]
    gallery_url: str

    @overload
    def client(self, service: Literal["s3"]) -> "S3Client": ...
    @overload
    def client(self, service: Literal["sqs"]) -> "SQSClient": ...
    @overload
    def client(self, service: Literal["logs"]) -> "CloudWatchLogsClient": ...
    @overload
    def client(self, service: Literal["cloudformation"]) -> "CloudFormationClient": ...
    @overload
    def client(self, service: Literal["secretsmanager"]) -> "SecretsManagerClient": ...
    @overload
    def client(self, service: Literal["cloudwatch", "cloudfront", "iam"]) -> Any: ...
    def client(self, service: Any) -> Any:
        """Make a client of an AWS service in this Darkroom's account and region, or on its local engine."""
        config = Config(max_pool_connections=CONNECTIONS)
        return self.session.client(service, endpoint_url=self.endpoint_url, config=config)

    def queues(self, subscriber: str | None) -> tuple[str, str]:
        """Return the URLs of a subscriber's queue and of its dead-letter queue. None stands for the resizer.

        `darkroom new-subscriber` puts both into a separate stack or into this stack. Raises Problem (`no-subscriber`).
        """
        if subscriber is None:
            return self.outputs["ResizeQueueUrl"], self.outputs["ResizeDeadLetterQueueUrl"]
        cloudformation = self.client("cloudformation")
        prefix = stack.identifier(subscriber)
        for name in (stack.service_stack(subscriber, self.name), self.name):
            with suppress(ClientError):  # The stack does not exist, or has no such resource.
                queue, dead = (
                    cloudformation.describe_stack_resource(StackName=name, LogicalResourceId=f"{prefix}{kind}")
                    for kind in ("Queue", "DeadLetterQueue")
                )
                found = [one["StackResourceDetail"].get("PhysicalResourceId", "") for one in (queue, dead)]
                return found[0], found[1]
        raise Problem("no-subscriber", f"No subscriber {subscriber} is deployed in {self.name} or beside it.")


def resolve(place: Place) -> Target:
    """Find the Darkroom that the options select. Raises Problem (`not-running`, `no-stack`)."""
    if place.stack is None:
        isolate_process()
        local = engine.running(place.folder.resolve())
        if local is None:
            raise Problem(
                "not-running",
                "No Darkroom runs on this machine. Start it with `make run`, or name a stack with --stack.",
            )
        session = local.session()
        outputs = stack.outputs(session.client("cloudformation", endpoint_url=local.url), stack.LOCAL_STACK)
        return Target(stack.LOCAL_STACK, session, local.url, outputs, local.gallery_url(outputs["ApiId"]))
    session = boto3.Session(region_name=place.region)
    try:
        outputs = stack.outputs(session.client("cloudformation"), place.stack)
    except BotoCoreError as error:
        raise Problem("no-stack", f"AWS cannot be asked for stack {place.stack}: {error}") from error
    return Target(place.stack, session, None, outputs, outputs["GalleryUrl"])
