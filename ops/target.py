"""Which Darkroom a command talks to: the one that runs on this machine, or a deployed stack by name."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError

from ops.local import engine, stack
from ops.problem import Problem

DEFAULT_FOLDER = Path(".darkroom")

StackOption = Annotated[
    str | None, typer.Option("--stack", help="A deployed stack by name; without it, the Darkroom on this machine.")
]
RegionOption = Annotated[str | None, typer.Option("--region", help="The stack's region, if not your default one.")]
SubscriberOption = Annotated[
    str | None, typer.Option("--subscriber", help="Of this subscriber, instead of the resizer.")
]
FolderOption = Annotated[Path, typer.Option("--folder", help="Where `darkroom up` keeps its state.")]


@dataclass(frozen=True, slots=True)
class Place:
    """The options that name a Darkroom."""

    stack: StackOption = None
    region: RegionOption = None
    folder: FolderOption = DEFAULT_FOLDER


@dataclass(frozen=True, slots=True)
class Target:
    """A running Darkroom: its stack's outputs and the way to its services."""

    name: str
    session: boto3.Session
    endpoint_url: str | None
    outputs: dict[str, str]
    gallery_url: str

    def queues(self, subscriber: str | None) -> tuple[str, str]:
        """The URLs of a subscriber's queue and dead-letter queue; None is the resizer. Raises Problem.

        They are where `darkroom new-subscriber` puts them: in a stack of the subscriber's own, or in this one.
        """
        if subscriber is None:
            return self.outputs["ResizeQueueUrl"], self.outputs["ResizeDeadLetterQueueUrl"]
        cloudformation = self.session.client("cloudformation", endpoint_url=self.endpoint_url)
        prefix = stack.identifier(subscriber)
        for name in (stack.service_stack(subscriber, self.name), self.name):
            with suppress(ClientError):  # there is no such stack, or none of its resources is called so
                queue, dead = (
                    cloudformation.describe_stack_resource(StackName=name, LogicalResourceId=f"{prefix}{kind}")
                    for kind in ("Queue", "DeadLetterQueue")
                )
                found = [one["StackResourceDetail"].get("PhysicalResourceId", "") for one in (queue, dead)]
                return found[0], found[1]
        raise Problem("no-subscriber", f"No subscriber {subscriber} is deployed beside {self.name} or in it.")


def resolve(place: Place) -> Target:
    """The Darkroom that the options name. Raises Problem (`not-running`, `no-stack`)."""
    if place.stack is None:
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
