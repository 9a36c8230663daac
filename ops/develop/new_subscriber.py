"""`darkroom new-subscriber`: writes a complete small service that subscribes to one kind of event."""

import sys
import tempfile
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import jinja2
import typer

from ops.develop.subscriber_choices import IMAGE_ID, KINDS, On, Wanted, Where
from ops.local.stack import ROOT, identifier
from ops.local.uv import run_uv
from ops.options import console
from ops.problem import Problem, sentence_on_problem

TEMPLATES = Path(__file__).parent / "templates" / "subscriber"
ENVIRONMENTS = {"default": "darkroom-dev", "dev": "darkroom-dev", "prod": "darkroom-prod"}

_ROLE_OF_LAMBDA = """
        { Version: "2012-10-17", Statement: [{ Effect: Allow, Principal: { Service: lambda.amazonaws.com }, Action: sts:AssumeRole }] }"""  # noqa: E501


@sentence_on_problem
def new_subscriber(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and inner hyphens.")],
    on: Annotated[On, typer.Option("--on", help="The events that it receives.")] = On.uploads,
    keys: Annotated[
        str, typer.Option("--filter", metavar="PATTERN", help="Only events whose key matches: '*.png', 'a/*'.")
    ] = "*",
    stack: Annotated[
        Where, typer.Option("--stack", help="A separate stack (own), or a block of this template (here).")
    ] = Where.own,
    needs: Annotated[
        list[str] | None, typer.Option("--needs", metavar="PACKAGE", help="A Python package. May be repeated.")
    ] = None,
    writes: Annotated[
        str, typer.Option("--writes", metavar="PREFIX", help="Let it write to this prefix of the resized bucket.")
    ] = "",
    reads_originals: Annotated[
        bool, typer.Option("--reads-originals", help="Let it also read the picture's original.")
    ] = False,
) -> None:
    """Write a service for events of uploads, renditions, rejections or removals: code, template, tests, README.

    With --stack own, the service goes to services/NAME and nothing else changes. With --stack here, it goes to
    functions/NAME and into one block of template.yaml.

    Example: darkroom new-subscriber tally --on renditions --filter '*.webp' --needs numpy --writes tallies
    """
    wanted = Wanted(name, on, keys, stack, tuple(needs or ()), writes, reads_originals)
    for written in write(ROOT, wanted):
        console.print(f"wrote {written.relative_to(ROOT)}", highlight=False)
    if wanted.needs:
        _uv("pip", "install", "--quiet", "--python", sys.executable, "-r", f"{wanted.folder}/requirements.txt")
        console.print(f"installed {', '.join(wanted.needs)} for tests and checks", highlight=False)
    console.print(f"Its work is in {wanted.folder}/handler.py; {wanted.folder}/README.md says how to run it.")


def write(root: Path, wanted: Wanted) -> list[Path]:
    """Write the service into the project at `root` and return its files. Raises Problem as `check` and `pinned` do."""
    wanted.check(root)
    words = _words(wanted)
    folder = root / wanted.folder
    files = {"__init__.py": "", "handler.py": "handler.py.j2", "README.md": "README.md.j2", "tests/__init__.py": ""}
    files |= {f"tests/test_{folder.name}.py": "test_unit.py.j2", f"tests/test_{folder.name}_e2e.py": "test_e2e.py.j2"}
    if wanted.where is Where.own:
        files |= {"template.yaml": "template.yaml.j2", "samconfig.toml": "samconfig.toml.j2"}
    templates = jinja2.Environment(  # noqa: S701  (Python and YAML, which need no HTML escapes)
        loader=jinja2.FileSystemLoader(TEMPLATES), undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    contents = {file: templates.get_template(source).render(words) if source else "" for file, source in files.items()}
    if wanted.needs:
        contents["requirements.txt"] = pinned(wanted.needs)
    written = []
    for file, content in contents.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        written.append(path)
    if wanted.where is Where.here:
        template = root / "template.yaml"
        template.write_text(_with_block(template.read_text(), templates.get_template("block.yaml.j2").render(words)))
        written.append(template)
    return written


def pinned(packages: tuple[str, ...]) -> str:
    """Return the pinned requirements of `packages`. A version in uv.lock has priority.

    Raises Problem (`bad-package`).
    """
    with tempfile.TemporaryDirectory() as folder:
        locked, needed = Path(folder, "locked.txt"), Path(folder, "needed.in")
        locked.write_text(_uv("export", "--quiet", "--frozen", "--all-groups", "--no-hashes", "--no-emit-project"))
        needed.write_text("\n".join(packages) + "\n")
        options = ["--quiet", "--no-header", "--no-annotate", "--python-version", "3.13"]
        return _uv("pip", "compile", *options, "--constraint", str(locked), str(needed))


def _uv(*arguments: str) -> str:
    done = run_uv(*arguments)
    if done.returncode:
        raise Problem(
            "bad-package",
            f"`uv {arguments[0]}` failed. Check the package's name and the network. {done.stderr.strip()}",
        )
    return done.stdout


def _words(wanted: Wanted) -> dict[str, object]:
    here, kind, folder = wanted.where is Where.here, KINDS[wanted.on], wanted.folder

    def parameter(name: str) -> str:
        # A separate stack reads the ARN or the name from an SSM parameter, whose name ends with Arn or Name.
        return name if here else f"{name}{'Arn' if name.endswith('Topic') else 'Name'}"

    def arn(bucket: str) -> str:
        name = parameter(bucket)
        return f"${{{name}.Arn}}" if here else f"arn:${{AWS::Partition}}:s3:::${{{name}}}"

    variables = {}
    if wanted.reads_originals:
        variables["UPLOAD_BUCKET"] = parameter("UploadBucket")
    if wanted.writes:
        variables["RESIZED_BUCKET"] = parameter("ResizedBucket")
    parameters = [
        parameter(kind.topic),
        parameter(kind.bucket),
        *variables.values(),
        parameter("AlarmTopic"),
        "ContractVersion",
    ]
    return {
        "name": wanted.name,
        "id": identifier(wanted.name),
        "kind": kind,
        "keys": wanted.keys,
        "needs": wanted.needs,
        "writes": wanted.writes,
        "reads_originals": wanted.reads_originals,
        "settings": [variable.lower() for variable in variables],
        "variables": variables,
        "example": _example(wanted.on, wanted.keys),
        "image_id": IMAGE_ID,
        "body": kind.body,
        "helpers": ", ".join(sorted(_helpers(wanted), key=lambda helper: (not helper.isupper(), helper))),
        "record": wanted.on is On.rejections,
        "here": here,
        "folder": folder,
        "package": folder.replace("/", "."),
        "code": f"{folder}/" if here else ".",
        "parameters": list(dict.fromkeys(parameters)),
        "environments": ENVIRONMENTS,
        "topic": parameter(kind.topic),
        "alarm_topic": parameter("AlarmTopic"),
        "bucket": parameter(kind.bucket),
        "bucket_arn": arn(kind.bucket),
        "originals_arn": arn("UploadBucket"),
        "resized_arn": arn("ResizedBucket"),
        "function": f"${{AWS::StackName}}-{wanted.name}" if here else "${AWS::StackName}",
        "retention": "!Ref LogRetentionDays" if here else "30",
        # The local engine wants an action for the batch request, which AWS does not have. A star covers both.
        "visibility": "sqs:ChangeMessageVisibility" + ("" if here else "*"),
        "trust": " *assumed-by-lambda" if here else _ROLE_OF_LAMBDA,
    }


def _helpers(wanted: Wanted) -> set[str]:
    """Return the names that the unit test imports from tests.support.subscribers."""
    helpers = {"delivering", KINDS[wanted.on].body}
    if wanted.writes or wanted.reads_originals:
        helpers.add("BUCKET")
    if wanted.reads_originals:
        helpers.add("picture")
    return helpers


def _example(on: On, keys: str) -> str:
    """Return a key that matches the filter, for the tests. Raises Problem (`bad-filter`) if there is none."""
    key = KINDS[on].example
    tried = [key, *(key.removesuffix("jpg") + extension for extension in ("png", "webp", "avif"))]
    if on is On.uploads:
        tried.append(keys.replace("*", "cat").replace("?", "c"))
    for found in tried:
        if fnmatchcase(found, keys):
            return found
    raise Problem("bad-filter", f"No key of {on} matches {keys!r}. Keys look like {key}.")


def _with_block(template: str, block: str) -> str:
    head, outputs, tail = template.partition("\nOutputs:\n")
    if not outputs:
        raise Problem(
            "bad-template", "template.yaml has no line `Outputs:`. The service would be written before this line."
        )
    return f"{head}\n{block}{outputs}{tail}"
