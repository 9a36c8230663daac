"""The gallery over HTTP: an HTTP API request in (payload format 2.0), a page or JSON out."""

import time
from http import HTTPStatus
from typing import Any

from functions.list import gallery, page, paging, responses, status
from functions.list.responses import NotFound, Request, Response
from functions.list.settings import Wiring, wiring
from shared.errors import DarkroomError
from shared.keys import is_image_id
from shared.limits import MAX_STATUS_IDS, PAGE_ITEMS
from shared.telemetry import RequestFailed, observed, tell


@observed
def handle(event: dict[str, Any], context: object) -> Response:  # noqa: ARG001
    """Answers one request. What went wrong becomes a sentence: JSON under `images`, a page everywhere else."""
    request = responses.read_request(event)
    try:
        return _route(request, wiring())
    except Exception as error:
        sentence = "The gallery could not answer. Try again in a moment."
        problem = error if isinstance(error, DarkroomError) else DarkroomError("unexpected", sentence)
        if responses.status_of(problem) >= HTTPStatus.INTERNAL_SERVER_ERROR:
            failed = RequestFailed(path=request.path, code=problem.code, sentence=problem.sentence)
            tell(failed, exc_info=True)
    if request.wants_json:
        return responses.problem_json(problem, request)
    return page.problem(problem, request)


def _route(request: Request, wired: Wiring) -> Response:
    match request.path.strip("/").split("/"):
        case [""]:
            return page.show(wired, request, time.time())
        case ["images"] if ids := request.query.get("ids"):
            wanted = status.wanted_ids(ids, MAX_STATUS_IDS)
            return responses.json_answer(status.of_many(wired, wanted, time.time()), request)
        case ["images"]:
            limit = paging.limit_from(request.query.get("limit", str(PAGE_ITEMS)))
            found = paging.page(wired, request.query, limit, time.time())
            return responses.json_answer(gallery.as_json(found), request)
        case ["images", image_id] if is_image_id(image_id):
            return responses.json_answer(status.of_one(wired, image_id, time.time()), request)
        case ["images", image_id, "download"] if is_image_id(image_id):
            return responses.redirect(gallery.download_url(wired, image_id, time.time()))
        case _:
            raise NotFound("unknown-page", "There is nothing at this address. The gallery is one step away.")
