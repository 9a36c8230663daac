"""What docs/events.md says to subscribers in other accounts and regions, with the policies that come of it."""

import json
import re
from textwrap import dedent
from typing import Any

import pytest
from cfnlint.api import lint  # type: ignore[import-untyped]
from cfnlint.config import ManualArgs  # type: ignore[import-untyped]

from tests.support.permissions import ACCOUNT, STACK, Call, permits, resolve
from tests.support.template import ROOT, TEMPLATE, load_template, parse

PAGE = (ROOT / "docs" / "events.md").read_text()
FRIEND, STRANGER = {"AWS": "111122223333"}, {"AWS": "444455556666"}
TOPIC = f"arn:aws:sns:eu-west-1:{ACCOUNT}:darkroom-renditions"
BUCKET = f"{STACK}-resized-{ACCOUNT}-eu-west-1"
NAMES = {"RenditionTopic": TOPIC, "ResizedBucket": BUCKET, "Distribution": "E123"}
ON_AWS = {"OnAws": True, "WithCdn": False}


def snippets(heading: str) -> list[Any]:
    """Return the YAML of a section of the page."""
    section = re.split(r"^###? ", PAGE.split(f"### {heading}\n")[1], flags=re.MULTILINE)[0]
    return [parse(dedent(text)) for text in re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)]


def policy(name: str, more: list[Any]) -> dict[str, Any]:
    """Return a policy of the template on AWS, with further statements."""
    document = TEMPLATE["Resources"][name]["Properties"]["PolicyDocument"]
    found: dict[str, Any] = resolve(document | {"Statement": document["Statement"] + more}, TEMPLATE, ON_AWS, NAMES)
    return found


def test_another_account_may_subscribe_after_the_change_and_do_nothing_else_to_the_topic() -> None:
    statements, _ = snippets("Another account")
    opened, closed = policy("RenditionTopicPolicy", statements), policy("RenditionTopicPolicy", [])
    subscribe = Call("sns:Subscribe", TOPIC)
    assert permits(opened, FRIEND, subscribe)
    assert not permits(opened, STRANGER, subscribe)
    assert not permits(closed, FRIEND, subscribe)
    for action in ("sns:Publish", "sns:SetTopicAttributes", "sns:AddPermission", "sns:DeleteTopic"):
        assert not permits(opened, FRIEND, Call(action, TOPIC))
    s3, publish = {"Service": "s3.amazonaws.com"}, Call("sns:Publish", TOPIC)
    assert permits(opened, s3, publish, aws_SourceArn=f"arn:aws:s3:::{BUCKET}", aws_SourceAccount=ACCOUNT)
    assert not permits(opened, s3, publish, aws_SourceArn="arn:aws:s3:::theirs", aws_SourceAccount="111122223333")


@pytest.mark.parametrize(
    ("action", "key", "allowed"),
    [
        ("s3:GetObject", "/thumb/x.jpg", True),
        ("s3:GetObject", "/rejected/x.json", True),
        ("s3:GetObject", "/removed/x.json", True),
        ("s3:GetObject", "/view/x.jpg", False),
        ("s3:GetObject", "/letters/x.json", False),
        ("s3:GetObject", "/invitations/x.json", False),
        ("s3:GetObject", "/trash/x/thumb/x.jpg", False),
        ("s3:PutObject", "/thumb/x.jpg", False),
        ("s3:DeleteObject", "/thumb/x.jpg", False),
        ("s3:ListBucket", "", False),
    ],
)
def test_another_account_reads_announced_objects_after_the_change_and_no_others(
    action: str, key: str, allowed: bool
) -> None:
    _, statements = snippets("Another account")
    opened, call = policy("ResizedBucketPolicy", statements), Call(action, f"arn:aws:s3:::{BUCKET}{key}")
    assert permits(opened, FRIEND, call, aws_SecureTransport="true") == allowed
    assert not permits(opened, FRIEND, call, aws_SecureTransport="false")
    assert not permits(opened, STRANGER, call, aws_SecureTransport="true")
    assert not permits(policy("ResizedBucketPolicy", []), FRIEND, call, aws_SecureTransport="true")


def outside() -> dict[str, Any]:
    """Return the template of the example, with the parameters that the page gives it."""
    (parameters,) = snippets("Another region")
    template = load_template(ROOT / "examples" / "outside" / "template.yaml")
    assert set(parameters) < set(template["Parameters"])
    template["Parameters"] |= parameters
    return template


def violations(template: dict[str, Any]) -> list[str]:
    found = lint(json.dumps(template), config=ManualArgs(regions=["eu-west-1", "af-south-1"]))
    return [match.message for match in found]


def test_a_subscriber_in_another_account_lets_the_topic_into_its_queues_and_no_other_topic() -> None:
    template = outside()
    names = {"RenditionTopicArn": TOPIC, "OutsideQueue": "work", "OutsideDeadLetterQueue": "dead"}
    document = template["Resources"]["OutsideQueuePolicy"]["Properties"]["PolicyDocument"]
    resolved = resolve(document, template, ON_AWS, names)
    sns = {"Service": "sns.amazonaws.com"}
    for queue in ("work", "dead"):
        send = Call("sqs:SendMessage", f"arn:aws:sqs:eu-west-1:{ACCOUNT}:{queue}")
        assert permits(resolved, sns, send, aws_SourceArn=TOPIC)
        assert not permits(resolved, sns, send, aws_SourceArn=TOPIC.replace(ACCOUNT, "444455556666"))
    subscription = template["Resources"]["OutsideSubscription"]["Properties"]
    assert resolve(subscription["TopicArn"], template, ON_AWS, names) == TOPIC
    assert violations(template) == []


def test_a_subscriber_in_another_region_is_a_valid_template() -> None:
    template = outside()
    subscription = template["Resources"]["OutsideSubscription"]["Properties"]
    del subscription["RedrivePolicy"]
    subscription["Region"] = "eu-west-1"
    assert violations(template) == []
    subscription["Regions"] = "eu-west-1"
    assert violations(template)
