"""`darkroom new-subscriber`: writes a complete small service that hears of uploads, renditions or rejections."""

import re
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import jinja2
import typer

from ops.local.stack import ROOT, identifier
from ops.options import console
from ops.problem import Problem, sentence_on_problem

TEMPLATES = Path(__file__).parent / "templates" / "subscriber"
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_KEYS = re.compile(r"[A-Za-z0-9!_.*?/-]{1,40}")
MAX_NAME_CHARS = 30  # a function's name has 64, of which the stack's name needs some
# A deployed copy of another service, or what Python or the template call something else.
_TAKEN = {"darkroom", "ingest", "list", "resize", "resized", "shared", "upload", "simd", "test", "tests"}


class On(StrEnum):
    uploads = "uploads"
    renditions = "renditions"
    rejections = "rejections"


class Where(StrEnum):
    own = "own"
    here = "here"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of event as the templates speak of it. `prefix` is where its objects lie in the bucket."""

    plural: str
    event: str
    topic: str
    bucket: str
    prefix: str
    happened: str
    what: str
    subscriber: str
    max_bytes: str
    example: str


KINDS = {
    On.uploads: Kind(
        "uploads", "Upload", "UploadTopic", "UploadBucket", "",
        "An upload arrived", "the original", "a subscriber to uploads", "50_000_000",
        "uploads/7ybqx4m8hz6wwqcr6076spxfyx/cat.jpg",
    ),
    On.renditions: Kind(
        "renditions", "RenditionCreated", "RenditionTopic", "ResizedBucket", "thumb/",
        "A picture is finished", "its thumb", "a subscriber to finished pictures", "5_000_000",
        "thumb/7ybqx4m8hz6wwqcr6076spxfyx/300x200/cat.jpg",
    ),
    On.rejections: Kind(
        "rejections", "UploadRejected", "RenditionTopic", "ResizedBucket", "rejected/",
        "An upload was rejected", "the record that says why", "a subscriber to rejections", "1_000_000",
        "rejected/7ybqx4m8hz6wwqcr6076spxfyx.json",
    ),
}  # fmt: skip


@sentence_on_problem
def new_subscriber(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and inner hyphens.")],
    on: Annotated[On, typer.Option("--on", help="What it hears of.")] = On.uploads,
    keys: Annotated[
        str, typer.Option("--filter", metavar="PATTERN", help="Only events whose key is like this: '*.png', 'a/*'.")
    ] = "*",
    stack: Annotated[
        Where, typer.Option("--stack", help="A stack of its own, or a block of this template.")
    ] = Where.own,
) -> None:
    """Write a service that hears of uploads, renditions or rejections: code, template, tests, README.

    With --stack own it goes to services/NAME and nothing else changes; with --stack here, to functions/NAME and into
    one block of template.yaml.

    Example: darkroom new-subscriber tally --on renditions --filter '*.webp'
    """
    for written in write(ROOT, name, on, keys, stack):
        console.print(f"wrote {written.relative_to(ROOT)}", highlight=False)
    folder = _folder(name, stack)
    console.print(f"Its work is in {folder}/handler.py; {folder}/README.md says how to run it.", soft_wrap=True)


def write(root: Path, name: str, on: On, keys: str, where: Where) -> list[Path]:
    """Writes the service into the project at `root`; answers the files. Raises Problem (`bad-name`, `taken`, …)."""
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME_CHARS:
        raise Problem(
            "bad-name",
            f"{name!r} must be lower-case letters, digits and inner hyphens, at most {MAX_NAME_CHARS}, as in new-tags.",
        )
    if not _KEYS.fullmatch(keys):
        raise Problem("bad-filter", f"{keys!r} is no key with * and ?, as in 'thumb/*' or '*.png'.")
    folder, template = root / _folder(name, where), root / "template.yaml"
    places = [root / _folder(name, Where.own), root / _folder(name, Where.here), root / "examples" / name]
    taken = name in _TAKEN or any(place.exists() for place in places)
    if taken or f"\n  {identifier(name)}Queue:" in template.read_text():
        raise Problem("taken", f"There is a {name} already. Choose another name, or delete that one first.")
    words = _words(name, on, keys, where)
    files = {"__init__.py": "", "handler.py": "handler.py.j2", "README.md": "README.md.j2", "tests/__init__.py": ""}
    files |= {f"tests/test_{folder.name}.py": "test_unit.py.j2", f"tests/test_{folder.name}_e2e.py": "test_e2e.py.j2"}
    if where is Where.own:
        files |= {"template.yaml": "template.yaml.j2", "samconfig.toml": "samconfig.toml.j2"}
    templates = jinja2.Environment(  # noqa: S701  (Python and YAML, where HTML's escapes have no place)
        loader=jinja2.FileSystemLoader(TEMPLATES), undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    written = []
    for file, source in files.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(templates.get_template(source).render(words) if source else "")
        written.append(path)
    if where is Where.here:
        block = templates.get_template("block.yaml.j2").render(words)
        template.write_text(_with_block(template.read_text(), block))
        written.append(template)
    return written


def _words(name: str, on: On, keys: str, where: Where) -> dict[str, object]:
    here, kind, folder = where is Where.here, KINDS[on], _folder(name, where)
    # Elsewhere an SSM parameter tells the topic's ARN and the bucket's name, and is called so.
    topic, bucket = (kind.topic, kind.bucket) if here else (f"{kind.topic}Arn", f"{kind.bucket}Name")
    return {
        "name": name,
        "id": identifier(name),
        "kind": kind,
        "keys": keys,
        "example": _example(on, keys),
        "here": here,
        "folder": folder,
        "package": folder.replace("/", "."),
        "code": f"{folder}/" if here else ".",
        "topic": topic,
        "bucket": bucket,
        "bucket_arn": f"${{{bucket}.Arn}}" if here else f"arn:${{AWS::Partition}}:s3:::${{{bucket}}}",
        "function": f"${{AWS::StackName}}-{name}" if here else "${AWS::StackName}",
        "retention": "!Ref LogRetentionDays" if here else "30",
        # The local engine asks for the batch request's own name; AWS has none such, and a star takes both.
        "visibility": "sqs:ChangeMessageVisibility" + ("" if here else "*"),
        "trust": " *assumed-by-lambda" if here else _TRUST,
    }


def _example(on: On, keys: str) -> str:
    """A key that the filter lets through, for the tests. Raises Problem (`bad-filter`) if there is none."""
    key = KINDS[on].example
    if fnmatchcase(key, keys):
        return key
    tried = [key.removesuffix("jpg") + extension for extension in ("png", "webp", "avif")]
    if on is On.uploads:
        tried.append(keys.replace("*", "cat").replace("?", "c"))
    for found in tried:
        if fnmatchcase(found, keys):
            return found
    raise Problem("bad-filter", f"No key of {on} is like {keys!r}; they are like {key}.")


_TRUST = """
        { Version: "2012-10-17", Statement: [{ Effect: Allow, Principal: { Service: lambda.amazonaws.com }, Action: sts:AssumeRole }] }"""  # noqa: E501


def _with_block(template: str, block: str) -> str:
    head, outputs, tail = template.partition("\nOutputs:\n")
    if not outputs:
        raise Problem("bad-template", "template.yaml has no line `Outputs:`, before which a service would go.")
    return f"{head}\n{block}{outputs}{tail}"


def _folder(name: str, where: Where) -> str:
    return f"{'services' if where is Where.own else 'functions'}/{name.replace('-', '_')}"
