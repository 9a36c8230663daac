"""The gallery over HTTP: an HTTP API request in (payload format 2.0), a page or JSON out."""

import time
from typing import Any

from aws_lambda_powertools import Logger

from functions.list import gallery, page, paging, responses, status
from functions.list.responses import NotFound, Request, Response
from functions.list.settings import Wiring, wiring
from shared.errors import DarkroomError
from shared.keys import is_image_id
from shared.limits import MAX_STATUS_IDS, PAGE_ITEMS

logger = Logger(service="list")


def handle(event: dict[str, Any], context: object) -> Response:  # noqa: ARG001
    """Answers one request. What went wrong becomes a sentence: JSON under `images`, a page everywhere else."""
    request = responses.read_request(event)
    try:
        return _route(request, wiring())
    except DarkroomError as error:
        problem = error
    except Exception:
        logger.exception("the request could not be answered", path=request.path)
        problem = DarkroomError("unexpected", "The gallery could not answer. Try again in a moment.")
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
