"""The HTTP API in one process: a WSGI application that hands each request to the function that the template names."""

import base64
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl

from functions.ingest import handler as door
from functions.list import handler as gallery
from functions.remove import handler as removal
from shared.http import Route
from tests.support.context import Context
from tests.support.template import of_type

MODULES: dict[str, ModuleType] = {"IngestFunction": door, "ListFunction": gallery, "RemoveFunction": removal}


def template_routes() -> dict[str, str]:
    """Return the function of each route key in the template."""
    targets = {
        name: properties["IntegrationUri"]["Fn::GetAtt"].split(".")[0]
        for name, properties in of_type("AWS::ApiGatewayV2::Integration").items()
    }
    return {
        properties["RouteKey"]: targets[properties["Target"]["Fn::Sub"].partition("${")[2].rstrip("}")]
        for properties in of_type("AWS::ApiGatewayV2::Route").values()
    }


def every_route() -> list[tuple[str, Route]]:
    """Return each route of each function."""
    return [(function, route) for function, module in MODULES.items() for route in module.ROUTES]


def function_of(method: str, path: str) -> str:
    """Return the function to which API Gateway hands a request: the most specific route key wins."""
    found = {key: name for key, name in template_routes().items() if key != "$default" and _fits(key, method, path)}
    return min(found.items(), key=lambda item: item[0].count("{"))[1] if found else template_routes()["$default"]


def _fits(key: str, method: str, path: str) -> bool:
    wanted_method, _, pattern = key.partition(" ")
    wanted, parts = pattern.strip("/").split("/"), path.strip("/").split("/")
    fits = zip(wanted, parts, strict=False)
    return wanted_method == method and len(wanted) == len(parts) and all(a.startswith("{") or a == b for a, b in fits)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Serve one request, as WSGI demands it."""
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace") or "/"
    query: dict[str, str] = {}
    for name, value in parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True):
        query[name] = f"{query[name]},{value}" if name in query else value
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    headers.pop("accept-encoding", None)  # the client of this application does not decompress
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    event = {
        "version": "2.0",
        "rawPath": path,
        "headers": headers,
        "queryStringParameters": query,
        "requestContext": {"http": {"method": method, "path": path}},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }
    answer = MODULES[function_of(method, path)].handle(event, Context())
    sent = [*answer["headers"].items(), *(("set-cookie", cookie) for cookie in answer.get("cookies", []))]
    start_response(f"{answer['statusCode']} Answer", sent)
    text = answer["body"]
    return [base64.b64decode(text) if answer["isBase64Encoded"] else text.encode("utf-8", "surrogatepass")]
