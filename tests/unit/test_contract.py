"""docs/asyncapi.yaml specifies the events: AWS's samples conform to it, and the code reads every event it allows."""

import copy
import importlib.util
import json
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from jsonschema import Draft202012Validator
from moto import mock_aws

from ops.develop import contract as generated_contract
from shared import contract
from shared.errors import Rejected
from shared.events import Created, PictureRemoved, RenditionCreated, Upload, UploadRejected, events_in
from tests.support.contract import DOCUMENT, SCHEMAS, envelopes, s3_events, violations
from tests.support.subscribers import s3_event

ID = "7ybqx4m8hz6wwqcr6076spxfyx"
KEYS = {
    "UploadArrived": "my holiday/ä + b.jpg",
    "RenditionCreated": f"thumb/{ID}/4000x3000/a!20b.jpg",
    "UploadRejected": f"rejected/{ID}.json",
    "PictureRemoved": f"removed/{ID}.json",
}
EVENTS_PAGE = (generated_contract.ROOT / "docs" / "events.md").read_text()
KINDS: dict[str, type[Created]] = {
    "UploadArrived": Upload,
    "RenditionCreated": RenditionCreated,
    "UploadRejected": UploadRejected,
    "PictureRemoved": PictureRemoved,
}


def samples(folder: str | None) -> list[Any]:
    """Return our own samples, one in each envelope, and the samples of the folder."""
    event = s3_event("bucket", "a b.jpg", "d41d8cd98f00b204e9800998ecf8427e", 7)
    envelope = {
        "Type": "Notification",
        "MessageId": "d88d4479-6ec0-54fe-b63f-1cf9df4bb16e",
        "TopicArn": "arn:aws:sns:eu-west-1:123456789012:UploadTopic",
        "Message": json.dumps(event),
        "Timestamp": "2026-11-22T10:11:12.345Z",
    }
    ours = [event, *({"Records": [{"body": json.dumps(body)}]} for body in (event, envelope))]
    return ours + [json.loads(file.read_text()) for file in sorted(Path(folder).glob("*.json"))] if folder else ours


def test_samples_of_aws_conform_to_the_contract(pytestconfig: pytest.Config) -> None:
    given = samples(pytestconfig.getoption("--events"))
    events = [event for sample in given for event in s3_events(sample)]
    assert len(events) >= 3
    for event in events:
        assert violations("UploadArrived", event) == []
        assert events_in(Upload, json.dumps(event))
    wrapped = [envelope for sample in given for envelope in envelopes(sample)]
    assert wrapped
    assert [violations("Envelope", envelope) for envelope in wrapped] == [[]] * len(wrapped)


@pytest.mark.parametrize("name", KEYS)
def test_each_event_matches_only_its_own_schema(name: str) -> None:
    event = s3_event("bucket", KEYS[name], "d41d8cd98f00b204e9800998ecf8427e", 7)
    assert violations(name, event) == []
    (read,) = events_in(KINDS[name], json.dumps(event))
    assert read.key == KEYS[name]
    for other in {"RenditionCreated", "UploadRejected", "PictureRemoved"} - {name}:
        assert violations(other, event)
        assert events_in(KINDS[other], json.dumps(event)) == []


def test_every_field_that_the_contract_requires_is_needed_by_the_code() -> None:
    whole = s3_event("bucket", "a.jpg", "d41d8cd98f00b204e9800998ecf8427e", 7)
    for path in (("s3", "bucket", "name"), ("s3", "object", "key"), ("s3", "object", "eTag"), ("eventTime",)):
        broken = copy.deepcopy(whole)
        holder = broken["Records"][0]
        for step in path[:-1]:
            holder = holder[step]
        del holder[path[-1]]
        assert violations("UploadArrived", broken), path
        with pytest.raises(Rejected):
            events_in(Upload, json.dumps(broken))


def test_a_deletion_matches_no_schema() -> None:
    event = s3_event("bucket", "a.jpg", "d41d8cd98f00b204e9800998ecf8427e", 7)
    event["Records"][0]["eventName"] = "ObjectRemoved:Delete"
    assert violations("UploadArrived", event)


def test_an_event_has_the_id_and_the_name_of_its_picture() -> None:
    rendition = events_in(RenditionCreated, json.dumps(s3_event("b", KEYS["RenditionCreated"], "e", 1)))[0]
    assert rendition.image == (ID, "a b")
    assert events_in(UploadRejected, json.dumps(s3_event("b", KEYS["UploadRejected"], "e", 1)))[0].image.id == ID


def test_a_rejection_contains_the_event_for_its_replay() -> None:
    event = s3_event("bucket", "a.jpg", "d41d8cd98f00b204e9800998ecf8427e", 7)
    (upload,) = events_in(Upload, json.dumps(event))
    told = {"code": "not-an-image", "sentence": "It is a poem.", "name": "a.jpg", "rejected_at": "2026-11-22T10:11:12Z"}
    assert violations("RejectionRecord", told | {"event": upload.as_event()}) == []
    assert events_in(Upload, json.dumps(upload.as_event())) == [upload]
    assert violations("RejectionRecord", told)


def test_every_reference_in_the_document_resolves() -> None:
    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if "$ref" in node else []
            return own + [found for value in node.values() for found in references(value)]
        return [found for value in node for found in references(value)] if isinstance(node, list) else []

    for reference in references(DOCUMENT):
        found: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
    assert {"RejectionRecord", "Envelope"} <= set(SCHEMAS)


def test_the_files_for_other_languages_are_up_to_date() -> None:
    files = generated_contract.files()
    assert {path: path.read_text() for path in files} == files, "run `make generated`"


def test_the_documents_have_the_version_of_the_contract() -> None:
    assert DOCUMENT["info"]["version"] == contract.VERSION


def test_each_event_and_record_of_the_document_has_a_schema_file_and_each_event_a_golden_message() -> None:
    assert set(generated_contract.SCHEMAS) == set(SCHEMAS) - {"ObjectCreated"}
    golden = {event["kind"] for message in generated_contract.messages() for event in message["events"]}
    assert golden == set(DOCUMENT["components"]["messages"]) == set(KINDS)


@pytest.mark.parametrize("message", list(generated_contract.messages()), ids=lambda message: message["about"])
def test_a_golden_message_follows_its_schema(message: dict[str, Any]) -> None:
    body = json.loads(message["body"])
    event = json.loads(body["Message"]) if "Message" in body else body
    for found in message["events"]:
        schema = json.loads((generated_contract.FOLDER / f"{found['kind']}.schema.json").read_text())
        Draft202012Validator.check_schema(schema)
        assert list(Draft202012Validator(schema).iter_errors(event)) == []
    if "Message" in body:
        assert violations("Envelope", body) == []
    assert message["events"] or body["Event"] == "s3:TestEvent"


def test_the_python_snippet_of_the_docs_decodes_each_name() -> None:
    snippet: dict[str, Any] = {}
    exec(EVENTS_PAGE.split("```python\n")[1].split("```")[0], snippet)
    for name in json.loads((generated_contract.FOLDER / "names.json").read_text()):
        assert snippet["decode_key"](name["in_event"]) == name["in_key"]
        assert snippet["decode_name"](name["in_key"]) == name["name"]


def test_the_javascript_snippet_of_the_docs_is_that_of_the_example() -> None:
    example = (generated_contract.ROOT / "examples" / "journal" / "contract.mjs").read_text().replace("export ", "")
    for function in EVENTS_PAGE.split("```js\n")[1].split("```")[0].split("\n\n"):
        assert function.strip() in example


def test_the_filter_policy_of_the_docs_takes_finished_pictures_only() -> None:
    policy = yaml.safe_load(EVENTS_PAGE.split("```yaml\n")[1].split("```")[0])
    with mock_aws():
        sns, sqs = boto3.client("sns"), boto3.client("sqs")
        topic = sns.create_topic(Name="renditions")["TopicArn"]
        queue = sqs.create_queue(QueueName="filtered")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        attributes = {
            "RawMessageDelivery": "true",
            "FilterPolicyScope": policy["FilterPolicyScope"],
            "FilterPolicy": json.dumps(policy["FilterPolicy"]),
        }
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
        for name in ("RenditionCreated", "UploadRejected"):
            sns.publish(TopicArn=topic, Message=json.dumps(s3_event("bucket", KEYS[name], "e", 7)))
        delivered = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert [events_in(RenditionCreated, message["Body"])[0].key for message in delivered] == [KEYS["RenditionCreated"]]


def test_public_modules_exist() -> None:
    assert [module for module in contract.PUBLIC if not importlib.util.find_spec(module)] == []


def test_the_outside_example_needs_the_wheel_of_this_version() -> None:
    required = (generated_contract.ROOT / "examples" / "outside" / "src" / "requirements.txt").read_text()
    assert required == f"darkroom-shared=={contract.VERSION}\n"
