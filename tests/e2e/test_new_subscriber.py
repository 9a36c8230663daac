"""What `darkroom new-subscriber` writes, untouched, in both forms: clean, deployed, failing, replayed, removed."""

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.local.engine import Engine
from tests.e2e.test_door_policy import as_role
from tests.support.deployed import Stack, stack_on, until
from tests.support.ports import free_port
from tests.support.uploads import picture
from tests.support.workshop import Workshop, make_workshop

FORMS = {"tally": "services/tally", "new-tags": "functions/new_tags"}


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    made = make_workshop(tmp_path_factory.mktemp("workshop") / "project")
    limits = made.root / "shared" / "limits.py"  # five attempts within seconds; the subscriber is not touched
    quick = re.sub(r"(?m)^BACKOFF_(FIRST_SECONDS|FACTOR) = \d+", r"BACKOFF_\1 = 1", limits.read_text())
    limits.write_text(quick)
    made.run("git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "--all", "--message", "Quicker")
    made.darkroom("new-subscriber", "tally", "--on", "renditions", "--filter", "*.jpg", "--stack", "own")
    made.darkroom("new-subscriber", "new-tags", "--on", "uploads", "--stack", "here")
    return made


def test_nothing_else_is_touched(workshop: Workshop) -> None:
    changed = workshop.run("git", "status", "--porcelain").splitlines()
    assert sorted(changed) == [" M template.yaml", "?? functions/new_tags/", "?? services/tally/"]
    difference = workshop.run("git", "diff", "--unified=0", "template.yaml").splitlines()
    assert len([line for line in difference if line.startswith("@@")]) == 1
    assert [line for line in difference if line.startswith("-") and not line.startswith("---")] == []


def test_it_is_clean_as_written(workshop: Workshop) -> None:
    workshop.run("ruff", "check", *FORMS.values())
    workshop.run("ruff", "format", "--check", *FORMS.values())
    workshop.run("mypy", *FORMS.values())
    workshop.run("cfn-lint", "template.yaml", "services/tally/template.yaml")
    workshop.run(sys.executable, "-m", "pytest", "-q", "tests/unit/test_template.py", *FORMS.values(), "-k", "not e2e")


def test_a_second_of_the_same_name_is_refused(workshop: Workshop) -> None:
    for name in ("tally", "new-tags", "resize", "webhook", "Tally", "a--b"):
        with pytest.raises(AssertionError, match=r"taken|bad-name"):
            workshop.darkroom("new-subscriber", name)
    with pytest.raises(AssertionError, match="bad-filter"):
        workshop.darkroom("new-subscriber", "never", "--on", "rejections", "--filter", "*.png")


@pytest.fixture(scope="module")
def stack(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """`darkroom up --with tally`, run in the copy as a person would."""
    folder = tmp_path_factory.mktemp("state")
    port = free_port()
    with workshop.up("--port", str(port), "--folder", str(folder), "--with", "tally") as printed:
        (url,) = re.findall(r"Gallery: (\S+)", printed)
        yield stack_on(Engine(folder, port), url)


@pytest.mark.parametrize("name", FORMS)
def test_it_receives(stack: Stack, name: str) -> None:
    image_id = stack.upload("cat.jpg", picture())
    lines = until(lambda: stack.log_lines(f"darkroom-{name}", image_id), f"a line of {name}")
    assert any(f"{name} done" in line for line in lines)


def letters(workshop: Workshop, stack: Stack, name: str) -> list[Any]:
    answer = workshop.darkroom(
        "dead-letters", "list", "--subscriber", name, "--json", "--folder", str(stack.engine.folder)
    )
    found: list[Any] = json.loads(answer)["letters"]
    return found


@pytest.mark.parametrize("name", FORMS)
def test_it_fails_alone_explains_itself_and_replays(workshop: Workshop, stack: Stack, name: str) -> None:
    iam = stack.client("iam")
    role = stack.client("lambda").get_function_configuration(FunctionName=f"darkroom-{name}")["Role"].split("/")[-1]
    policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    policy = policy if isinstance(policy, dict) else json.loads(policy)
    poorer = policy | {"Statement": [one for one in policy["Statement"] if "s3:" not in json.dumps(one["Action"])]}
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(poorer))
    image_id = stack.upload("cat.jpg", picture())
    (letter,) = until(lambda: letters(workshop, stack, name), f"a dead letter of {name}", 120)
    assert letter["code"] == "storage-unavailable"
    assert letter["attempts"] == "5"
    assert letter["image_ids"] == [image_id]
    assert letter["function_name"] == f"darkroom-{name}"
    assert stack.thumb_of(image_id)
    assert stack.waiting("ResizeDeadLetterQueueUrl") == 0

    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy))
    workshop.darkroom(
        "dead-letters", "replay", "--subscriber", name, "--all", "--yes", "--folder", str(stack.engine.folder)
    )
    until(lambda: [line for line in stack.log_lines(f"darkroom-{name}", image_id) if "done" in line], "its work")
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
    ],
)
def test_its_role_reads_what_was_announced_and_no_more(
    stack: Stack, name: str, operation: str, bucket: str, key: str
) -> None:
    s3 = as_role(stack, name).client("s3", endpoint_url=stack.engine.url)
    with pytest.raises(ClientError) as raised:
        getattr(s3, operation)(Bucket=stack.outputs[bucket], Key=key)
    assert raised.value.response["Error"]["Code"] == "AccessDenied"


def test_its_stack_leaves_nothing_behind(stack: Stack) -> None:
    assert len(stack.belongings("tally")) >= 7
    stack.client("cloudformation").delete_stack(StackName="darkroom-tally")
    until(lambda: stack.belongings("tally") == [], "end of what tally was")
    image_id = stack.upload("cat.jpg", picture())
    assert stack.thumb_of(image_id)
