"""Renders the page with Jinja2. The page contains all that looking at pictures needs, so that it is one request.

The page loads the scripts for uploads afterwards. Browsers keep them. The Content-Security-Policy allows exactly the
styles and scripts in the page, by their hashes, and the gallery's own script files.
"""

import base64
import hashlib
import re
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from functions.list import entrance, gallery, paging, presign, status
from functions.list.gallery import Entry, Listing
from functions.list.settings import Wiring
from shared import http
from shared.access import NotInvited, Role
from shared.errors import DarkroomError
from shared.folders import LITTER_FOLDERS
from shared.http import Request, Response
from shared.keys import is_image_id
from shared.limits import PAGE_ITEMS
from shared.media import ACCEPT
from shared.storage import FOREVER

HERE = Path(__file__).parent
# The page contains SCRIPTS, and loads BUNDLES once it is shown. Only owners get owner.js.
SCRIPTS = ("page.js", "zoom.js", "viewer.js", "fresh.js")
BUNDLES = {
    "place.js": ("place.js", "arrivals.js", "swipe.js"),
    "uploads.js": ("removal.js", "tray.js", "header.js", "uploads.js", "drop.js"),
    "owner.js": ("select.js",),
}
# The grid crops shapes beyond these ratios: a panorama ten times as wide as high would be a thin strip.
MIN_RATIO, MAX_RATIO = 0.5, 3.0
# Browsers load so many pictures before they know the layout. A phone's window shows ten, a desktop's twenty or more.
EAGER_ITEMS = 8
# The comments of each kind of file: every comment in CSS, and whole lines in JavaScript.
_COMMENTS = {".css": re.compile(r"/\*.*?\*/", re.DOTALL), ".js": re.compile(r"^\s*//.*", re.MULTILINE)}


def show(wired: Wiring, request: Request, now: float) -> Response:
    """Answers the gallery from its newest picture, from a cursor or a date, or opened at one picture."""
    if image_id := request.query.get("image"):
        return _one(wired, request, image_id, now)
    if image_id := request.query.get("previous"):
        return _previous(wired, image_id, now)
    page = paging.page(wired, request.query, PAGE_ITEMS, now)
    if "before" in request.query and not page.previous:
        return http.redirect("./")  # the newest page has its own address
    return _gallery(wired, request, page)


def problem(error: DarkroomError, request: Request) -> Response:
    """Answers an error as JSON to programs and as a page to people. People follow the links to downloads."""
    parts = request.path.strip("/").split("/")
    if parts[0] == "images" and parts[-1] != "download":
        return http.json_problem(error, request)
    if isinstance(error, NotInvited):
        to = "?" + urlencode({name: request.query[name] for name in ("image", "from") if name in request.query})
        return _enter(request, to if request.path == "/" else entrance.target(request), error)
    return _render(request, "problem.html", http.status_of(error), "", error=error, home=_home(request))


def enter(request: Request) -> Response:
    """Answers the page that takes an invitation."""
    return _enter(request, request.query.get("to", ""))


def _enter(request: Request, to: str, error: DarkroomError | None = None) -> Response:
    # The page leads on to `to`, and shows the error that led to it.
    code = http.status_of(error) if error else 200
    script = asset("enter.js")
    return _render(request, "enter.html", code, "", script, error=error, home=_home(request), to=to)


def _one(wired: Wiring, request: Request, image_id: str, now: float) -> Response:
    if not is_image_id(image_id):
        raise gallery.unknown_image()
    page = gallery.listing(wired, image_id, PAGE_ITEMS, now, inclusive=True)
    if page.images and page.images[0].id == image_id:
        return _gallery(wired, request, page, page.images[0])
    found = status.of_one(wired, image_id, now)
    if found["status"] == "removed":
        raise gallery.unknown_image()
    if found["status"] == "ready":  # it has become ready since the listing
        return http.redirect(f"./?image={image_id}")
    script = asset("wait.js") if found["status"] == "pending" else ""
    return _render(request, "pending.html", 200, "", script, found=found, home=_home(request))


def _previous(wired: Wiring, image_id: str, now: float) -> Response:
    # A separate redirect, because the search for the newer neighbour takes several LISTs.
    newer = paging.newer_than(wired, paging.cursor({"previous": image_id}, "previous"), 1, now).images
    return http.redirect(f"./?image={newer[0].id}" if newer else "./")


def _gallery(wired: Wiring, request: Request, page: Listing, opened: Entry | None = None) -> Response:
    pictures = wired.settings.pictures_url or presign.place_of(wired.s3, wired.settings.resized_bucket).origin
    uploads = presign.place_of(wired.s3, wired.settings.upload_bucket).origin
    roles = request.caller.roles
    shapes = "".join(f".r{name}{{--r:{name / 100:g}}}" for name in sorted({shape(image) for image in page.images}))
    return _render(
        request,
        "gallery.html",
        200,
        shapes,
        origins=(pictures, uploads),
        page=page,
        opened=opened,
        # An open viewer covers the grid, and its picture comes first.
        eager=0 if opened else EAGER_ITEMS,
        bundles={name: bundle_version(name) for name in BUNDLES if name != "owner.js" or Role.OWNER in roles},
        accept=ACCEPT,
        max_bytes=wired.settings.max_upload_megabytes * 1_000_000,
        max_megapixels=wired.settings.max_image_megapixels,
        originals=wired.settings.originals_told,
        litter=" ".join(LITTER_FOLDERS),
        older=page.images[1].id if opened and len(page.images) > 1 else None,
        moved=not {"after", "before", "from", "image", "until"}.isdisjoint(request.query),
    )


def shape(entry: Entry) -> int:
    """Returns 100 times the ratio of width to height of a picture in the grid. The number names its CSS class."""
    return round(100 * min(max(entry.thumb.width / entry.thumb.height, MIN_RATIO), MAX_RATIO))


def _home(request: Request) -> str:
    # Relative, because on the local engine the gallery's path has a prefix that the function cannot see.
    return "../" * (request.path.count("/") - 1) or "./"


def _render(
    request: Request,
    template: str,
    code: int,
    shapes: str,
    script: str | None = None,
    origins: tuple[str, str] = ("", ""),
    **values: Any,
) -> Response:
    style = asset("page.css")
    script = joined(SCRIPTS) if script is None else script
    values["may"] = " ".join(sorted(request.caller.roles))
    text = _templates().get_template(template).render(style=style, shapes=shapes, script=script, **values)
    headers = {
        # The presigned URLs in the page are valid for an hour or more, but pictures arrive all the time.
        "cache-control": "private, no-cache",
        "content-security-policy": _policy([style, shapes], [asset("sizes.js"), script], *origins),
    }
    return http.text_answer(code, http.HTML, text, request, headers)


def _policy(styles: list[str], scripts: list[str], pictures: str, uploads: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            f"img-src data: {pictures}".strip(),
            f"connect-src 'self' {uploads}".strip(),
            f"form-action 'self' {uploads}".strip(),
            "style-src " + " ".join(_hashed(style) for style in styles if style),
            "script-src 'self' " + " ".join(map(_hashed, scripts)),
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        )
    )


def _hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def asset(name: str) -> str:
    """Returns the text of a file in assets/ without comments and indentation: a fifth of its compressed size."""
    text = _COMMENTS[Path(name).suffix].sub("", (HERE / "assets" / name).read_text("utf-8"))
    return "\n".join(line for line in map(str.strip, text.splitlines()) if line)


@cache
def joined(names: tuple[str, ...]) -> str:
    """Returns scripts joined to one. The scripts share their names, because they are no modules."""
    return "\n".join(['"use strict";', *map(asset, names)])


@cache
def bundle_version(name: str) -> str:
    """Returns the part of a bundle's address that changes with its text."""
    return hashlib.sha256(joined(BUNDLES[name]).encode()).hexdigest()[:16]


def bundle(request: Request, name: str) -> Response:
    """Answers a bundle of scripts. Browsers keep it for good under its version's address. Raises NotFound
    (`unknown-page`).

    While a new version is rolled out, the request may reach the old one, whose answer must not be kept.
    """
    if name not in BUNDLES:
        raise http.unknown_page()
    kept = request.query.get("v") == bundle_version(name)
    headers = {"cache-control": FOREVER} if kept else {}
    return http.text_answer(200, http.SCRIPT, joined(BUNDLES[name]), request, headers)


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals.update(shape=shape, sizes=asset("sizes.js"))
    environment.filters["day"] = _day
    return environment


def _day(iso: str) -> str:
    at = datetime.fromisoformat(iso)
    return f"{at.day} {at:%B %Y, %H:%M} UTC"
