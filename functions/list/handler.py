"""The gallery over HTTP: answers pages and JSON."""

from functools import cache
from typing import Any

from functions.list import entrance, gallery, page, paging, status
from functions.list.settings import Settings, Wiring
from shared import access, clock, config, http
from shared.access import Guard, Role
from shared.http import Request, Response, Route, checked_image_id
from shared.limits import MAX_STATUS_IDS, PAGE_ITEMS
from shared.storage import s3_client
from shared.telemetry import observed

settings = config.at_start(Settings)
guard = Guard(config.at_start(access.Settings))


@cache
def wiring() -> Wiring:
    """Returns settings and S3 client, made once per execution environment. Raises Unavailable (`misconfigured`)."""
    return Wiring(settings(), s3_client())


@observed
def handle(event: dict[str, Any], context: object) -> Response:  # noqa: ARG001
    """Answers one request to the API."""
    return http.serve(event, ROUTES, guard, page.problem)


def _page(request: Request) -> Response:
    return page.show(wiring(), request, clock.now().timestamp())


def _images(request: Request) -> Response:
    now = clock.now().timestamp()
    if ids := request.query.get("ids"):
        return http.json_answer(status.of_many(wiring(), status.wanted_ids(ids, MAX_STATUS_IDS), now), request)
    limit = paging.limit_from(request.query.get("limit", str(PAGE_ITEMS)))
    return http.json_answer(gallery.as_json(paging.page(wiring(), request.query, limit, now)), request)


def _image(request: Request, image_id: str) -> Response:
    return http.json_answer(status.of_one(wiring(), checked_image_id(image_id), clock.now().timestamp()), request)


def _download(_request: Request, image_id: str) -> Response:
    return http.redirect(gallery.download_url(wiring(), checked_image_id(image_id), clock.now().timestamp()))


def _enter(request: Request) -> Response:
    return entrance.enter(guard, request)


def _leave(_request: Request) -> Response:
    return entrance.leave()


ROUTES = (
    Route("GET", "/", Role.VIEWER, _page),
    Route("GET", "/images", Role.VIEWER, _images),
    Route("GET", "/images/{}", Role.VIEWER, _image),
    Route("GET", "/images/{}/download", Role.VIEWER, _download),
    Route("GET", "/assets/{}", Role.ANYONE, page.bundle),
    Route("GET", "/enter", Role.ANYONE, page.enter),
    Route("POST", "/enter", Role.ANYONE, _enter),
    Route("POST", "/leave", Role.ANYONE, _leave),
)
