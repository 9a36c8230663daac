"""Each section of the runbook with its real trouble. The trouble happens to the real handlers, the section's commands
run, the cause is repaired, and the uploads end. Every section needs an entry here.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from typer.testing import CliRunner

from functions.list import handler as gallery
from functions.remove import copies
from functions.remove import handler as remove
from functions.resize import handler as resize
from functions.resize.render import render
from functions.resize.work import Settings, resize_upload
from ops.cli import app
from shared import access, config, settling, start, storage
from shared.access import Guard
from shared.errors import Unavailable
from shared.events import Upload
from shared.limits import MAX_RECEIVES
from tests.support.context import Context
from tests.support.operated import Darkroom, operated
from tests.support.pictures import plain_jpeg
from tests.support.roles import DEAD, QUEUE, Open, announced
from tests.support.runbook import NEVER_IN_LETTERS, SECTIONS, commands_of, to_run


@dataclass(frozen=True)
class Trouble:
    """What happens, what repairs its cause, and whether the section's commands then end every upload.

    `commands` is False for a section whose remedy is in AWS's console or in a deployment.
    """

    happens: Callable[[Darkroom], None]
    repair: Callable[[Darkroom], None] = lambda room: room.render()
    ends_ready: bool = True
    commands: bool = True


def refused(code: str) -> Callable[[], Exception]:
    return lambda: ClientError({"Error": {"Code": code, "Message": "No."}}, "GetObject")


def unreachable() -> Exception:
    return EndpointConnectionError(endpoint_url="https://uploads.s3.eu-west-1.amazonaws.com")


def of_renderer(code: str) -> Trouble:
    """A picture that the renderer gives up in each of five attempts."""

    def happens(room: Darkroom) -> None:
        room.upload()
        room.render(Unavailable(code, "Because."))
        room.receive()

    return Trouble(happens)


def after_s3_failed(error: Callable[[], Exception], *, waited: bool = False) -> Trouble:
    def happens(room: Darkroom) -> None:
        room.upload()
        room.fail(error)
        room.receive(waited=waited)

    return Trouble(happens, lambda room: room.fail(None))


def waits(room: Darkroom) -> None:
    room.upload()
    room.fail(unreachable)
    room.receive(attempts=1)
    assert room.letters() == 0


def no_time(room: Darkroom) -> None:
    room.upload()
    room.render(Unavailable("never", "It is not asked."))
    room.patch.setattr(resize, "resize", _without_time)
    room.receive(seconds=15, waited=True)


def _without_time(_: Upload) -> None:
    from shared.deadline import no_time_left

    raise no_time_left()


def replaced(room: Darkroom) -> None:
    upload = room.upload()
    put = boto3.Session().client("s3").put_object
    room.receive(attempts=1)  # The image has renditions of its first content.
    second = room.account.put(upload.key, plain_jpeg(99, 100))
    third = [plain_jpeg(98, 100)]

    def overtake(params: dict[str, Any], **_: Any) -> None:
        """Upload a third content while the second content's renditions replace the first content's."""
        if params["Key"].startswith("thumb/") and "IfNoneMatch" not in params and third:
            put(Bucket="uploads", Key=upload.key, Body=third.pop())

    storage.s3_client().meta.events.register("before-parameter-build.s3.PutObject", overtake)
    room.receive(announced(second))


def foreign(room: Darkroom) -> None:
    room.patch.setenv("EVENTS_BUCKET", "uploads")
    settling.own_queues.cache_clear()
    room.receive(announced(Upload("somebody-elses", "a.jpg", "e" * 32, 1, datetime.now(UTC))))


def misconfigured(room: Darkroom) -> None:
    room.upload()
    wrong = config.at_start(Settings)  # nothing is set
    room.patch.setattr(resize, "resize", lambda one: resize_upload(storage.s3_client(), one, wrong(), render))
    room.receive()


def not_importable(room: Darkroom) -> None:
    room.upload()
    room.receive(handle=start.load("no_such_package.handler.handle"), attempts=1)


def unexpected(room: Darkroom) -> None:
    room.upload()
    room.render(ValueError("a bug"))
    room.receive()


def moved_by_sqs(room: Darkroom) -> None:
    upload, sqs = room.upload(), room.account.sqs
    arn = sqs.get_queue_attributes(QueueUrl=DEAD, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {"deadLetterTargetArn": arn, "maxReceiveCount": MAX_RECEIVES}
    sqs.set_queue_attributes(QueueUrl=QUEUE, Attributes={"RedrivePolicy": json.dumps(policy)})
    sqs.send_message(QueueUrl=QUEUE, MessageBody=announced(upload))
    for _ in range(MAX_RECEIVES + 1):  # the function's process is killed each time
        sqs.receive_message(QueueUrl=QUEUE, VisibilityTimeout=0)
    assert room.letters() == 1


def undelivered(room: Darkroom) -> None:
    texts = {"ErrorCode": "AccessDenied", "ErrorMessage": "No.", "RequestID": "r"}
    attributes: Any = {name: {"DataType": "String", "StringValue": text} for name, text in texts.items()}
    room.account.sqs.send_message(QueueUrl=DEAD, MessageBody=announced(room.upload()), MessageAttributes=attributes)


def undelivered_and_lost(room: Darkroom) -> None:
    undelivered(room)
    room.upload()  # its event was lost


def lost(room: Darkroom) -> None:
    room.upload()


def backlog(room: Darkroom) -> None:
    for _ in range(3):
        room.account.sqs.send_message(QueueUrl=QUEUE, MessageBody=announced(room.upload()))


def no_key(room: Darkroom) -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:none"
    room.patch.setattr(gallery, "guard", Guard(lambda: access.Settings("resized", arn)))
    headers = {"host": "g", "authorization": "Bearer a.b"}
    event = {"rawPath": "/", "headers": headers, "requestContext": {"http": {"method": "GET"}}}
    assert gallery.handle(event, Context())["statusCode"] == 503


def copies_remain(room: Darkroom) -> None:
    class CloudFront:
        def create_invalidation(self, **_: Any) -> None:
            raise ClientError({"Error": {"Code": "TooManyInvalidationsInProgress"}}, "CreateInvalidation")

    upload = room.upload()
    room.receive(attempts=1)
    room.patch.setattr(remove, "settings", lambda: remove.Settings("uploads", "resized", "E123"))
    room.patch.setattr(remove, "guard", Open(lambda: None))  # type: ignore[arg-type,return-value]
    room.patch.setattr(copies, "cloudfront", CloudFront)
    request = {"rawPath": f"/images/{upload.image.id}", "requestContext": {"http": {"method": "DELETE"}}}
    assert json.loads(remove.handle(request, Context())["body"])["code"] == "copies-remain"


TROUBLES = {
    "ResizeDeadLettersAlarm": of_renderer("crashed"),
    "ResizeOldestMessageAlarm": Trouble(backlog),
    "ResizeWaitingAlarm": Trouble(waits, lambda room: room.fail(None)),
    "ResizeErrorRateAlarm": after_s3_failed(refused("AccessDenied")),
    "ResizeLatencyAlarm": Trouble(backlog),
    "ResizeThrottlesAlarm": Trouble(backlog, commands=False),
    "ResizeRecursionAlarm": Trouble(lost),
    "UploadDeliveryAlarm": Trouble(undelivered_and_lost),
    "RenditionDeliveryAlarm": Trouble(undelivered),
    "ServerErrorsAlarm": Trouble(no_key, commands=False),
    "storage-unavailable": after_s3_failed(unreachable, waited=True),
    "storage-refused": after_s3_failed(refused("AccessDenied")),
    "no-time-left": Trouble(no_time),
    "renderer-unavailable": of_renderer("renderer-unavailable"),
    "crashed": of_renderer("crashed"),
    "out-of-memory": of_renderer("out-of-memory"),
    "timed-out": of_renderer("timed-out"),
    "replaced": Trouble(replaced),
    "malformed-event": Trouble(lambda room: room.receive("no event")),
    "foreign-event": Trouble(foreign),
    "access-unavailable": Trouble(no_key, commands=False),
    "copies-remain": Trouble(copies_remain, ends_ready=False),
    "misconfigured": Trouble(misconfigured),
    "import-failed": Trouble(not_importable),
    "unexpected": Trouble(unexpected),
    "unexplained": Trouble(moved_by_sqs),
    "undelivered": Trouble(undelivered),
}


def test_every_section_of_the_runbook_has_its_trouble() -> None:
    assert list(TROUBLES) == list(SECTIONS)


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Darkroom]:
    with operated(monkeypatch, tmp_path) as room:
        yield room


def code_of(room: Darkroom) -> str:
    """Return the reason of the only letter, as the operator sees it in the listing."""
    listed = json.loads(CliRunner().invoke(app, ["dead-letters", "list", "--json"]).stdout)
    return cast(str, next((group["code"] for group in listed["groups"]), ""))


@pytest.mark.parametrize("heading", TROUBLES)
def test_the_commands_of_a_section_end_its_trouble(room: Darkroom, heading: str) -> None:
    trouble = TROUBLES[heading]
    trouble.happens(room)
    code = code_of(room)
    if heading.islower() and heading not in NEVER_IN_LETTERS:
        assert code == heading, "the trouble has another reason than the section is about"
    trouble.repair(room)
    assert bool(commands_of(SECTIONS[heading])) == trouble.commands
    names = {"ID": _id(room), "IMAGE_ID": _id(room), "REASON": code, "NAME": "resize"}
    for words in to_run(heading, names):
        done = CliRunner().invoke(app, words)
        assert done.exit_code in ({0, 3} if words[0] == "reconcile" else {0}), (words, done.output)
    if room.letters() and not heading.islower():  # An alarm's section leaves the replay to the reason's section.
        assert CliRunner().invoke(app, ["dead-letters", "replay", "--all", "--yes"]).exit_code == 0
    room.drain()
    assert room.letters() == 0
    assert room.ready() == (room.uploads if trouble.ends_ready else [])


def _id(room: Darkroom) -> str:
    if room.uploads:
        return room.uploads[0].image.id
    listed = json.loads(CliRunner().invoke(app, ["dead-letters", "list", "--json"]).stdout)
    return next((str(letter["message_id"]) for letter in listed["letters"]), "")
