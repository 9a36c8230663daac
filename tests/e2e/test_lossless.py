"""No upload is lost in the real artifact: a poison message harms no other, and operators can replay dead letters."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.deployed import DARKROOM, Stack, deployed, until
from tests.support.killers import CODES, make_killable
from tests.support.pictures import plain_jpeg

SECONDS = 180


@pytest.fixture(scope="module")
def killable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("killable")
    make_killable(folder / "build", quick=True)
    with deployed(folder, {}) as running:
        yield running


def darkroom(stack: Stack, *arguments: str) -> str:
    command = [DARKROOM, *arguments, "--folder", str(stack.engine.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def letters(stack: Stack) -> dict[str, dict[str, Any]]:
    """Return the dead letters by image id."""
    found = json.loads(darkroom(stack, "dead-letters", "list", "--json"))["letters"]
    return {letter["image_ids"][0]: letter for letter in found}


def hold(stack: Stack, enabled: bool) -> None:
    """Stop or start the function's event source, so that uploads in between arrive as one batch."""
    function = stack.client("lambda")
    (mapping,) = function.list_event_source_mappings(FunctionName="darkroom-resize")["EventSourceMappings"]
    function.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)


@pytest.fixture(scope="module")
def aftermath(killable: Stack) -> dict[str, list[str]]:
    """Upload three full batches with one poison message each; return the image ids of each kind."""
    hold(killable, enabled=False)
    ids: dict[str, list[str]] = {"healthy": []}
    for mark, code in CODES.items():
        ids[code] = [killable.upload(f"{code}.jpg", plain_jpeg(colour="black") + mark)]
        ids["healthy"] += [killable.upload(f"{number}.jpg", plain_jpeg(colour="white")) for number in range(9)]
    hold(killable, enabled=True)
    until(lambda: killable.waiting() == 0, "an empty queue", SECONDS)
    return ids


def test_a_poison_message_costs_its_neighbours_nothing(killable: Stack, aftermath: dict[str, list[str]]) -> None:
    for image_id in aftermath["healthy"]:
        assert len(killable.keys(f"thumb/{image_id}/")) == 1
    assert sorted(letters(killable)) == sorted(aftermath[code][0] for code in CODES.values())


@pytest.mark.parametrize("code", CODES.values())
def test_the_dead_letter_of_a_poison_message_has_the_right_reason(
    killable: Stack, aftermath: dict[str, list[str]], code: str
) -> None:
    letter = letters(killable)[aftermath[code][0]]
    assert letter["code"] == code
    assert letter["attempts"] == "5"
    shown = json.loads(darkroom(killable, "dead-letters", "show", aftermath[code][0], "--json"))
    assert shown["sentence"]
    assert shown["first_failed_at"] < shown["last_failed_at"]
    assert shown["event"]["Records"][0]["s3"]["object"]["key"]
    assert any("dead letter sent" in line and code in line for line in shown["log"])


def test_a_dry_run_changes_nothing_and_a_replay_succeeds(killable: Stack, aftermath: dict[str, list[str]]) -> None:
    image_id = aftermath["crashed"][0]
    key = f"uploads/{image_id}/crashed.jpg"
    assert "Dry run: these 3 would be sent back" in darkroom(killable, "dead-letters", "replay")
    assert len(letters(killable)) == 3
    # The same key gets a decodable picture. The dead letter's event has the old ETag and finds the new content.
    killable.s3.put_object(Bucket=killable.upload_bucket, Key=key, Body=plain_jpeg(colour="red"))
    killable.thumb_of(image_id)
    assert "1 replayed" in darkroom(killable, "dead-letters", "replay", "--code", "crashed", "--yes")
    until(lambda: killable.waiting() == 0, "an empty queue", SECONDS)
    assert image_id not in letters(killable)
    assert len(killable.keys(f"thumb/{image_id}/")) == 1


def test_reconcile_finds_and_submits_uploads_without_an_event(killable: Stack) -> None:
    s3 = killable.s3
    told = s3.get_bucket_notification_configuration(Bucket=killable.upload_bucket)
    told.pop("ResponseMetadata", None)  # type: ignore[misc]
    s3.put_bucket_notification_configuration(Bucket=killable.upload_bucket, NotificationConfiguration={})
    image_id = killable.upload("unheard.jpg", plain_jpeg(colour="blue"))
    s3.put_object(Bucket=killable.upload_bucket, Key="by hand.jpg", Body=plain_jpeg(colour="green"))
    s3.put_bucket_notification_configuration(Bucket=killable.upload_bucket, NotificationConfiguration=told)  # type: ignore[arg-type]
    command = [DARKROOM, "reconcile", "--grace", "0s", "--folder", str(killable.engine.folder)]
    found = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    assert found.returncode == 3, found.stderr
    keys = {upload["key"] for upload in json.loads(found.stdout)["uploads"]}
    assert keys == {f"uploads/{image_id}/unheard.jpg", "by hand.jpg"}
    assert killable.keys(f"thumb/{image_id}/") == []
    darkroom(killable, "reconcile", "--grace", "0s", "--yes")
    killable.thumb_of(image_id)
    until(lambda: killable.waiting() == 0, "an empty queue", SECONDS)
    assert "Nothing to do." in darkroom(killable, "reconcile", "--grace", "0s")


def test_a_rerender_and_a_replay_of_rejections_keep_correct_results(killable: Stack) -> None:
    rejected = killable.upload("poem.jpg", b"a poem")
    killable.thumb_of(killable.upload("fine.jpg", plain_jpeg(colour="teal")))
    until(lambda: killable.keys(f"rejected/{rejected}"), "a rejection")
    before = sorted(killable.keys("thumb/") + killable.keys("view/") + killable.keys("rejected/"))
    assert "not-an-image" in darkroom(killable, "rejections", "list")
    assert "1 replayed" in darkroom(killable, "rejections", "replay", "--id", rejected, "--yes")
    darkroom(killable, "rerender", "--all", "--yes")
    until(lambda: killable.waiting() == 0, "an empty queue", SECONDS)
    assert sorted(killable.keys("thumb/") + killable.keys("view/") + killable.keys("rejected/")) == before


def test_status_counts_messages_and_dead_letters(killable: Stack) -> None:
    status = json.loads(darkroom(killable, "status", "--json"))
    assert status["waiting"] == status["in_flight"] == 0
    assert status["oldest_seconds"] is None
    assert status["ready"] >= 27
    assert status["rejected"] == {"not-an-image": 1}


def test_dead_letters_can_be_dropped(killable: Stack, aftermath: dict[str, list[str]]) -> None:
    image_id = aftermath["timed-out"][0]
    said = darkroom(killable, "dead-letters", "drop", "--id", image_id, "--yes")
    assert "2 dropped." in said  # the first picture, and the picture from the rerender of every original
    assert "reconcile" in said
    assert image_id not in letters(killable)
