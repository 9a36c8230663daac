"""Asks the local engine what AWS documents, so that its leniency is known: docs/engine-ledger.md.

`python -m tests.support.engine_probes` writes the page again. A test compares it, so an upgrade of the engine shows
what has changed.
"""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
from botocore.config import Config
from botocore.exceptions import ClientError

from ops.local import engine as engines
from ops.local.engine import REGION, Engine
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "engine-ledger.md"
S3, SQS, SNS, IAM = "Amazon S3 API", "Amazon SQS API", "Amazon SNS API", "IAM User Guide"


class Place:
    """An engine with a bucket, two queues and a topic, and clients for it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.s3, self.sqs, self.sns = (self.client(name) for name in ("s3", "sqs", "sns"))
        self.iam, self.sts, self.ssm = (self.client(name) for name in ("iam", "sts", "ssm"))
        self.s3.create_bucket(Bucket="probes")
        self.s3.put_object(Bucket="probes", Key="there", Body=b"body")
        self.queue = self.sqs.create_queue(QueueName="probes")["QueueUrl"]
        self.topic = self.sns.create_topic(Name="probes")["TopicArn"]
        self._users = 0

    def client(self, service: str, **config: Any) -> Any:
        session: Any = self.engine.session()
        return session.client(
            service, endpoint_url=self.engine.url, config=Config(retries={"total_max_attempts": 1}, **config)
        )

    def user(self, *statements: dict[str, Any]) -> boto3.Session:
        """Return a session of a user with just these permissions."""
        self._users += 1
        name = f"user{self._users}"
        self.iam.create_user(UserName=name)
        if statements:
            document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
            self.iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        return boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=REGION)

    def as_user(self, service: str, *statements: dict[str, Any]) -> Any:
        session: Any = self.user(*statements)
        return session.client(service, endpoint_url=self.engine.url)

    def received(self) -> str:
        """Send a message, receive it, and return its receipt handle."""
        self.sqs.purge_queue(QueueUrl=self.queue)
        self.sqs.send_message(QueueUrl=self.queue, MessageBody="m")
        handle: str = self.sqs.receive_message(QueueUrl=self.queue)["Messages"][0]["ReceiptHandle"]
        return handle

    def post(
        self, *, body: bytes = b"12345", expires: int = 60, version: str = "s3v4", file_first: bool = False
    ) -> str:
        """Post a form for 1 to 10 bytes; return the status."""
        s3 = self.client("s3", signature_version=version)
        ticket = s3.generate_presigned_post(
            "probes", "form", Conditions=[["content-length-range", 1, 10]], ExpiresIn=expires
        )
        fields = [(name, (None, value)) for name, value in ticket["fields"].items()]
        file: Any = ("file", ("f", body))
        return str(httpx.post(ticket["url"], files=[file, *fields] if file_first else [*fields, file]).status_code)


@dataclass(frozen=True, slots=True)
class Probe:
    """One question. `aws` is AWS's answer in the words of the probe's own, with the page that says so."""

    asks: str
    aws: str
    source: str
    ask: Callable[[Place], Any]
    depends: str = "no"


def answer(probe: Probe, place: Place) -> str:
    """Return the engine's answer: an error code, or what the probe returns."""
    try:
        found = probe.ask(place)
    except ClientError as error:
        return str(error.response["Error"]["Code"]).rsplit(".", 1)[-1]
    return str(found) if isinstance(found, str | int | bool) else "accepted"


def _attributes(count: int, value: str = "v") -> dict[str, Any]:
    return {f"a{number}": {"DataType": "String", "StringValue": value} for number in range(count)}


def _allow(action: str, resource: str = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def _delete_twice(place: Place) -> str:
    handle = place.received()
    for _ in range(2):
        place.sqs.delete_message(QueueUrl=place.queue, ReceiptHandle=handle)
    return "accepted"


def _lambdas_role(place: Place) -> str:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = place.iam.create_role(RoleName="probed", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    place.sts.assume_role(RoleArn=role, RoleSessionName="probe")
    return "accepted"


def _delivered(place: Place, policy: dict[str, Any] | None) -> str:
    queue = place.sqs.create_queue(QueueName=f"subscriber{len(place.sqs.list_queues()['QueueUrls'])}")["QueueUrl"]
    arn = place.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    if policy is not None:
        allowed = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
        document = {"Version": "2012-10-17", "Statement": [{**allowed, "Resource": arn, "Condition": policy}]}
        place.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(document)})
    place.sns.subscribe(TopicArn=place.topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    place.sns.publish(TopicArn=place.topic, Message="announced")
    messages = place.sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", [])
    return f"delivers {messages[0]['Body']}" if messages else "does not deliver"


def _batch_visibility(place: Place) -> str:
    sqs = place.as_user("sqs", _allow("sqs:ChangeMessageVisibility"))
    entry = {"Id": "1", "ReceiptHandle": place.received(), "VisibilityTimeout": 0}
    failed = sqs.change_message_visibility_batch(QueueUrl=place.queue, Entries=[entry]).get("Failed", [])
    return "refused" if failed else "accepted"


def _redriven(place: Place) -> str:
    dead = place.sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = place.sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "1"})
    work = place.sqs.create_queue(QueueName="work", Attributes={"RedrivePolicy": redrive, "VisibilityTimeout": "0"})[
        "QueueUrl"
    ]
    place.sqs.send_message(QueueUrl=work, MessageBody="m", MessageAttributes=_attributes(1))
    for _ in range(3):
        place.sqs.receive_message(QueueUrl=work)
    (letter,) = place.sqs.receive_message(QueueUrl=dead, AttributeNames=["All"], MessageAttributeNames=["All"])[
        "Messages"
    ]
    source = "with" if "DeadLetterQueueSourceArn" in letter["Attributes"] else "without"
    return f"moved {source} source, {len(letter.get('MessageAttributes', {}))} attributes"


def _move(place: Place) -> str:
    arn = place.sqs.get_queue_attributes(QueueUrl=place.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    place.sqs.start_message_move_task(SourceArn=arn)
    return "accepted"


def _send(place: Place, body: str = "m", **more: Any) -> Any:
    return place.sqs.send_message(QueueUrl=place.queue, MessageBody=body, **more)


def _batch(place: Place, *ids: str) -> Any:
    entries = [{"Id": one, "MessageBody": "m"} for one in ids]
    return place.sqs.send_message_batch(QueueUrl=place.queue, Entries=entries)


PROBES = (
    Probe("S3: GET of a missing key, with s3:ListBucket", "NoSuchKey", f"{S3}, GetObject",
          lambda p: p.s3.get_object(Bucket="probes", Key="missing"), "yes: a deleted original is superseded"),
    Probe("S3: GET of a missing key, without s3:ListBucket", "AccessDenied", f"{S3}, GetObject",
          lambda p: p.as_user("s3", _allow("s3:GetObject")).get_object(Bucket="probes", Key="missing"),
          "yes: the roles have s3:ListBucket"),
    Probe("S3: PUT with If-None-Match: * over an object", "PreconditionFailed", "S3 User Guide, conditional writes",
          lambda p: p.s3.put_object(Bucket="probes", Key="there", Body=b"x", IfNoneMatch="*"),
          "yes: only a new key announces a picture"),
    Probe("S3: GET with If-Match of an older ETag", "PreconditionFailed", f"{S3}, GetObject",
          lambda p: p.s3.get_object(Bucket="probes", Key="there", IfMatch='"0"'), "yes: superseded events"),
    Probe("S3: PUT of a key of 1025 bytes", "KeyTooLongError", "S3 User Guide, object keys",
          lambda p: p.s3.put_object(Bucket="probes", Key="k" * 1025, Body=b""), "no: keys.py keeps to 1024"),
    Probe("S3: DELETE of a missing key", "accepted", f"{S3}, DeleteObject",
          lambda p: p.s3.delete_object(Bucket="probes", Key="missing"), "yes: clean-up is idempotent"),
    Probe("S3: DELETE of 1001 keys in a request", "MalformedXML", f"{S3}, DeleteObjects",
          lambda p: p.s3.delete_objects(
              Bucket="probes", Delete={"Objects": [{"Key": str(number)} for number in range(1001)]}
          ), "no: 1000 at most are sent"),
    Probe("S3: Range beyond the end", "InvalidRange", f"{S3}, GetObject",
          lambda p: p.s3.get_object(Bucket="probes", Key="there", Range="bytes=100-")),
    Probe("S3: a bucket whose name has capitals", "InvalidBucketName", "S3 User Guide, bucket naming rules",
          lambda p: p.s3.create_bucket(Bucket="Probes"), "no: preflight checks the stack's name"),
    Probe("S3: anonymous GET of a private object", "403", "S3 User Guide, access control",
          lambda p: httpx.get(f"{p.engine.url}/probes/there").status_code, "yes: originals are private"),
    Probe("S3: a form, signed with SigV4", "204", "S3 User Guide, POST Object", lambda p: p.post(), "yes: the door"),
    Probe("S3: a form with too many bytes", "400", "S3 User Guide, POST policy",
          lambda p: p.post(body=bytes(11)), "yes: the limit of an upload"),
    Probe("S3: a form with too few bytes", "400", "S3 User Guide, POST policy", lambda p: p.post(body=b""),
          "yes: no empty uploads"),
    Probe("S3: a form whose policy has expired", "403", "S3 User Guide, POST policy",
          lambda p: p.post(expires=-1), "yes: tickets end"),
    Probe("S3: a form, signed with SigV2", "400", "S3 User Guide, signature versions",
          lambda p: p.post(version="s3"), "no: the door signs with SigV4"),
    Probe("S3: a form whose file comes first", "403", "S3 User Guide, POST Object: fields after the file are ignored",
          lambda p: p.post(file_first=True), "no: every form of Darkroom has the file last"),
    Probe("SQS: a message with 10 attributes", "accepted", "SQS Developer Guide, message metadata",
          lambda p: _send(p, MessageAttributes=_attributes(10)), "yes: a letter's reason has ten"),
    Probe("SQS: a message with 11 attributes", "InvalidParameterValue", "SQS Developer Guide, message metadata",
          lambda p: _send(p, MessageAttributes=_attributes(11)), "no: a letter has ten at most"),
    Probe("SQS: an attribute with an empty value", "InvalidParameterValue", f"{SQS}, MessageAttributeValue",
          lambda p: _send(p, MessageAttributes=_attributes(1, "")), "no: empty values are left out"),
    Probe("SQS: DelaySeconds of 900", "accepted", f"{SQS}, SendMessage", lambda p: _send(p, DelaySeconds=900),
          "yes: waiting messages"),
    Probe("SQS: DelaySeconds of 901", "InvalidParameterValue", f"{SQS}, SendMessage",
          lambda p: _send(p, DelaySeconds=901), "no: shared/limits.py keeps to 900"),
    Probe("SQS: a body with a NUL character", "InvalidMessageContents", f"{SQS}, SendMessage",
          lambda p: _send(p, "\0"), "no: bodies are JSON"),
    Probe("SQS: a batch of 11", "TooManyEntriesInBatchRequest", f"{SQS}, SendMessageBatch",
          lambda p: _batch(p, *map(str, range(11))), "no: batches have ten"),
    Probe("SQS: an empty batch", "EmptyBatchRequest", f"{SQS}, SendMessageBatch", lambda p: _batch(p),
          "no: empty batches are not sent"),
    Probe("SQS: a batch with an id twice", "BatchEntryIdsNotDistinct", f"{SQS}, SendMessageBatch",
          lambda p: _batch(p, "1", "1")),
    Probe("SQS: receiving 11 messages at once", "InvalidParameterValue", f"{SQS}, ReceiveMessage",
          lambda p: p.sqs.receive_message(QueueUrl=p.queue, MaxNumberOfMessages=11)),
    Probe("SQS: a visibility timeout of 43201 s", "InvalidParameterValue", f"{SQS}, ChangeMessageVisibility",
          lambda p: p.sqs.change_message_visibility(
              QueueUrl=p.queue, ReceiptHandle=p.received(), VisibilityTimeout=43201
          )),
    Probe("SQS: retention of 1209601 s", "InvalidAttributeValue", f"{SQS}, CreateQueue",
          lambda p: p.sqs.create_queue(QueueName="old", Attributes={"MessageRetentionPeriod": "1209601"}),
          "no: the template has the maximum"),
    Probe("SQS: deleting a message twice", "accepted", f"{SQS}, DeleteMessage", _delete_twice,
          "yes: Lambda may delete what was deleted"),
    Probe("SQS: deleting with a handle that is none", "ReceiptHandleIsInvalid", f"{SQS}, DeleteMessage",
          lambda p: p.sqs.delete_message(QueueUrl=p.queue, ReceiptHandle="none")),
    Probe("SQS: a queue that does not exist", "NonExistentQueue", f"{SQS}, GetQueueUrl",
          lambda p: p.sqs.get_queue_url(QueueName="missing")),
    Probe("SQS: after maxReceiveCount receives", "moved with source, 1 attributes",
          "SQS Developer Guide, dead-letter queues", _redriven, "yes: the reason `unexplained`"),
    Probe("SQS: StartMessageMoveTask from a queue that is no dead-letter queue", "InvalidParameterValue",
          f"{SQS}, StartMessageMoveTask", _move, "yes: `--by-sqs` says where there is none"),
    Probe("SNS: to a queue whose policy has the topic's ARN", "delivers announced", "SNS Developer Guide, SQS",
          lambda p: _delivered(p, {"ArnEquals": {"aws:SourceArn": p.topic}}), "yes: every subscriber"),
    Probe("SNS: to a queue without a policy", "does not deliver", "SNS Developer Guide, SQS",
          lambda p: _delivered(p, None), "no: subscriptions wait for the policy"),
    Probe("SNS: to a queue whose policy has another topic's ARN", "does not deliver", "SNS Developer Guide, SQS",
          lambda p: _delivered(p, {"ArnEquals": {"aws:SourceArn": p.topic + "2"}}), "yes: only our topics"),
    Probe("SNS: to a queue whose policy demands aws:SourceAccount", "not documented", "SNS Developer Guide, SQS",
          lambda p: _delivered(p, {"StringEquals": {"aws:SourceAccount": "000000000000"}}),
          "no: no queue policy demands it"),
    Probe("SNS: publishing to a missing topic", "NotFound", f"{SNS}, Publish",
          lambda p: p.sns.publish(TopicArn=p.topic + "2", Message="m")),
    Probe("SNS: a message of more than 256 KiB", "InvalidParameter", f"{SNS}, Publish",
          lambda p: p.sns.publish(TopicArn=p.topic, Message="m" * 262_145), "no: an event has about 1 kB"),
    Probe("IAM: a user without a policy", "AccessDenied", f"{IAM}, policy evaluation",
          lambda p: p.as_user("s3").list_objects_v2(Bucket="probes"), "yes: the tests of the roles"),
    Probe("IAM: an action on a resource that the policy does not name", "AccessDenied", f"{IAM}, policy evaluation",
          lambda p: p.as_user("s3", _allow("s3:GetObject", "arn:aws:s3:::other/*")).get_object(
              Bucket="probes", Key="there"
          ), "yes: the tests of the roles"),
    Probe("IAM: a deny beside an allow", "AccessDenied", f"{IAM}, policy evaluation",
          lambda p: p.as_user("s3", _allow("s3:*"), {**_allow("s3:*"), "Effect": "Deny"}).get_object(
              Bucket="probes", Key="there"
          ), "yes: TLS-only bucket policies"),
    Probe("IAM: root assumes a role that trusts Lambda alone", "AccessDenied", f"{IAM}, AssumeRole",
          _lambdas_role, "no: tests check the trust policies"),
    Probe("IAM: the batch request with sqs:ChangeMessageVisibility alone", "accepted",
          "Service Authorization Reference, Amazon SQS", _batch_visibility,
          "yes: RunsOn=local grants an action that AWS does not have"),
    Probe("SSM: a parameter whose name begins with aws", "AccessDeniedException", "Systems Manager API, PutParameter",
          lambda p: p.ssm.put_parameter(Name="/aws-x/y", Value="v", Type="String")),
)  # fmt: skip

_HEAD = """\
# What the local engine does differently from AWS

`python -m tests.support.engine_probes` asks MiniStack and writes this page; a test compares it, so an upgrade of the
engine shows what has changed. AWS's answers are written from memory of the named documentation: check them. A
difference matters where the last column says yes: there, something else than an end-to-end test must show that Darkroom
is right.

Two more differences were found when stacks were deployed. The engine keeps a parameter of type Number as text, and its
SQS poller stops if `MaximumConcurrency` is text; the template gives it a number (`RunsOn=local`). It ignores
`RecursiveLoop` in a template; a unit test checks the property.

| question | engine | AWS | AWS's source | does Darkroom depend on it? |
|---|---|---|---|---|
"""


def page(place: Place) -> str:
    """Return docs/engine-ledger.md as the engine answers now. Differences are bold."""
    rows = []
    for probe in PROBES:
        found = answer(probe, place)
        shown = f"`{found}`" if found == probe.aws else f"**`{found}`**"
        rows.append(f"| {probe.asks} | {shown} | `{probe.aws}` | {probe.source} | {probe.depends} |\n")
    return _HEAD + "".join(rows)


def run() -> str:
    """Start an engine of its own, ask it everything, and return the page."""
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(Path(folder), free_port())
        process = engines.start(engine)
        try:
            return page(Place(engine))
        finally:
            engines.stop(process)


if __name__ == "__main__":
    PAGE.write_text(run())
