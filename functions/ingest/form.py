"""The upload form for browsers without scripts. It posts to S3, and S3 redirects the browser to the picture."""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from functions.ingest.door import ticket_seconds
from shared.keys import upload_key
from shared.limits import FORM_SECONDS, MAX_POST_BYTES
from shared.media import ACCEPT
from shared.names import NAMELESS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

HERE = Path(__file__).parent


def page(s3: "S3Client", bucket: str, max_bytes: int, gallery_url: str, image_id: str) -> tuple[str, dict[str, str]]:
    """Returns the page and the headers that it needs.

    The ticket in the page is issued before a file is chosen: the key has the name NAMELESS, and the resizer reads the
    type from the bytes. S3 can put `${filename}` into a key, but unescaped, and our keys are ASCII.

    The ticket takes a file of any size: S3 would answer XML to an empty file or to one over `max_bytes`. The resizer
    rejects such a file without reading it, and the gallery's page shows the reason. Only a file over MAX_POST_BYTES
    still ends on S3's XML.

    S3 would also answer XML to a form that is older than its ticket. The style hides the button after FORM_SECONDS.
    The ticket lives longer than that by the time that a file takes on the slowest line.
    """
    redirect = {"success_action_redirect": f"{gallery_url}?image={image_id}"}
    post = s3.generate_presigned_post(
        Bucket=bucket,
        Key=upload_key(image_id, NAMELESS),
        Fields=dict(redirect),
        Conditions=[redirect, ["content-length-range", 0, MAX_POST_BYTES]],
        ExpiresIn=ticket_seconds(max_bytes, FORM_SECONDS),
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
        minutes=FORM_SECONDS // 60,
        accept=ACCEPT,
    )
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    # Browsers apply form-action to the redirect as well, so the policy names S3 and the gallery that S3 redirects to.
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
        f"form-action {_origin(post['url'])} {_origin(gallery_url)}; base-uri 'none'; frame-ancestors 'none'"
    )
    return text, {"content-security-policy": policy}


def gallery_url(headers: Mapping[str, str], configured: str = "") -> str:
    """Returns the gallery's absolute address as the browser knows it: S3 redirects to absolute addresses only.

    Behind a CDN the address is `configured`, because CloudFront replaces the Host header by the API's name. On the
    local engine the gallery's path has a prefix that the function cannot see. The Referer header contains the prefix if
    it names this host. Without the header, the gallery is at the API's root.
    """
    if configured:
        return configured
    host = headers.get("host", "")
    linked = urlsplit(headers.get("referer", ""))
    if linked.scheme in {"http", "https"} and linked.netloc == host:
        return urlunsplit(
            (linked.scheme, host, linked.path.removesuffix("uploads/new").rpartition("/")[0] + "/", "", "")
        )
    return f"https://{host}/"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


@cache
def _files() -> tuple[str, Template]:
    style = Template((HERE / "form.css").read_text("utf-8")).substitute(seconds=FORM_SECONDS)
    return style, Template((HERE / "form.html").read_text("utf-8"))
