"""POST /uploads: answers a ticket for one upload. GET /uploads/new: the same as a form."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response, content_types

from functions.ingest import door, form
from functions.ingest.settings import settings
from shared import telemetry
from shared.errors import Rejected
from shared.keys import new_image_id
from shared.storage import s3_client
from shared.telemetry import observed, tell

app = APIGatewayHttpResolver()

# Any other refusal is 400.
STATUS_BY_CODE = {"too-many-bytes": 413, "unsupported-type": 415}


@app.post("/uploads")
def upload_requested() -> Response[str]:
    event = app.current_event
    for_curl = event.get_query_string_value("as") == "curl"
    try:
        wanted = (
            door.wish(event.get_query_string_value("name") or "", event.get_query_string_value("type"), None)
            if for_curl
            else door.read_json(event.decoded_body or "")
        )
        issued = door.ticket(
            s3_client(), settings().upload_bucket, wanted, max_bytes=settings().max_bytes, now=datetime.now(UTC)
        )
    except Rejected as refused:
        tell(telemetry.TicketRefused(code=refused.code, sentence=refused.sentence))
        status = STATUS_BY_CODE.get(refused.code, 400)
        if for_curl:
            return Response(status, content_types.TEXT_PLAIN, door.refusal_as_curl(refused))
        return Response(status, content_types.APPLICATION_JSON, door.refusal_as_json(refused))
    ticketed = telemetry.UploadTicketed(
        image_id=issued.id, file_name=wanted.name, media_type=wanted.media_type, size_bytes=wanted.size_bytes
    )
    tell(ticketed)
    if for_curl:
        return Response(201, content_types.TEXT_PLAIN, door.as_curl(issued))
    return Response(201, content_types.APPLICATION_JSON, door.as_json(issued))


@app.get("/uploads/new")
def form_requested() -> Response[str]:
    gallery_url = form.gallery_url(app.current_event.headers)
    image_id = new_image_id(datetime.now(UTC))
    text, headers = form.page(s3_client(), settings().upload_bucket, settings().max_bytes, gallery_url, image_id)
    tell(telemetry.UploadTicketed(image_id=image_id))
    return Response(200, "text/html; charset=utf-8", text, dict(headers))


@observed
def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The Lambda entry point; `event` is API Gateway's payload 2.0."""
    return app.resolve(event, context)
