"""The services that `darkroom new-subscriber` writes, untouched: clean, deployed, failing, replayed, removed."""

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.local.engine import REGION, Engine
from tests.e2e.test_door_policy import as_role
from tests.support.deployed import Stack, stack_on, until
from tests.support.ports import free_port
from tests.support.subscribers import s3_event
from tests.support.template import ROOT
from tests.support.uploads import picture
from tests.support.workshop import Workshop, make_workshop

TEMPLATE_TESTS = [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("tests/unit/test_template*.py"))]
FORMS = {"tally": "services/tally", "new-tags": "functions/new_tags", "album": "services/album"}


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    made = make_workshop(tmp_path_factory.mktemp("workshop") / "project")
    limits = made.root / "shared" / "limits.py"  # five attempts within seconds; the subscriber is not touched
    quick = re.sub(r"(?m)^BACKOFF_(FIRST_SECONDS|FACTOR) = \d+", r"BACKOFF_\1 = 1", limits.read_text())
    limits.write_text(quick)
    made.run("git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "--all", "--message", "Quicker")
    made.darkroom("new-subscriber", "tally", "--on", "renditions", "--filter", "*.jpg", "--stack", "own")
    made.darkroom("new-subscriber", "new-tags", "--on", "uploads", "--stack", "here")
    options = ["--needs", "pillow", "--writes", "albums", "--reads-originals"]
    made.darkroom("new-subscriber", "album", "--on", "renditions", *options)
    return made


def test_the_generator_changes_no_other_file(workshop: Workshop) -> None:
    changed = workshop.run("git", "status", "--porcelain").splitlines()
    written = ["?? functions/new_tags/", "?? services/album/", "?? services/tally/"]
    assert sorted(changed) == [" M template.yaml", *written]
    difference = workshop.run("git", "diff", "--unified=0", "template.yaml").splitlines()
    assert len([line for line in difference if line.startswith("@@")]) == 1
    assert [line for line in difference if line.startswith("-") and not line.startswith("---")] == []


def test_a_generated_service_passes_the_linters(workshop: Workshop) -> None:
    workshop.run("ruff", "check", *FORMS.values())
    workshop.run("ruff", "format", "--check", *FORMS.values())
    workshop.run("mypy", *FORMS.values())
    workshop.run("cfn-lint", "template.yaml", "services/tally/template.yaml", "services/album/template.yaml")
    workshop.run(sys.executable, "-m", "pytest", "-q", *TEMPLATE_TESTS, *FORMS.values(), "-k", "not e2e")


def test_a_second_service_with_the_same_name_is_refused(workshop: Workshop) -> None:
    for name in ("tally", "new-tags", "resize", "webhook", "Tally", "a--b"):
        with pytest.raises(AssertionError, match=r"taken|bad-name"):
            workshop.darkroom("new-subscriber", name)
    with pytest.raises(AssertionError, match="bad-filter"):
        workshop.darkroom("new-subscriber", "never", "--on", "rejections", "--filter", "*.png")


@pytest.fixture(scope="module")
def stack(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run `darkroom up --with tally,album` in the copy, as a person would."""
    folder = tmp_path_factory.mktemp("state")
    port = free_port()
    with workshop.up("--port", str(port), "--folder", str(folder), "--with", "tally,album") as printed:
        (url,) = re.findall(r"Gallery: (\S+)", printed)
        yield stack_on(Engine(folder, port), url)


@pytest.mark.parametrize("name", FORMS)
def test_a_service_receives_an_event_and_sends_its_metrics(stack: Stack, name: str) -> None:
    image_id = stack.upload("cat.jpg", picture())
    until(lambda: [line for line in stack.log_lines(f"darkroom-{name}", image_id) if f"{name} done" in line], "work")
    sent = until(lambda: stack.log_lines(f"darkroom-{name}", "CloudWatchMetrics"), f"metrics of {name}")
    (directive,) = json.loads(sent[0])["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == ("darkroom" if name == "new-tags" else f"darkroom-{name}")
    assert {metric["Name"] for metric in directive["Metrics"]} >= {"BatchSize", "AttemptsFailed"}


def test_a_subscriber_with_options_reads_the_original_and_writes_its_record(stack: Stack) -> None:
    body = picture()
    image_id = stack.upload("cat.jpg", body)
    (key,) = until(lambda: stack.keys(f"albums/{image_id}.json"), "its record")
    record = json.loads(stack.s3.get_object(Bucket=stack.resized_bucket, Key=key)["Body"].read())
    assert record["original_bytes"] == len(body)


@pytest.mark.parametrize("name", FORMS)
def test_the_alarm_of_a_service_notifies_the_alarm_topic(stack: Stack, name: str) -> None:
    queue = stack.sqs.create_queue(QueueName=f"alarms-{name}")["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:000000000000:alarms-{name}"
    topic = stack.outputs["AlarmTopicArn"]
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    stack.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    subscription = stack.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]
    cloudwatch = stack.client("cloudwatch")
    prefix = "".join(part.capitalize() for part in name.split("-"))
    (alarm,) = [
        one["AlarmName"] for one in cloudwatch.describe_alarms()["MetricAlarms"] if f"{prefix}Dead" in one["AlarmName"]
    ]
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="test")
    until(lambda: stack.sqs.receive_message(QueueUrl=queue).get("Messages"), f"a message of {alarm}")
    stack.sns.unsubscribe(SubscriptionArn=subscription)  # later tests count what belongs to the service
    stack.sqs.delete_queue(QueueUrl=queue)


def letters(workshop: Workshop, stack: Stack, name: str) -> list[Any]:
    answer = workshop.darkroom(
        "dead-letters", "list", "--subscriber", name, "--json", "--folder", str(stack.engine.folder)
    )
    found: list[Any] = json.loads(answer)["letters"]
    return found


@pytest.mark.parametrize("name", FORMS)
def test_a_failing_service_harms_no_other_and_its_dead_letters_can_be_replayed(
    workshop: Workshop, stack: Stack, name: str
) -> None:
    iam = stack.client("iam")
    role = stack.client("lambda").get_function_configuration(FunctionName=f"darkroom-{name}")["Role"].split("/")[-1]
    policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    policy = policy if isinstance(policy, dict) else json.loads(policy)
    poorer = policy | {"Statement": [one for one in policy["Statement"] if "s3:" not in json.dumps(one["Action"])]}
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(poorer))
    image_id = stack.upload("cat.jpg", picture())
    (letter,) = until(lambda: letters(workshop, stack, name), f"a dead letter of {name}", 120)
    assert letter["code"] == "storage-refused"
    assert letter["attempts"] == "5"
    assert letter["image_ids"] == [image_id]
    folder = str(stack.engine.folder)
    shown = workshop.darkroom(
        "dead-letters", "show", letter["message_id"], "--subscriber", name, "--json", "--folder", folder
    )
    assert json.loads(shown)["function_name"] == f"darkroom-{name}"
    assert stack.thumb_of(image_id)
    assert stack.waiting("ResizeDeadLetterQueueUrl") == 0

    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy))
    workshop.darkroom(
        "dead-letters", "replay", "--subscriber", name, "--all", "--yes", "--folder", str(stack.engine.folder)
    )
    until(lambda: [line for line in stack.log_lines(f"darkroom-{name}", image_id) if "done" in line], "its work")
    assert letters(workshop, stack, name) == []


@pytest.mark.parametrize("name", FORMS)
def test_a_service_refuses_a_forged_event_about_another_bucket(workshop: Workshop, stack: Stack, name: str) -> None:
    function = stack.client("lambda").get_function_configuration(FunctionName=f"darkroom-{name}")
    kind = "uploads" if name == "new-tags" else "thumb"
    key = f"{kind}/7ybqx4m8hz6wwqcr6076spxfyx/{'' if name == 'new-tags' else '4x3/'}cat.jpg"
    forged = json.dumps(s3_event("victim", key, "d41d8cd98f00b204e9800998ecf8427e", 7))
    stack.sqs.send_message(QueueUrl=function["Environment"]["Variables"]["QUEUE_URL"], MessageBody=forged)
    (letter,) = until(lambda: letters(workshop, stack, name), f"a dead letter of {name}")
    assert letter["code"] == "foreign-event"
    folder = str(stack.engine.folder)
    drop = ["dead-letters", "drop", "--subscriber", name, "--code", "foreign-event", "--yes", "--folder", folder]
    workshop.darkroom(*drop)
    assert letters(workshop, stack, name) == []


@pytest.mark.parametrize(
    ("name", "operation", "bucket", "key"),
    [
        ("new-tags", "put_object", "UploadBucketName", "uploads/x.jpg"),
        ("new-tags", "delete_object", "UploadBucketName", "uploads/x.jpg"),
        ("new-tags", "get_object", "ResizedBucketName", "thumb/x.jpg"),
        ("tally", "get_object", "UploadBucketName", "uploads/x.jpg"),
        ("tally", "get_object", "ResizedBucketName", "view/x.jpg"),
        ("tally", "put_object", "ResizedBucketName", "thumb/x.jpg"),
        ("album", "put_object", "ResizedBucketName", "thumb/x.jpg"),
        ("album", "delete_object", "ResizedBucketName", "albums/x.json"),
        ("album", "get_object", "UploadBucketName", "elsewhere/x.jpg"),
    ],
)
def test_the_role_of_a_service_reads_only_announced_objects(
    stack: Stack, name: str, operation: str, bucket: str, key: str
) -> None:
    s3 = as_role(stack, name).client("s3", endpoint_url=stack.engine.url)
    with pytest.raises(ClientError) as raised:
        getattr(s3, operation)(Bucket=stack.outputs[bucket], Key=key)
    assert raised.value.response["Error"]["Code"] == "AccessDenied"


def test_dev_deploys_a_change_and_shows_a_failed_import_at_once(workshop: Workshop, stack: Stack) -> None:
    handler = workshop.root / "services" / "tally" / "handler.py"
    sound = handler.read_text()
    folder = str(stack.engine.folder)
    with workshop.running("dev.out", "dev", "tally", "--folder", folder) as printed:
        until(lambda: "deployed darkroom-tally" in printed(), "its deployment", 120)
        handler.write_text("import no_such_package\n" + sound)
        until(lambda: printed().count("deployed darkroom-tally") == 2, "a second deployment", 120)
        stack.upload("cat.jpg", picture())
        until(lambda: "No module named 'no_such_package'" in printed(), "the reason, followed from its log")
        (letter,) = until(lambda: letters(workshop, stack, "tally"), "a dead letter")
        assert letter["code"] == "import-failed"
        shown = workshop.darkroom(
            "dead-letters", "show", letter["message_id"], "--subscriber", "tally", "--folder", folder
        )
        assert "No module named 'no_such_package'" in " ".join(shown.split())

        handler.write_text(sound)
        until(lambda: printed().count("deployed darkroom-tally") == 3, "a third deployment", 120)
        workshop.darkroom("dead-letters", "replay", "--subscriber", "tally", "--all", "--yes", "--folder", folder)
        until(lambda: "tally done" in printed(), "its work")
    assert letters(workshop, stack, "tally") == []


def test_removal_says_what_is_left_and_deletes_it_on_request(workshop: Workshop, stack: Stack) -> None:
    assert len(stack.belongings("album")) >= 7
    records = stack.keys("albums/")
    remove = ["remove-subscriber", "album", "--folder", str(stack.engine.folder)]
    said = workshop.darkroom(*remove)
    assert f"{len(records)} objects below s3://{stack.resized_bucket}/albums/" in said
    assert "Dry run" in said
    assert stack.keys("albums/") == records
    workshop.darkroom(*remove, "--objects", "--yes")
    until(lambda: stack.belongings("album") == [], "end of album's resources")
    assert stack.keys("albums/") == []


def test_the_deleted_stack_of_a_service_leaves_no_resource(workshop: Workshop, stack: Stack) -> None:
    assert len(stack.belongings("tally")) >= 7
    workshop.darkroom("remove-subscriber", "tally", "--yes", "--folder", str(stack.engine.folder))
    until(lambda: stack.belongings("tally") == [], "end of tally's resources")
    image_id = stack.upload("cat.jpg", picture())
    assert stack.thumb_of(image_id)
