"""HTTP for the functions behind the API: reads requests, finds routes, writes answers, turns errors into answers.

The events are API Gateway's payload format 2.0:
docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html.
HTTP APIs do not compress, so `text_answer` compresses text with gzip.
"""

import base64
import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple, NotRequired, TypedDict

from shared.access import Caller, Forbidden, Guard, NotInvited, Role
from shared.errors import DarkroomError, Rejected, Unavailable
from shared.keys import is_image_id
from shared.limits import GZIP_LEVEL, MIN_GZIP_BYTES
from shared.log_events import RequestFailed
from shared.telemetry import tell

HTML = "text/html; charset=utf-8"
JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
SCRIPT = "text/javascript; charset=utf-8"

# Every answer has these headers, whichever function it comes from.
SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "strict-transport-security": "max-age=31536000",
}

# The status of a Rejected error is 400 unless its code is here.
_STATUS_BY_CODE = {"too-many-bytes": 413, "unsupported-type": 415}


class RequestError(DarkroomError):
    """A request that cannot be answered because of the request itself. Each subclass has its HTTP status."""

    status = HTTPStatus.BAD_REQUEST


class BadRequest(RequestError):
    """The request makes no sense."""


class NotFound(RequestError):
    """Nothing is at the request's address."""

    status = HTTPStatus.NOT_FOUND


class MethodNotAllowed(RequestError):
    """The address does not take the request's method; `allowed` lists the methods that it takes."""

    status = HTTPStatus.METHOD_NOT_ALLOWED

    def __init__(self, code: str, sentence: str, allowed: str = "") -> None:
        super().__init__(code, sentence)
        self.allowed = allowed


class Request(NamedTuple):
    """One HTTP request.

    `query` has the last value of each parameter, but all of `ids`. Header names are in lower case.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    caller: Caller = Caller()

    @property
    def accepts_gzip(self) -> bool:
        encodings = self.headers.get("accept-encoding", "").split(",")
        return "gzip" in {part.split(";")[0].strip() for part in encodings if "q=0" not in part.replace(" ", "")}


class Response(TypedDict):
    """An answer as API Gateway reads it. Header names are in lower case."""

    statusCode: int
    headers: dict[str, str]
    body: str
    isBase64Encoded: bool
    cookies: NotRequired[list[str]]


class Route(NamedTuple):
    """One method at one address, and the role that it needs.

    `path` may have `{}` for a part that `answer` gets as an argument after the request.
    """

    method: str
    path: str
    role: Role
    answer: Callable[..., Response]


type Problem = Callable[[DarkroomError, Request], Response]


def serve(event: dict[str, Any], routes: Sequence[Route], guard: Guard, problem: Problem) -> Response:
    """Answers the request in `event` by its route if `guard` admits it; `problem` answers every error.

    An answer of 5xx is logged.
    """
    request = read_request(event)
    try:
        route, parts = find(routes, request)
        return route.answer(request._replace(caller=guard.admit(request.headers, route.role)), *parts)
    except Exception as error:
        sentence = "The gallery could not answer. Try again in a moment."
        told = error if isinstance(error, DarkroomError) else DarkroomError("unexpected", sentence)
        if status_of(told) >= HTTPStatus.INTERNAL_SERVER_ERROR:
            tell(RequestFailed(path=request.path, code=told.code, sentence=told.sentence), exc_info=True)
    answer = problem(told, request)
    if isinstance(told, MethodNotAllowed):
        answer["headers"]["allow"] = told.allowed
    if isinstance(told, NotInvited):
        answer["headers"]["www-authenticate"] = "Bearer"
    return answer


def find(routes: Sequence[Route], request: Request) -> tuple[Route, list[str]]:
    """Returns the request's route, and the parts of the request's path that match `{}`.

    HEAD takes the route of GET. Raises NotFound (`unknown-page`) and MethodNotAllowed (`method-not-allowed`).
    """
    method = "GET" if request.method == "HEAD" else request.method
    there = [(route, parts) for route in routes if (parts := _parts(route.path, request.path)) is not None]
    for route, parts in there:
        if route.method == method:
            return route, parts
    if there:
        allowed = ", ".join(sorted({route.method for route, _ in there}))
        raise MethodNotAllowed("method-not-allowed", f"This address takes {allowed} and not {method}.", allowed)
    raise unknown_page()


def unknown_page() -> NotFound:
    """Returns the error for an address at which there is nothing."""
    return NotFound("unknown-page", "There is nothing at this address. The gallery is one step away.")


def checked_image_id(part: str) -> str:
    """Returns the image id in a part of an address. Raises NotFound (`unknown-page`) if the part is none."""
    if not is_image_id(part):
        raise unknown_page()
    return part


def _parts(pattern: str, path: str) -> list[str] | None:
    wanted, found = pattern.strip("/").split("/"), path.strip("/").split("/")
    if len(wanted) != len(found) or any(one not in {"{}", other} for one, other in zip(wanted, found, strict=True)):
        return None
    return [other for one, other in zip(wanted, found, strict=True) if one == "{}"]


def read_request(event: dict[str, Any]) -> Request:
    """Returns the request in `event`."""
    # HTTP APIs join the values of a repeated parameter with commas. Only `ids` may have several.
    given = (event.get("queryStringParameters") or {}).items()
    query = {name: values if name == "ids" else values.rsplit(",", 1)[-1] for name, values in given}
    text = event.get("body") or ""
    body = base64.b64decode(text) if event.get("isBase64Encoded") else text.encode("utf-8", "surrogatepass")
    method = event["requestContext"]["http"]["method"]
    headers = dict(event.get("headers") or {})
    if cookies := event.get("cookies"):  # API Gateway takes the cookies out of the headers
        headers["cookie"] = "; ".join(cookies)
    return Request(method, event["rawPath"], query, headers, body)


def text_answer(
    status: int, content_type: str, text: str, request: Request, headers: Mapping[str, str] | None = None
) -> Response:
    """Returns a text answer, with gzip if the client accepts it and the text is not short.

    No cache keeps the answer unless `headers` say so.
    """
    body = text.encode()
    common = {"content-type": content_type, "vary": "accept-encoding", "cache-control": "no-store"}
    all_headers = SECURITY_HEADERS | common | dict(headers or {})
    if not request.accepts_gzip or len(body) < MIN_GZIP_BYTES:
        return {"statusCode": status, "headers": all_headers, "body": text, "isBase64Encoded": False}
    packed = base64.b64encode(gzip.compress(body, GZIP_LEVEL, mtime=0)).decode()
    all_headers["content-encoding"] = "gzip"
    return {"statusCode": status, "headers": all_headers, "body": packed, "isBase64Encoded": True}


def json_answer(value: object, request: Request, status: int = 200) -> Response:
    """Returns `value` as JSON."""
    return text_answer(status, JSON, json.dumps(value, ensure_ascii=False, separators=(",", ":")), request)


def json_problem(error: DarkroomError, request: Request) -> Response:
    """Returns the error as `{"code", "sentence"}`."""
    return json_answer({"code": error.code, "sentence": error.sentence}, request, status_of(error))


def redirect(url: str, status: int = HTTPStatus.FOUND) -> Response:
    """Sends the browser to `url`, this time only."""
    headers = SECURITY_HEADERS | {"location": url, "cache-control": "no-store"}
    return {"statusCode": status, "headers": headers, "body": "", "isBase64Encoded": False}


def status_of(error: DarkroomError) -> int:
    """Returns the HTTP status of an error."""
    match error:
        case RequestError():
            return error.status
        case NotInvited():
            return HTTPStatus.UNAUTHORIZED
        case Forbidden():
            return HTTPStatus.FORBIDDEN
        case Rejected():
            return _STATUS_BY_CODE.get(error.code, HTTPStatus.BAD_REQUEST)
        case Unavailable():
            return HTTPStatus.SERVICE_UNAVAILABLE
        case _:
            return HTTPStatus.INTERNAL_SERVER_ERROR
