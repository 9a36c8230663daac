"""The `darkroom` command."""

from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ops import access, removal
from ops.cost.command import cost
from ops.deployment.deploy import deploy
from ops.deployment.preflight import preflight
from ops.deployment.smoke import smoke
from ops.deployment.uninstall import uninstall
from ops.develop import corpus, new_subscriber, remove_subscriber
from ops.doctor import doctor
from ops.monitoring import follow, status
from ops.monitoring.report import report
from ops.monitoring.trace import trace
from ops.options import JsonOption, filled, flat, print_json, progress_bar
from ops.problem import Problem, sentence_on_problem
from ops.recovery import dead_letters, rejections, resubmit
from ops.target import DEFAULT_FOLDER, FolderOption, Place, resolve
from ops.terminal import escape

if TYPE_CHECKING:
    from ops.upload import Found, Outcome

SHOWN_SKIPPED = 5

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
console = Console()
access.add_to(app)
removal.add_to(app)
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(rejections.app, name="rejections")
app.command()(resubmit.rerender)
app.command()(resubmit.reconcile)
app.command()(status.status)
app.command()(corpus.corpus)
app.command()(trace)
app.command()(follow.logs)
app.command()(report)
app.command()(doctor)
app.command()(cost)
app.command()(new_subscriber.new_subscriber)
app.command()(remove_subscriber.remove_subscriber)
for deployment in (preflight, deploy, smoke, uninstall):
    app.command()(deployment)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("darkroom"))
        raise typer.Exit


@app.callback()
def darkroom(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Run Darkroom on this machine, upload pictures, and look after a deployed stack.

    Exit codes: 0 done, also for a dry run. 1 failed; stderr says why. 2 wrong usage. 3 a dry run of `reconcile` found
    lost uploads. 130 interrupted: finished work stays, the rest is unchanged.
    """


@app.command()
@sentence_on_problem
def up(
    port: Annotated[int, typer.Option(help="Port of 127.0.0.1 to serve on.", min=1, max=65535)] = 4566,
    folder: FolderOption = DEFAULT_FOLDER,
    parameter: Annotated[
        list[str] | None, typer.Option(help="A parameter of the template, as Name=value. May be repeated.")
    ] = None,
    services: Annotated[
        str, typer.Option("--with", help="Also run these services with separate stacks: webhook,lookalikes.")
    ] = "",
) -> None:
    """Run the whole system on this machine, from the real template, until Ctrl-C.

    Example: darkroom up --port 4570 --with lookalikes --parameter AllowAnonymousUploads=true
    """
    from ops.local import up as local  # not at the top: `--help` need not wait for boto3

    parameters = dict(_name_and_value(text) for text in parameter or [])
    local.up(folder.resolve(), port, parameters, console, [name for name in services.split(",") if name])


@app.command()
@sentence_on_problem
def dev(
    service: Annotated[str, typer.Argument(help="A service with a separate stack.")],
    folder: FolderOption = DEFAULT_FOLDER,
    parameter: Annotated[
        list[str] | None, typer.Option(help="A parameter of its template, as Name=value. May be repeated.")
    ] = None,
) -> None:
    """Watch one service, deploy each change into the running local Darkroom, and follow its log, until Ctrl-C.

    Example: darkroom dev tally
    """
    from ops.develop import dev as watching

    watching.dev(folder.resolve(), service, dict(_name_and_value(text) for text in parameter or []), console)


@app.command()
@sentence_on_problem
@flat
def upload(
    *,
    paths: Annotated[list[Path], typer.Argument(help="Pictures, or folders of them.")],
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until each file is ready, or rejected with a reason.")
    ] = False,
    as_json: JsonOption = False,
    invitation: Annotated[
        str | None,
        typer.Option(callback=filled, envvar="DARKROOM_INVITATION", help="Your invitation: the link, or its token."),
    ] = None,
    place: Place,
) -> None:
    """Upload pictures through the door. Exit code 1 if any was refused. Run it again to continue an interrupted upload.

    In folders it skips hidden files and the files that NAS boxes and file managers create, and lists them.

    Example: darkroom upload ~/Pictures/holiday --wait --stack darkroom-prod --region eu-west-1
    """
    from ops.upload import Journal, pictures_in, upload_all, verdicts

    notes = Console(stderr=True) if as_json else console
    gallery_url = resolve(place).gallery_url
    found = pictures_in(paths)
    _tell_skipped(found, notes)
    if not found.pictures:
        raise Problem("no-pictures", "The named files and folders contain no pictures.")
    journal = Journal(gallery_url)
    outcomes = upload_all(gallery_url, found.pictures, notes, journal, invitation or "")
    if wait:
        with progress_bar(notes) as progress:
            task = progress.add_task("verdicts", total=sum(one.image_id is not None for one in outcomes))
            outcomes = verdicts(
                gallery_url, outcomes, lambda count: progress.advance(task, count), invitation=invitation or ""
            )
    refused = [one for one in outcomes if one.refused]
    if not any(one.image_id is None for one in outcomes):
        journal.forget(found.pictures)
    if as_json:
        print_json({"gallery": gallery_url, "skipped": found.skipped, "files": [asdict(one) for one in outcomes]})
    else:
        _tell_outcomes(outcomes, outcomes if wait else refused, gallery_url)
    if refused:
        raise typer.Exit(1)


def _tell_skipped(found: "Found", notes: Console) -> None:
    for why, skipped in found.skipped.items():
        names = ", ".join(path.name for path in skipped[:SHOWN_SKIPPED]) + (", …" if skipped[SHOWN_SKIPPED:] else "")
        notes.print(f"Skipped {len(skipped)} {why}: {escape(names)}", soft_wrap=True, highlight=False)


def _tell_outcomes(outcomes: Sequence["Outcome"], listed: Sequence["Outcome"], gallery_url: str) -> None:
    """Print the outcome of each `listed` file, and the totals."""
    for one in listed:
        told = f"{one.code}: {one.sentence or ''}" if one.refused else one.verdict
        mark = "[red]✗[/]" if one.refused else "[green]✓[/]"
        console.print(f"{mark} {escape(str(one.file))}: {escape(told)}", soft_wrap=True, highlight=False)
    before = sum(one.before for one in outcomes)
    again = f" ({before} of them by the run that was interrupted)" if before else ""
    taken = sum(one.image_id is not None for one in outcomes)
    console.print(
        f"{taken} of {len(outcomes)} uploaded{again}. Gallery: {gallery_url}", soft_wrap=True, highlight=False
    )


@app.command()
@sentence_on_problem
def build(
    service: Annotated[str | None, typer.Argument(help="A service with a separate stack; by default Darkroom.")] = None,
    architecture: Annotated[str, typer.Option(help="x86_64 or arm64, as the parameter Architecture.")] = "x86_64",
    folder: Annotated[
        Path | None, typer.Option(help="The folder for the build; by default the folder that `sam deploy` reads.")
    ] = None,
) -> None:
    """Build the template for `sam deploy`: `sam build`, bytecode, and the bill of materials (sbom.cdx.json).

    Example: darkroom build --architecture arm64
    """
    from ops.local import sbom, stack

    source = stack.service_folder(service) if service else stack.ROOT
    built, ran = stack.build((folder or source / ".aws-sam" / "build").resolve(), architecture, source)
    if not service:  # a subscriber's packages are not in uv.lock
        sbom.write(built.template.parent, architecture)
    console.print(f"{'Built' if ran else 'Nothing changed in'} {built.template}", soft_wrap=True, highlight=False)


def _name_and_value(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise Problem("bad-parameter", f"{text!r} is not Name=value, as in --parameter DeleteOriginals=true.")
    return name, value
