"""The commands that act on dead letters, rejections and originals, as somebody types them."""

import json
from collections.abc import Generator, Iterator
from itertools import islice
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from ops import options
from ops.cli import app
from ops.monitoring import status
from ops.recovery import dead_letters, letters, records, rejections, replays, resubmit
from shared.events import Upload
from shared.keys import rejection_key, upload_key
from shared.letters import Reason, attributes
from tests.support.letters import AT, Place

CHANGING = [["dead-letters", "drop"], ["dead-letters", "replay"], ["rejections", "replay"], ["rerender"]]


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Place:
    made = Place()
    monkeypatch.setattr(options.console, "width", 200)
    for module in (dead_letters, rejections, resubmit, status):
        monkeypatch.setattr(module, "resolve", lambda _: made.target())
    return made


def darkroom(*arguments: str, code: int = 0) -> str:
    """Run a command and return its output on stdout and stderr."""
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == code, done.output
    return done.output


def upload(place: Place, number: int) -> str:
    """Put an original into the upload bucket and return its image id."""
    image_id = f"7ybqx{number:021}"
    place.s3.put("uploads", upload_key(image_id, "cat.jpg"))
    return image_id


def reject(place: Place, number: int, code: str = "not-an-image") -> str:
    image_id = f"7ybqx{number:021}"
    event = Upload("uploads", upload_key(image_id, "poem.jpg"), "e" * 32, 1, AT).as_event()
    told = {"code": code, "sentence": "No.", "name": "poem.jpg", "rejected_at": AT.isoformat(), "event": event}
    place.s3.put("resized", rejection_key(image_id), json.dumps(told).encode())
    return image_id


def everything(place: Place) -> Any:
    """Return the messages and objects that a dry run must not change."""
    queues = {url: queue.bodies() for url, queue in place.sqs.queues.items() if queue.bodies()}
    return queues, sorted(place.s3.objects)


def every_option() -> Iterator[tuple[list[str], str]]:
    """Yield each command with each of its options that takes a text."""
    waiting: list[tuple[list[str], Any]] = [([], typer.main.get_command(app))]
    for path, command in waiting:
        waiting += [([*path, name], inner) for name, inner in getattr(command, "commands", {}).items()]
        for option in command.params:
            if option.param_type_name == "option" and option.bare_type() in {"str", "list[str]"}:
                yield path, option.opts[0]


@pytest.mark.parametrize(
    ("path", "option"),
    [
        pytest.param(path, option, id=" ".join([*path, option]))
        for path, option in every_option()
        if path[0] not in {"up", "build", "dev", "new-subscriber", "corpus"}
    ],
)
def test_an_empty_option_is_a_usage_error(place: Place, path: list[str], option: str) -> None:
    place.bury(1)
    before = everything(place)
    argument = ["7ybqx"] if path[-1] in {"show", "trace", "upload"} else []
    printed = darkroom(*path, *argument, option, "", code=2)
    assert "It is empty" in " ".join(printed.replace("│", "").split())
    assert everything(place) == before


@pytest.mark.parametrize("path", [["dead-letters", "show"], ["rejections", "show"], ["trace"]])
def test_an_empty_id_is_a_usage_error(place: Place, path: list[str]) -> None:
    place.bury(1)
    assert "It is empty" in darkroom(*path, "", code=2)


@pytest.mark.parametrize("command", CHANGING, ids=" ".join)
def test_acting_on_everything_takes_all(place: Place, command: list[str]) -> None:
    place.bury(1)
    reject(place, 2)
    upload(place, 3)
    before = everything(place)
    assert "Add --all" in darkroom(*command, "--yes", code=2)
    assert "contradict" in darkroom(*command, "--prefix", "uploads/", "--all", "--yes", code=2)
    assert everything(place) == before
    darkroom(*command, "--all", "--yes")
    assert everything(place) != before


@pytest.mark.parametrize("command", CHANGING, ids=" ".join)
def test_a_dry_run_names_what_it_would_do_and_changes_nothing(place: Place, command: list[str]) -> None:
    buried, rejected, uploaded = place.bury(1), reject(place, 2), upload(place, 3)
    before = everything(place)
    printed = darkroom(*command)
    assert "Dry run: these 1 would be" in printed
    assert "Add --all --yes to do it." in printed
    named = {"dead-letters": buried, "rejections": rejected, "rerender": uploaded}[command[0]]
    assert named in printed
    printed = darkroom(*command, "--prefix", "uploads/")
    assert "Add --yes to do it." in printed
    assert everything(place) == before


@pytest.mark.parametrize("command", CHANGING, ids=" ".join)
def test_a_dry_run_of_nothing_says_so(place: Place, command: list[str]) -> None:
    printed = darkroom(*command)
    assert "Dry run" not in printed
    assert "No dead letters." in printed or "No rejections." in printed or "Nothing to do." in printed


def test_a_drop_by_id_drops_that_letter_only(place: Place) -> None:
    first, second = place.bury(1), place.bury(2)
    assert "1 dropped." in darkroom("dead-letters", "drop", "--id", first, "--yes")
    assert json.loads(darkroom("dead-letters", "list", "--json"))["letters"][0]["image_ids"] == [second]


@pytest.mark.parametrize("command", ["list", "replay", "drop"])
def test_an_unknown_code_lists_the_codes_that_exist(place: Place, command: str) -> None:
    place.bury(1, "crashed")
    place.bury(2, "timed-out")
    printed = darkroom("dead-letters", command, "--code", "crash", code=1)
    assert "no-such-code: No dead letter has the reason crash." in printed
    assert "crashed (1), timed-out (1)" in printed


def test_letters_that_others_hold_are_counted_and_reported(place: Place) -> None:
    for number in range(3):
        place.bury(number, record=False)
    place.sqs.receive_message("dead", 2)
    printed = darkroom("dead-letters", "list")
    assert "2 letters are hidden by another command or tool" in printed
    assert "visible again by" in printed
    told = json.loads(darkroom("status", "--json"))
    assert (told["dead_letters_held"], told["dead_letters_unread"]) == (2, 2)
    assert told["dead_letters"] == {"crashed": 1}


def test_reconcile_refuses_while_others_hold_letters(place: Place) -> None:
    place.bury(1, record=False)
    upload(place, 1)
    place.sqs.receive_message("dead", 1)
    assert "letters-held: 1 dead letters are hidden" in darkroom("reconcile", "--grace", "0s", "--yes", code=1)
    assert place.sqs.queue("work").bodies() == []
    place.next_command()
    assert "Nothing to do." in darkroom("reconcile", "--grace", "0s", "--yes")


def test_show_prints_ids_that_replay_finds(place: Place) -> None:
    image_id = place.bury(1)
    shown = json.loads(darkroom("dead-letters", "show", image_id, "--json"))
    assert shown["code"] == "crashed"
    assert shown["event"]["Records"]
    place.bury(2)
    assert "1 replayed." in darkroom("dead-letters", "replay", "--id", shown["message_id"], "--yes")
    assert len(place.sqs.queue("work").bodies()) == 1


def test_show_tells_the_earlier_deaths(place: Place) -> None:
    sent = {"DeadLetterQueueSourceArn": "arn"}
    body = json.dumps(Upload("uploads", "cat.jpg", "e" * 32, 1, AT).as_event())
    place.sqs.queue("dead").add(body, attributes(Reason("crashed", "", last_failed_at="2026-11-22")), **sent)
    printed = darkroom("dead-letters", "show", Upload("uploads", "cat.jpg", "e" * 32, 1, AT).image.id)
    assert "unexplained" in printed
    assert "crashed 2026-11-22" in printed


def test_a_message_that_is_not_json_is_a_row_and_can_be_shown(place: Place) -> None:
    message = place.sqs.queue("dead").add("no JSON", attributes(Reason("malformed-event", "Look at its sender.")))
    assert "malformed-event" in darkroom("dead-letters", "list")
    message_id = message["MessageId"]
    assert "no JSON" in darkroom("dead-letters", "show", message_id)
    assert "1 dropped." in darkroom("dead-letters", "drop", "--id", message_id, "--yes")


@pytest.mark.parametrize("body", [b"no JSON", b"{}", b"[]", b'{"code": 1}', b""])
def test_a_stray_object_below_rejected_is_a_row_with_a_sentence(place: Place, body: bytes) -> None:
    rejected = reject(place, 1)
    place.s3.put("resized", "rejected/readme.txt", body)
    printed = darkroom("rejections", "list")
    assert "rejected/readme.txt is not a rejection's record" in printed
    assert rejected in printed
    assert json.loads(darkroom("status", "--json"))["rejected"] == {"not-an-image": 1, "unreadable": 1}
    assert "1 replayed." in darkroom("rejections", "replay", "--all", "--yes")


def test_the_outcome_of_the_last_replay_is_listed_by_letter(place: Place) -> None:
    ready, waiting = place.bury(1), place.bury(2)
    darkroom("dead-letters", "replay", "--all", "--yes")
    place.s3.put("resized", f"thumb/{ready}/1x1/cat.jpg")
    told = json.loads(darkroom("dead-letters", "outcome", "--json"))
    assert {one["image_ids"][0]: one["outcome"] for one in told["letters"]} == {
        ready: "ready",
        waiting: "not ended yet",
    }
    assert ready in darkroom("dead-letters", "outcome")
    assert "no-such-replay" in darkroom("dead-letters", "outcome", "1999", code=1)


def test_an_interrupted_replay_ends_with_a_summary_and_exit_code_130(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        place.bury(number)

    def until_ctrl_c(items: Iterator[Any], _: int) -> Iterator[Any]:
        yield from islice(items, 20)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(replays, "paced", until_ctrl_c)
        printed = darkroom("dead-letters", "replay", "--all", "--yes", code=130)
    assert "20 replayed." in printed
    assert "about 10 are left. Run the command again to continue." in printed
    assert len(place.sqs.queue("dead").visible) == 10
    assert "10 replayed." in darkroom("dead-letters", "replay", "--all", "--yes")
    assert len(set(place.sqs.queue("work").bodies())) == len(place.sqs.queue("work").bodies()) == 30


def test_rerender_and_reconcile_mark_their_events_as_sent_again(place: Place) -> None:
    upload(place, 1)
    darkroom("rerender", "--all", "--yes")
    darkroom("reconcile", "--grace", "0s", "--yes")
    for message in place.sqs.queue("work").visible:
        assert message["MessageAttributes"]["replayed_at"]["StringValue"]


def test_sqs_moves_all_letters_itself_when_asked(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.bury(1)

    def move(*_: Any) -> Generator[letters.Moved]:
        place.sqs.queue("work").visible, place.sqs.queue("dead").visible = place.sqs.queue("dead").visible, []
        yield letters.Moved(1, 1)

    assert "--by-sqs moves every letter" in darkroom("dead-letters", "replay", "--by-sqs", code=2).replace("│", " ")
    monkeypatch.setattr(letters, "move_all", move)
    assert "1 replayed, by SQS itself." in darkroom("dead-letters", "replay", "--all", "--by-sqs", "--yes")
    assert place.records() == 0


def test_a_large_number_of_letters_without_a_record_is_reported_and_not_read(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "READ_AT_ONCE", 2)
    for number in range(5):
        place.bury(number, record=False)
    printed = darkroom("dead-letters", "list")
    assert "About 5 more letters are in the queue without a record" in printed
    assert "ReceiveMessage" not in place.wire.by_name
    assert len(json.loads(darkroom("dead-letters", "list", "--read-queue", "--json"))["letters"]) == 5


def test_records_without_letters_are_reported_while_others_hold_letters(place: Place) -> None:
    for number in range(3):
        place.bury(number)
    place.sqs.queue("dead").visible.pop()
    place.sqs.receive_message("dead", 1)
    assert "About 1 of these may be gone" in darkroom("dead-letters", "list")
