"""The upload door over HTTP: answers tickets for uploads, and a form for browsers without scripts."""

from http import HTTPStatus
from typing import Any

from functions.ingest import door, form
from functions.ingest.settings import Settings
from shared import access, clock, config, http, log_events
from shared.access import Guard, NotInvited, Role
from shared.errors import DarkroomError, Rejected
from shared.http import Request, Response, Route
from shared.keys import new_image_id
from shared.storage import s3_client
from shared.telemetry import observed, tell

settings = config.at_start(Settings)
guard = Guard(config.at_start(access.Settings))


@observed
def handle(event: dict[str, Any], context: object) -> Response:  # noqa: ARG001
    """Answers one request to the API."""
    return http.serve(event, ROUTES, guard, _problem)


def _ticket(request: Request) -> Response:
    wanted = door.read_query(request.query) if _for_curl(request) else door.read_json(request.body)
    issued = door.ticket(s3_client(), settings().upload_bucket, wanted, settings().max_bytes, clock.now())
    ticketed = log_events.UploadTicketed(
        image_id=issued.id, file_name=wanted.name, media_type=wanted.media_type, size_bytes=wanted.size_bytes
    )
    tell(ticketed)
    if _for_curl(request):
        return http.text_answer(201, http.TEXT, door.as_curl(issued), request)
    return http.json_answer(door.as_json(issued), request, 201)


def _form(request: Request) -> Response:
    image_id = new_image_id(clock.now())
    gallery_url = form.gallery_url(request.headers, settings().gallery_url)
    text, headers = form.page(s3_client(), settings().upload_bucket, settings().max_bytes, gallery_url, image_id)
    tell(log_events.UploadTicketed(image_id=image_id))
    return http.text_answer(200, http.HTML, text, request, headers)


def _problem(error: DarkroomError, request: Request) -> Response:
    if isinstance(error, Rejected):
        tell(log_events.TicketRefused(code=error.code, sentence=error.sentence))
    if isinstance(error, NotInvited) and request.method == "GET":
        return http.redirect("../enter?to=uploads/new", HTTPStatus.SEE_OTHER)
    if _for_curl(request):
        return http.text_answer(http.status_of(error), http.TEXT, door.refusal_as_curl(error), request)
    return http.json_problem(error, request)


def _for_curl(request: Request) -> bool:
    return request.query.get("as") == "curl"


ROUTES = (
    Route("POST", "/uploads", Role.UPLOADER, _ticket),
    Route("GET", "/uploads/new", Role.UPLOADER, _form),
)
