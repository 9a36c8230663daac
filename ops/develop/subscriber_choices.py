"""The choices for a new subscriber: its name, its events and its rights, with their checks."""

import keyword
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ops.local.stack import identifier
from ops.problem import Problem

MAX_NAME_CHARS = 30  # Lambda allows 64 for a function's name, which also contains the stack's name
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_KEYS = re.compile(r"[A-Za-z0-9!_.*?/-]{1,40}")
_PREFIX = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TAKEN = {"darkroom", "ingest", "list", "resize", "resized", "shared", "upload", "simd", "test", "tests", "dev", "prod"}
_YAML_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
# A record below these prefixes would be announced as an event, be listed in the gallery or be deleted with an upload.
_RESERVED_PREFIXES = {"thumb", "view", "rejected", "uploads", "removed"}
IMAGE_ID = "7ybqx4m8hz6wwqcr6076spxfyx"


class On(StrEnum):
    uploads = "uploads"
    renditions = "renditions"
    rejections = "rejections"
    removals = "removals"


class Where(StrEnum):
    own = "own"
    here = "here"


@dataclass(frozen=True, slots=True)
class Kind:
    """Describes one kind of event for the templates.

    `prefix` is the prefix of its objects in the bucket. `body` is the test helper that makes such an object's content.
    """

    plural: str
    event: str
    topic: str
    bucket: str
    prefix: str
    happened: str
    object: str
    subscriber: str
    max_bytes: str
    example: str
    body: str = "picture"


KINDS = {
    On.uploads: Kind(
        "uploads", "Upload", "UploadTopic", "UploadBucket", "",
        "An upload arrived", "the original", "a subscriber to uploads", "50_000_000",
        f"uploads/{IMAGE_ID}/cat.jpg",
    ),
    On.renditions: Kind(
        "renditions", "RenditionCreated", "RenditionTopic", "ResizedBucket", "thumb/",
        "A picture is finished", "its thumb", "a subscriber to finished pictures", "5_000_000",
        f"thumb/{IMAGE_ID}/300x200/cat.jpg",
    ),
    On.rejections: Kind(
        "rejections", "UploadRejected", "RenditionTopic", "ResizedBucket", "rejected/",
        "An upload was rejected", "the record of the rejection", "a subscriber to rejections", "1_000_000",
        f"rejected/{IMAGE_ID}.json", "rejection_record",
    ),
    On.removals: Kind(
        "removals", "PictureRemoved", "RenditionTopic", "ResizedBucket", "removed/",
        "A picture was removed", "the record of the removal", "a subscriber to removals", "1_000_000",
        "removed/7ybqx4m8hz6wwqcr6076spxfyx.json",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """Holds the choices for one new subscriber; `check` refuses impossible ones."""

    name: str
    on: On = On.uploads
    keys: str = "*"
    where: Where = Where.own
    needs: tuple[str, ...] = ()
    writes: str = ""
    reads_originals: bool = False

    @property
    def folder(self) -> str:
        return _folder(self.name, self.where)

    def check(self, root: Path) -> None:
        """Raise Problem (`bad-name`, `taken`, `bad-filter`, `bad-prefix`, `bad-package`, `bad-option`)."""
        if not _NAME.fullmatch(self.name) or len(self.name) > MAX_NAME_CHARS:
            raise Problem(
                "bad-name",
                f"{self.name!r} must be lower-case letters, digits and inner hyphens, at most {MAX_NAME_CHARS}, "
                "as in new-tags.",
            )
        if keyword.iskeyword(self.name) or keyword.issoftkeyword(self.name) or self.name in _YAML_WORDS:
            raise Problem("bad-name", f"{self.name} is a word of Python or YAML. Choose another name, as in new-tags.")
        if self._is_taken(root):
            raise Problem(
                "taken", f"There is a {self.name} already. Choose another name, or delete the existing one first."
            )
        if not _KEYS.fullmatch(self.keys):
            raise Problem("bad-filter", f"{self.keys!r} is not a pattern for keys, such as 'thumb/*' or '*.png'.")
        if self.writes and (not _PREFIX.fullmatch(self.writes) or self.writes in _RESERVED_PREFIXES):
            raise Problem(
                "bad-prefix",
                f"{self.writes!r} must be lower-case letters, digits and inner hyphens, and not a prefix of Darkroom's "
                f"own ({', '.join(sorted(_RESERVED_PREFIXES))}).",
            )
        for package in self.needs:
            if not _PACKAGE.fullmatch(package):
                raise Problem("bad-package", f"{package!r} is not the name of a package, such as pillow.")
        if self.reads_originals and self.on is On.uploads:
            raise Problem("bad-option", "A subscriber to uploads reads originals anyway. Leave out --reads-originals.")

    def _is_taken(self, root: Path) -> bool:
        folders = [root / parent / self.name.replace("-", "_") for parent in ("services", "functions", "examples")]
        ids = {
            line[2:].rstrip(":") for line in (root / "template.yaml").read_text().splitlines() if line.startswith("  ")
        }
        own_ids = {f"{identifier(self.name)}{kind}" for kind in ("Queue", "Subscription", "Role", "Function", "Topic")}
        return self.name in _TAKEN or any(folder.exists() for folder in folders) or bool(ids & own_ids)


def _folder(name: str, where: Where) -> str:
    return f"{'services' if where is Where.own else 'functions'}/{name.replace('-', '_')}"
