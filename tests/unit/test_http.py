"""The HTTP layer that door and gallery share."""

import importlib
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from functions.ingest import handler as door
from functions.list import handler as gallery
from shared import http
from shared.access import Role
from shared.errors import DarkroomError, Unavailable
from shared.http import Request, Route
from tests.support.context import Context
from tests.support.gallery import OPEN


def event(method: str, path: str, **more: Any) -> dict[str, Any]:
    return {"rawPath": path, "headers": {}, "requestContext": {"http": {"method": method}}} | more


HANDLERS = pytest.mark.parametrize("handler", [door, gallery], ids=["door", "gallery"])


@HANDLERS
def test_every_answer_has_the_security_headers(handler: ModuleType) -> None:
    for route in handler.ROUTES:
        answer = handler.handle(event(route.method, route.path), Context())
        assert http.SECURITY_HEADERS.items() <= answer["headers"].items()
    assert http.SECURITY_HEADERS.items() <= handler.handle(event("GET", "/no/where"), Context())["headers"].items()


@HANDLERS
def test_wrong_settings_are_logged_at_start_and_answered_with_503(
    handler: ModuleType, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("UPLOAD_BUCKET", "uploads")
    monkeypatch.setenv("RESIZED_BUCKET", "resized")
    monkeypatch.setenv("MAX_UPLOAD_MEGABYTES", "lots")
    monkeypatch.setenv("VIEW_ACCESS", "open")
    monkeypatch.setenv("UPLOAD_ACCESS", "open")
    importlib.reload(handler)
    assert "MAX_UPLOAD_MEGABYTES='lots'" in vars(caplog.records[0])["sentence"]
    route = handler.ROUTES[0]
    answer = handler.handle(event(route.method, route.path, body=json.dumps({"name": "cat.jpg"})), Context())
    assert answer["statusCode"] == 503
    assert "MAX_UPLOAD_MEGABYTES" in answer["body"]

    monkeypatch.setenv("MAX_UPLOAD_MEGABYTES", "7")
    importlib.reload(handler)
    assert handler.settings().max_upload_megabytes == 7


def answer(request: Request, *parts: str) -> http.Response:
    return http.json_answer([request.method, *parts], request)


ROUTES = (
    Route("GET", "/things/{}", Role.ANYONE, answer),
    Route("DELETE", "/things/{}", Role.ANYONE, answer),
    Route("GET", "/", Role.ANYONE, answer),
)


def served(method: str, path: str) -> http.Response:
    return http.serve(event(method, path), ROUTES, OPEN, http.json_problem)


def test_a_route_takes_its_method_and_hands_over_the_open_parts() -> None:
    assert json.loads(served("GET", "/things/a")["body"]) == ["GET", "a"]
    assert json.loads(served("DELETE", "/things/b/")["body"]) == ["DELETE", "b"]
    assert json.loads(served("HEAD", "/")["body"]) == ["HEAD"]
    assert served("GET", "/things")["statusCode"] == 404
    assert served("GET", "/things/a/b")["statusCode"] == 404


def test_another_method_is_answered_with_405_and_the_methods_allowed() -> None:
    refused = served("PUT", "/things/a")
    assert (refused["statusCode"], refused["headers"]["allow"]) == (405, "DELETE, GET")


def test_an_unexpected_error_is_logged_and_answered_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    def broken(request: Request) -> http.Response:
        raise ValueError("a secret")

    failed = http.serve(event("GET", "/"), [Route("GET", "/", Role.ANYONE, broken)], OPEN, http.json_problem)
    assert failed["statusCode"] == 500
    assert "secret" not in failed["body"]
    assert json.loads(failed["body"])["code"] == "unexpected"
    assert [record.getMessage() for record in caplog.records] == ["request failed"]


def test_only_ids_may_have_several_values() -> None:
    request = http.read_request(event("GET", "/", queryStringParameters={"ids": "a,b", "limit": "1,2"}))
    assert request.query == {"ids": "a,b", "limit": "2"}


def test_each_kind_of_error_has_its_status() -> None:
    assert http.status_of(Unavailable("storage-unavailable", "Later.")) == 503
    assert http.status_of(DarkroomError("unexpected", "Later.")) == 500


def test_the_readme_has_the_curl_line_of_the_refusal() -> None:
    from functions.ingest.door import SEND_NO_FILE

    found = re.search(r"curl -sX POST [^`]*", SEND_NO_FILE)
    assert found
    assert found[0] in (Path(__file__).parents[2] / "README.md").read_text()
