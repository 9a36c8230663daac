"""Which Darkroom a command talks to: the one that runs on this machine, or a deployed stack by name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import boto3
import typer
from botocore.exceptions import BotoCoreError

from ops import engine, stack
from ops.problem import Problem

DEFAULT_FOLDER = Path(".darkroom")

StackOption = Annotated[
    str | None, typer.Option("--stack", help="A deployed stack by name; without it, the Darkroom on this machine.")
]
RegionOption = Annotated[str | None, typer.Option("--region", help="The stack's region, if not your default one.")]
FolderOption = Annotated[Path, typer.Option("--folder", help="Where `darkroom up` keeps its state.")]


@dataclass(frozen=True, slots=True)
class Target:
    """A running Darkroom: its stack's outputs and the way to its services."""

    name: str
    session: boto3.Session
    endpoint_url: str | None
    outputs: dict[str, str]
    gallery_url: str


def resolve(stack_name: str | None, region: str | None, folder: Path) -> Target:
    """The Darkroom that the options name. Raises Problem (`not-running`, `no-stack`)."""
    if stack_name is None:
        local = engine.running(folder.resolve())
        if local is None:
            raise Problem(
                "not-running",
                "No Darkroom runs on this machine. Start it with `make run`, or name a stack with --stack.",
            )
        session = local.session()
        outputs = stack.outputs(session.client("cloudformation", endpoint_url=local.url), stack.LOCAL_STACK)
        return Target(stack.LOCAL_STACK, session, local.url, outputs, local.gallery_url(outputs["ApiId"]))
    session = boto3.Session(region_name=region)
    try:
        outputs = stack.outputs(session.client("cloudformation"), stack_name)
    except BotoCoreError as error:
        raise Problem("no-stack", f"AWS cannot be asked for stack {stack_name}: {error}") from error
    return Target(stack_name, session, None, outputs, outputs["GalleryUrl"])
