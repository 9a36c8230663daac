"""The troubles of docs/runbook.md on a deployed Darkroom, and the commands of each section as an operator runs them.

`ONLY_IN_MEMORY` has the troubles that the local engine cannot show. tests/unit/test_runbook_troubles.py has all of
them, on AWS in memory.
"""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest

from shared.message import FIRST_SENT_MS, REQUEUED_MS, WAITING_SINCE
from tests.support.deployed import Stack, deployed, until
from tests.support.killers import CRASHES, HANGS, OUT_OF_MEMORY, make_killable
from tests.support.room import LIMITS, RELEASES, RESIZER, Room
from tests.support.runbook import NEVER_IN_LETTERS, SECTIONS, to_run

pytestmark = pytest.mark.nightly

GALLERY, REMOVER = "darkroom-list", "darkroom-remove"
ONLY_IN_MEMORY = {
    "RenditionDeliveryAlarm": "the engine's SNS sends nothing to a subscription's dead-letter queue",
    "undelivered": "the engine's SNS sends nothing to a subscription's dead-letter queue",
    "replaced": "two uploads in a row must each arrive in the middle of an attempt",
    "import-failed": "a resizer has no such letters; tests/e2e/test_new_subscriber.py deploys such a subscriber",
}
NOWHERE = "http://127.0.0.1:9"


type Repair = Callable[[], object]


def marked(room: Room, mark: bytes = CRASHES) -> Repair:
    """A picture ends the decoder in each of five attempts; then a repaired decoder is deployed."""
    room.upload(mark)
    room.await_letter()
    return lambda: room.configure(RELEASE="repaired")


def released(room: Room, release: str) -> Repair:
    """Code with a mistake is deployed; then code without it is."""
    room.configure(RELEASE=release)
    room.upload()
    room.await_letter()
    return lambda: room.configure(RELEASE=None)


def misconfigured(room: Room) -> Repair:
    sound = room.stack.client("lambda").get_function_configuration(FunctionName=RESIZER)["Environment"]["Variables"]
    room.configure(RENDITIONS="large", MAX_UPLOAD_MEGABYTES="many")
    room.upload()
    room.await_letter()
    shown = room.darkroom("dead-letters", "show", room.ids[0])
    assert "RENDITIONS" in shown
    assert "MAX_UPLOAD_MEGABYTES" in shown
    assert room.stack.log_lines(RESIZER, "settings wrong")
    return lambda: room.configure(**sound)


def refused(room: Room) -> Repair:
    """The resizer's role may no longer write."""
    give_back = room.policy(RESIZER, "s3:PutObject")
    room.upload()
    room.await_letter()
    return give_back


def waits(room: Room) -> Repair:
    room.configure(AWS_ENDPOINT_URL_S3=NOWHERE)
    image_id = room.upload()
    lines = partial(room.stack.log_lines, RESIZER, image_id)
    until(lambda: [line for line in lines() if "storage-unavailable" in line], "a log line about the wait")
    assert room.letters() == []
    return lambda: room.configure(AWS_ENDPOINT_URL_S3=None)


def waited(room: Room, **trouble: Any) -> Repair:
    """An upload meets a trouble after it has waited for 13 hours already."""
    room.source(enabled=False)
    room.upload()
    body = room.take()
    room.configure(**trouble)
    now = datetime.now(UTC)
    ago, now_ms = now - timedelta(hours=13), str(round(now.timestamp() * 1000))
    ago_ms = str(round(ago.timestamp() * 1000))
    room.send(body, {WAITING_SINCE: ago.isoformat(), FIRST_SENT_MS: ago_ms, REQUEUED_MS: now_ms})
    room.source(enabled=True)
    room.await_letter()
    return lambda: room.configure(AWS_ENDPOINT_URL_S3=None)


def backlog(room: Room) -> Repair:
    room.source(enabled=False)
    for _ in range(3):
        room.upload()
    until(lambda: room.stack.waiting() == 3, "three messages")
    assert json.loads(room.darkroom("status", "--json"))["waiting"] == 3
    return lambda: room.source(enabled=True)


def throttled(room: Room) -> Repair:
    function = room.stack.client("lambda")
    function.put_function_concurrency(FunctionName=RESIZER, ReservedConcurrentExecutions=0)
    room.upload()
    time_of_throttle = time.monotonic()
    until(lambda: time.monotonic() - time_of_throttle > 3, "three seconds without an execution")
    assert room.stack.waiting() == 1
    return lambda: function.delete_function_concurrency(FunctionName=RESIZER)


def dropped(room: Room) -> Repair:
    room.source(enabled=False)
    room.upload()
    room.take()
    return lambda: room.source(enabled=True)


def unannounced(room: Room) -> Repair:
    """SNS may not send to the queue any more."""
    queue = room.stack.outputs["ResizeQueueUrl"]
    policy = room.stack.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["Policy"])["Attributes"]["Policy"]
    room.stack.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": ""})
    room.upload()
    return lambda: room.stack.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})


def moved_by_sqs(room: Room) -> Repair:
    """The function's process is ended from outside at each receive."""
    room.source(enabled=False)
    room.upload()
    queue = room.stack.outputs["ResizeQueueUrl"]
    until(lambda: room.stack.waiting(), "a message")

    def moved() -> int:
        room.stack.sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0)
        return room.stack.waiting("ResizeDeadLetterQueueUrl")

    until(moved, "a dead letter by SQS")
    return lambda: room.source(enabled=True)


def foreign(room: Room) -> Repair:
    bucket, thing = {"name": "somebody-elses"}, {"key": "a.jpg", "size": 1, "eTag": "e" * 32}
    record = {"eventName": "ObjectCreated:Put", "eventTime": "2026-11-26T08:00:00Z", "eventSource": "aws:s3"}
    room.send(json.dumps({"Records": [record | {"s3": {"bucket": bucket, "object": thing}}]}))
    room.await_letter()
    return lambda: None


def malformed(room: Room) -> Repair:
    room.send("no event")
    room.await_letter()
    return lambda: None


def gallery_fails(room: Room) -> Repair:
    bucket = room.stack.resized_bucket
    room.configure(GALLERY, RESIZED_BUCKET="no-such-bucket")
    assert httpx.get(room.stack.gallery_url, timeout=30).status_code >= 500
    until(lambda: room.stack.log_lines(GALLERY, "request failed"), "the line that the section names")

    def repair() -> None:
        room.configure(GALLERY, RESIZED_BUCKET=bucket)
        httpx.get(room.stack.gallery_url, timeout=30).raise_for_status()

    return repair


def no_key(room: Room) -> Repair:
    token = room.invite("viewer")
    give_back = room.policy(GALLERY, "secretsmanager:GetSecretValue")
    room.configure(GALLERY, RENEWED="1")  # environments that have read the key keep it
    answer = room.ask("GET", "images", token)
    assert (answer.status_code, answer.json()["code"]) == (503, "access-unavailable")

    def repair() -> None:
        give_back()
        assert room.ask("GET", "images", token).status_code == 200

    return repair


def copies_remain(room: Room) -> Repair:
    image_id = room.upload()
    room.stack.thumb_of(image_id)
    give_back = room.policy(REMOVER, "cloudfront:CreateInvalidation")
    answer = room.ask("DELETE", f"images/{image_id}", room.invite("owner"))
    assert (answer.status_code, answer.json()["code"]) == (503, "copies-remain")
    assert until(lambda: room.stack.log_lines(REMOVER, "AccessDenied"), "CloudFront's words")
    return give_back


def long_queue(room: Room) -> Repair:
    enable = backlog(room)

    def repair() -> None:
        enable()
        for image_id in room.ids:
            room.stack.thumb_of(image_id)

    return repair


TROUBLES: dict[str, Callable[[Room], Repair]] = {
    "ResizeDeadLettersAlarm": marked,
    "ResizeOldestMessageAlarm": backlog,
    "ResizeWaitingAlarm": waits,
    "ResizeErrorRateAlarm": refused,
    "ResizeLatencyAlarm": long_queue,
    "ResizeThrottlesAlarm": throttled,
    "ResizeRecursionAlarm": dropped,
    "UploadDeliveryAlarm": unannounced,
    "ServerErrorsAlarm": gallery_fails,
    "storage-unavailable": partial(waited, AWS_ENDPOINT_URL_S3=NOWHERE),
    "storage-refused": refused,
    "no-time-left": partial(waited, timeout_seconds=9),
    "renderer-unavailable": partial(released, release="without a renderer"),
    "crashed": marked,
    "out-of-memory": partial(marked, mark=OUT_OF_MEMORY),
    "timed-out": partial(marked, mark=HANGS),
    "malformed-event": malformed,
    "foreign-event": foreign,
    "access-unavailable": no_key,
    "copies-remain": copies_remain,
    "misconfigured": misconfigured,
    "unexpected": partial(released, release="buggy"),
    "unexplained": moved_by_sqs,
}


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("operated")
    make_killable(folder / "build", quick=True, function=RELEASES, limits=LIMITS)
    with deployed(folder, {"Cdn": "true"}) as running:
        yield running


def test_every_section_has_its_trouble_here_or_only_in_memory() -> None:
    assert {*TROUBLES, *ONLY_IN_MEMORY} == set(SECTIONS)


@pytest.mark.parametrize("heading", TROUBLES)
def test_an_operator_ends_a_trouble_with_the_commands_of_its_section(operated: Stack, heading: str) -> None:
    room = Room(operated)
    repair = TROUBLES[heading](room)
    found = room.letters()
    code = found[0]["code"] if found else ""
    if heading.islower() and heading not in NEVER_IN_LETTERS:
        assert code == heading, "the trouble has another reason than the section is about"
    repair()
    some_id = room.ids[0] if room.ids else found[0]["message_id"] if found else ""
    for words in to_run(heading, {"ID": some_id, "IMAGE_ID": some_id, "REASON": code, "NAME": "resize"}):
        room.darkroom(*words, may=(0, 3) if words[0] == "reconcile" else (0,))
    letters = partial(operated.waiting, "ResizeDeadLetterQueueUrl")
    if not heading.islower() and letters():  # An alarm's section leaves the replay to the reason's section.
        room.darkroom("dead-letters", "replay", "--all", "--yes")
    if heading == "copies-remain":
        assert operated.keys(f"thumb/{some_id}/") == []
        distribution = operated.outputs["DistributionId"]
        listed = operated.client("cloudfront").list_invalidations(DistributionId=distribution)["InvalidationList"]
        assert listed["Quantity"] == 1
    else:
        for image_id in room.ids:
            operated.thumb_of(image_id)
    until(lambda: operated.waiting() == 0, "an empty queue")
    assert letters() == 0
    room.configure(RELEASE=None)


def test_after_all_troubles_no_upload_is_lost_and_each_replayed_letter_is_ready(operated: Stack) -> None:
    room = Room(operated)
    assert room.letters() == []
    assert "Nothing to do." in room.darkroom("reconcile", "--grace", "0s")
    assert " ready " in room.darkroom("dead-letters", "outcome")
