"""HTTP API payload format 2.0, read and written: docs.aws.amazon.com/apigateway/latest/developerguide/
http-api-develop-integrations-lambda.html. HTTP APIs do not compress, so text is gzipped here."""

import base64
import gzip
import json
from typing import Any, NamedTuple, TypedDict

from shared.errors import DarkroomError, Unavailable

# Level 6 costs a third more CPU than 5 on a page of 60 and saves 1 % (bench/page.py).
GZIP_LEVEL = 5
# Below this a packet is not filled anyway.
MIN_GZIP_BYTES = 1000

SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "strict-transport-security": "max-age=31536000",
}


class BadRequest(DarkroomError):
    """What was asked for makes no sense: status 400."""


class NotFound(DarkroomError):
    """What was asked for is not there: status 404."""


class Request(NamedTuple):
    """What the gallery reads of a request. `query` has each parameter's last value."""

    method: str
    path: str
    query: dict[str, str]
    accepts_gzip: bool

    @property
    def wants_json(self) -> bool:
        """Whether an answer is JSON, errors too. A download is followed by people, so its errors are pages."""
        parts = self.path.strip("/").split("/")
        return parts[0] == "images" and parts[-1] != "download"


class Response(TypedDict):
    """An HTTP API's answer. Header names are in lower case."""

    statusCode: int
    headers: dict[str, str]
    body: str
    isBase64Encoded: bool


def read_request(event: dict[str, Any]) -> Request:
    """The request in `event`."""
    query = {name: values.rsplit(",", 1)[-1] if name != "ids" else values for name, values in _parameters(event)}
    encodings = event.get("headers", {}).get("accept-encoding", "")
    accepted = {part.split(";")[0].strip() for part in encodings.split(",") if "q=0" not in part.replace(" ", "")}
    return Request(event["requestContext"]["http"]["method"], event["rawPath"], query, "gzip" in accepted)


def answer(status: int, content_type: str, text: str, request: Request, headers: dict[str, str]) -> Response:
    """A text response, gzipped where that is accepted and pays."""
    body = text.encode()
    headers = SECURITY_HEADERS | {"content-type": content_type, "vary": "accept-encoding"} | headers
    if not request.accepts_gzip or len(body) < MIN_GZIP_BYTES:
        return {"statusCode": status, "headers": headers, "body": text, "isBase64Encoded": False}
    packed = base64.b64encode(gzip.compress(body, GZIP_LEVEL, mtime=0)).decode()
    headers["content-encoding"] = "gzip"
    return {"statusCode": status, "headers": headers, "body": packed, "isBase64Encoded": True}


def json_answer(value: object, request: Request, status: int = 200) -> Response:
    """`value` as JSON. Never cached: the next answer may be another."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return answer(status, "application/json; charset=utf-8", text, request, {"cache-control": "no-store"})


def problem_json(error: DarkroomError, request: Request) -> Response:
    """The error as `{"code", "sentence"}`."""
    return json_answer({"code": error.code, "sentence": error.sentence}, request, status_of(error))


def redirect(url: str) -> Response:
    """Sends the browser to `url`, this time only."""
    headers = SECURITY_HEADERS | {"location": url, "cache-control": "no-store"}
    return {"statusCode": 302, "headers": headers, "body": "", "isBase64Encoded": False}


def status_of(error: DarkroomError) -> int:
    """The HTTP status that says what kind of error it is."""
    match error:
        case NotFound():
            return 404
        case BadRequest():
            return 400
        case Unavailable():
            return 503
        case _:
            return 500


def _parameters(event: dict[str, Any]) -> list[tuple[str, str]]:
    # HTTP APIs join the values of a repeated parameter with commas; no parameter of ours but `ids` has one.
    return list((event.get("queryStringParameters") or {}).items())
