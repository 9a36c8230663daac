"""The door for browsers without scripts: a page whose form goes straight to S3, which then leads to the picture."""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from shared.keys import NAMELESS, upload_key
from shared.limits import TICKET_SECONDS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

HERE = Path(__file__).parent


def page(s3: "S3Client", bucket: str, max_bytes: int, gallery_url: str, image_id: str) -> tuple[str, dict[str, str]]:
    """The page, and the headers it needs.

    Its ticket cannot know the file: the key's name is NAMELESS, and resize finds out the type from the bytes. (S3 would
    put `${filename}` into the key, but as people typed it, which no key of ours allows.)
    """
    redirect = {"success_action_redirect": f"{gallery_url}?image={image_id}"}
    post = s3.generate_presigned_post(
        Bucket=bucket,
        Key=upload_key(image_id, NAMELESS),
        Fields=dict(redirect),
        Conditions=[redirect, ["content-length-range", 1, max_bytes]],
        ExpiresIn=TICKET_SECONDS,
    )
    style, template = _files()
    fields = "\n    ".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in post["fields"].items()
    )
    text = template.substitute(
        style=style,
        url=escape(post["url"]),
        fields=fields,
        megabytes=max_bytes // 1_000_000,
        minutes=TICKET_SECONDS // 60,
    )
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    target = urlsplit(post["url"])
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
        f"form-action 'self' {target.scheme}://{target.netloc}; base-uri 'none'; frame-ancestors 'none'"
    )
    return text, {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
    }


def gallery_url(headers: Mapping[str, str]) -> str:
    """The gallery's address, as the browser knows it: where S3 is to lead back to needs one that is absolute.

    The page that linked to the form tells it, if it is of this host; on the local engine the gallery lies under a path
    that it is not told otherwise. Else it is the API's root.
    """
    host = headers.get("host", "")
    linked = urlsplit(headers.get("referer", ""))
    if linked.scheme in {"http", "https"} and linked.netloc == host:
        return urlunsplit(
            (linked.scheme, host, linked.path.removesuffix("uploads/new").rpartition("/")[0] + "/", "", "")
        )
    return f"https://{host}/"


@cache
def _files() -> tuple[str, Template]:
    return (HERE / "form.css").read_text("utf-8"), Template((HERE / "form.html").read_text("utf-8"))
