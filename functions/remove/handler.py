"""Removes and restores pictures over HTTP, in a separate function: the gallery's role cannot delete anything."""

from dataclasses import dataclass
from typing import Any

from functions.remove import copies, receipts
from shared import access, clock, config, http, removal
from shared.access import Guard, Role
from shared.http import NotFound, Request, Response, Route, checked_image_id
from shared.log_events import PictureRemoved, PictureRestored
from shared.removal import NothingThere, Place
from shared.storage import s3_client
from shared.telemetry import observed, tell


@dataclass(frozen=True, slots=True)
class Settings:
    """The environment variables of RemoveFunction, in lower case. `distribution_id` is empty without a CDN."""

    upload_bucket: str
    resized_bucket: str
    distribution_id: str = ""


settings = config.at_start(Settings)
guard = Guard(config.at_start(access.Settings))


@observed
def handle(event: dict[str, Any], context: object) -> Response:  # noqa: ARG001
    """Answers one request to the API."""
    return http.serve(event, ROUTES, guard, http.json_problem)


def _remove(request: Request, image_id: str) -> Response:
    return _removed(request, image_id, request.caller.name)


def _withdraw(request: Request, image_id: str) -> Response:
    """Removes an upload for its uploader, who has no other right to it than the ticket's receipt."""
    receipts.check(_place(), checked_image_id(image_id), request.headers.get("x-receipt", ""), clock.now())
    return _removed(request, image_id, request.caller.name or "uploader")


def _removed(request: Request, image_id: str, by: str) -> Response:
    place = _place()
    try:
        keys = removal.remove(place, checked_image_id(image_id), clock.now())
    except NothingThere as error:
        # With a CDN, a second removal deletes the CDN's copies that the first removal did not reach.
        if not (settings().distribution_id and removal.is_removed(place.s3, place.resized, image_id)):
            raise NotFound(error.code, error.sentence) from error
        keys = []
    if distribution := settings().distribution_id:
        copies.forget(distribution, image_id)
    tell(PictureRemoved(image_id=image_id, caller=by, objects=len(keys)))
    return http.json_answer({"id": image_id, "status": "removed"}, request)


def _restore(request: Request, image_id: str) -> Response:
    try:
        keys = removal.restore(_place(), checked_image_id(image_id))
    except NothingThere as error:
        raise NotFound(error.code, error.sentence) from error
    tell(PictureRestored(image_id=image_id, caller=request.caller.name, objects=len(keys)))
    return http.json_answer({"id": image_id, "status": "ready"}, request)


def _place() -> Place:
    return Place(s3_client(), settings().upload_bucket, settings().resized_bucket)


ROUTES = (
    Route("DELETE", "/images/{}", Role.OWNER, _remove),
    Route("POST", "/images/{}/restore", Role.OWNER, _restore),
    Route("DELETE", "/uploads/{}", Role.UPLOADER, _withdraw),
)
