"""API Gateway's part in CORS, which the local engine lacks: a proxy that applies the template's CorsConfiguration.

It answers preflight requests itself and adds headers to the API's answers, as AWS documents for HTTP APIs
(docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html). The engine applies the bucket's rules itself.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import httpx

from tests.support.http_server import Answer, Handler, serving
from tests.support.template import RESOURCES


def cors_headers(origins: str, method: str, headers: Mapping[str, str]) -> dict[str, str]:
    """Return the CORS headers of the API's answer to a request, if the parameter AllowedOrigins is `origins`."""
    configured = RESOURCES["Api"]["Properties"]["CorsConfiguration"]["Fn::If"]
    assert configured[0] == "HasAllowedOrigins"
    assert configured[1]["AllowOrigins"] == {"Fn::Split": [",", {"Ref": "AllowedOrigins"}]}
    origin = headers.get("origin", "")
    if not origins or origin not in origins.split(","):
        return {}
    rules = configured[1]
    answer = {"access-control-allow-origin": origin, "vary": "origin"}
    if method == "OPTIONS":
        answer["access-control-allow-methods"] = ",".join(rules["AllowMethods"])
        answer["access-control-allow-headers"] = ",".join(rules["AllowHeaders"])
        answer["access-control-max-age"] = str(rules["MaxAge"])
    return answer


class _ApiGateway(Handler):
    gallery_url: str
    origins: str

    def handle_any(self) -> None:
        body, headers = self.body(), self.lower_headers()
        added = cors_headers(self.origins, self.command, headers)
        if self.command == "OPTIONS":
            self.answer(Answer(204, added))
            return
        for name in ("host", "connection", "accept-encoding", "content-length"):
            headers.pop(name, None)
        answer = httpx.request(
            self.command, self.gallery_url + self.path.lstrip("/"), headers=headers, content=body, timeout=60
        )
        sent = {"content-type": answer.headers["content-type"], **added}
        self.answer(Answer(answer.status_code, sent, answer.content))


class _Site(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Write nothing to stderr."""


@contextmanager
def api_gateway(gallery_url: str, origins: str) -> Iterator[str]:
    """Serve the API of a gallery as with the parameter AllowedOrigins; yield its address."""
    attributes = {"gallery_url": gallery_url, "origins": origins}
    with serving(type("ApiGateway", (_ApiGateway,), attributes)) as address:
        yield f"{address}/"


@contextmanager
def site(folder: Path) -> Iterator[str]:
    """Serve a folder as a separate site; yield its origin."""
    with serving(partial(_Site, directory=str(folder))) as address:
        yield address
