"""The renditions of each upload: the configuration that resizer and gallery share."""

import dataclasses
import json
import math
import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

from shared.keys import VIEW
from shared.limits import MAX_PANORAMA_PX, MAX_RENDITION_PX, MAX_RENDITIONS

type Format = Literal["auto", "jpeg", "webp", "avif", "png"]

FORMATS: tuple[str, ...] = get_args(Format.__value__)
# A name is the first part of S3 keys (shared/keys.py). In keys, these words have another meaning.
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_TAKEN_NAMES = {"uploads", "rejected", "removed", "trash", "invitations"}
# The gallery shows these: LISTED and, if the stack has it, MEDIUM in the grid, VIEWED in the viewer. It lists LISTED,
# which the resizer writes last, so a listed picture is complete.
LISTED = "thumb"
MEDIUM = "medium"
VIEWED = VIEW
# The CDN serves these renditions and keeps copies.
SHOWN = (LISTED, MEDIUM, VIEWED)


@dataclass(frozen=True, slots=True)
class Rendition:
    """One derived picture, fitted into `width_px` x `height_px` with its ratio kept.

    A panorama would become a thin strip. So the short side of its rendition has `short_px`, or less if the rendition
    would have more pixels than the box. 0 keeps every picture within the box. A smaller original is enlarged to the box
    only if `enlarge`. `format` "auto" is JPEG for opaque stills, WebP where there is alpha or animation. `quality` is 1
    to 100 as the encoder of the format understands it.
    """

    name: str
    width_px: int
    height_px: int
    enlarge: bool = False
    format: Format = "auto"
    quality: int = 80
    short_px: int = 0


DEFAULT_RENDITIONS = (
    Rendition(LISTED, 400, 400, enlarge=True, short_px=200),
    Rendition(MEDIUM, 800, 800, quality=70, short_px=400),
    Rendition(VIEWED, 1600, 1600, short_px=800),
)


def fit(width_px: int, height_px: int, rendition: Rendition) -> tuple[int, int]:
    """Returns the size in pixels of a `width_px` x `height_px` picture as this rendition.

    The ratio is kept. The result is at least 1 x 1, and fits the box or, as a panorama, has no more pixels than
    the box. A smaller picture keeps its size unless the rendition enlarges.
    """
    scale = min(rendition.width_px / width_px, rendition.height_px / height_px)
    panorama = min(
        rendition.short_px / min(width_px, height_px),
        math.sqrt(rendition.width_px * rendition.height_px / (width_px * height_px)),
        MAX_PANORAMA_PX / max(width_px, height_px),
    )
    if max(scale, panorama) > 1 and not rendition.enlarge:
        return width_px, height_px
    if panorama > scale:
        return max(int(width_px * panorama), 1), max(int(height_px * panorama), 1)
    return (
        min(max(round(width_px * scale), 1), rendition.width_px),
        min(max(round(height_px * scale), 1), rendition.height_px),
    )


def parse_renditions(text: str) -> tuple[Rendition, ...]:
    """Returns the renditions of the template parameter `text`, a JSON list of objects with Rendition's fields.

    Raises ValueError that names every mistake.
    """
    try:
        items = json.loads(text)
    except ValueError as error:
        raise ValueError(f"renditions are not JSON: {error}") from None
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_RENDITIONS:
        raise ValueError(f"renditions must be a JSON list of 1 to {MAX_RENDITIONS} objects")
    problems: list[str] = []
    for number, item in enumerate(items, 1):
        problems += [f"rendition {number}: {problem}" for problem in _problems(item)]
    problems += _problems_together(items)
    if problems:
        raise ValueError("; ".join(problems))
    return tuple(Rendition(**item) for item in items)


def _problems_together(items: list[Any]) -> list[str]:
    """Returns the mistakes of the list as a whole: names and formats that do not fit together."""
    formats = {
        item["name"]: item.get("format", "auto")
        for item in items
        if isinstance(item, dict) and isinstance(item.get("name"), str)
    }
    names = [item.get("name") for item in items if isinstance(item, dict)]
    problems = [f"{name!r} is there more than once" for name in sorted(formats) if names.count(name) > 1]
    problems += [f"{name!r} is missing: the gallery shows it" for name in (LISTED, VIEWED) if name not in formats]
    if formats.get(LISTED, "auto") != "auto" and "auto" in formats.values():
        # The gallery lists thumbs alone and derives every other key from them, extension and all.
        problems.append("a rendition has the format 'auto', so 'thumb' must have it too")
    return problems


def _problems(item: Any) -> list[str]:
    """Returns the mistakes in one rendition of the parameter."""
    if not isinstance(item, dict):
        return ["must be an object"]
    fields = {field.name: field for field in dataclasses.fields(Rendition)}
    problems = [f"unknown field {key!r}; there are {', '.join(fields)}" for key in item if key not in fields]
    problems += [
        f"{name} is missing" for name, f in fields.items() if f.default is dataclasses.MISSING and name not in item
    ]
    return problems + _name_problems(item.get("name", "thumb")) + _value_problems(item)


def _name_problems(name: object) -> list[str]:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return ["name must be 1 to 32 lower-case letters, digits and inner hyphens"]
    return [f"name {name!r} is taken by another kind of object"] if name in _TAKEN_NAMES else []


def _value_problems(item: dict[str, Any]) -> list[str]:
    problems: list[str] = []
    for key, least, most in (
        ("width_px", 1, MAX_RENDITION_PX),
        ("height_px", 1, MAX_RENDITION_PX),
        ("quality", 1, 100),
        ("short_px", 0, MAX_RENDITION_PX),
    ):
        value = item.get(key, 1)
        if type(value) is not int or not least <= value <= most:
            problems.append(f"{key} must be a whole number from {least} to {most}")
    if not isinstance(item.get("enlarge", False), bool):
        problems.append("enlarge must be true or false")
    if item.get("format", "auto") not in FORMATS:
        problems.append(f"format must be one of {', '.join(FORMATS)}")
    return problems
