"""`darkroom smoke`: tests a deployed Darkroom as a visitor and as an operator, and reports each step."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta

import httpx
import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table

from ops import access
from ops.deployment.smoke_steps import CHAINS, FailedStep, Run, removed
from ops.options import JsonOption, console, flat, print_json
from ops.problem import Problem, sentence_on_problem
from ops.recovery.records import dead_of
from ops.target import Place, Target, resolve
from ops.terminal import escape
from shared.access import Role

REQUEST_SECONDS = 30
# The smoke test's own invitation ends after this time, in case the test is stopped before it revokes the invitation.
INVITED = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Step:
    """The result of one step, with its time and a note."""

    name: str
    works: bool
    seconds: float
    says: str


@sentence_on_problem
@flat
def smoke(*, as_json: JsonOption = False, place: Place) -> None:
    """Upload a picture, a file that must be rejected and a poison message; follow each to its end; remove everything.

    It takes about ten seconds, and up to six minutes on a new stack. Exit code 1 if a step fails. The alarm on dead
    letters may ring, because the poison message is a dead letter for a moment.

    Example: darkroom smoke --stack darkroom-dev --region eu-west-1
    """
    steps = run(resolve(place))
    if as_json:
        print_json([asdict(step) for step in steps])
    else:
        print_steps(steps)
    if not passed(steps):
        raise typer.Exit(1)


def passed(steps: list[Step]) -> bool:
    return all(step.works for step in steps)


def print_steps(steps: list[Step]) -> None:
    table = Table("", "step", "seconds", "", box=None, header_style="dim")
    for step in steps:
        mark = "[green]✓[/]" if step.works else "[red]✗[/]"
        table.add_row(mark, step.name, f"{step.seconds:.1f}", escape(step.says))
    console.print(table)
    works = sum(step.works for step in steps)
    console.print(f"{works} of {len(steps)} steps work.")


def run(target: Target) -> list[Step]:
    """Runs all steps, deletes everything that they made, and returns the results in order.

    A failed step ends its chain: without a picture there is no thumb.
    """
    with httpx.Client(timeout=REQUEST_SECONDS) as http:
        tried = Run(target, http, dead_of(target, None))
        tried.invitation = access.issue(target, tried.mark, Role.UPLOADER, tried.began + INVITED)
        steps: list[Step] = []
        try:
            for chain in CHAINS:
                steps += _chain(tried, chain)
        finally:
            steps += _chain(tried, {"everything removed": removed})
    return steps


def _chain(tried: Run, chain: dict[str, Callable[[Run], str]]) -> Iterator[Step]:
    for name, step in chain.items():
        began = time.monotonic()
        with Console(stderr=True).status(name):
            try:
                says, works = step(tried), True
            except FailedStep as failed:
                says, works = str(failed), False
            except (httpx.HTTPError, ClientError, BotoCoreError, Problem, OSError, ValueError, KeyError) as error:
                says, works = f"{type(error).__name__}: {error}", False
        yield Step(name, works, round(time.monotonic() - began, 2), says)
        if not works:
            return
