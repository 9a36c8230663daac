"""The built functions under AWS's own runtime client, with AWS's addresses, in processes without anything else."""

import json
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ops.local import engine as engines
from ops.local import stack
from ops.local.engine import REGION, Engine
from shared import access
from shared.access import Role
from shared.events import Upload
from shared.keys import Image, invitation_key, new_image_id, rendition_key, upload_key
from tests.support.artifact import BARE_PYTHON, folders_of
from tests.support.front import Asked, Front
from tests.support.pictures import plain_jpeg
from tests.support.ports import free_port
from tests.support.runtime_api import TRACE, RuntimeApi, running
from tests.support.template import FUNCTIONS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="AWS's runtime client has wheels for Linux only")
SIGNING_KEY = "k" * 64
# Other tests check the permissions of the roles: here, a role may do everything.
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@dataclass
class Account:
    """An account on the local engine with the functions' buckets and queues, behind the front."""

    front: Front
    environment: dict[str, str]
    session_token: str
    s3: Any
    sqs: Any
    queue: str
    dead: str
    invitation: str
    folder: Path

    @contextmanager
    def function(self, built: Path, name: str) -> Iterator[RuntimeApi]:
        """Start the function's process under the runtime client."""
        before = _files(built)
        with self.process(FUNCTIONS[name]["Handler"], folders_of(built, name)) as api:
            yield api
        assert _files(built) == before, "the function changed its own folder, which is read-only on Lambda"

    @contextmanager
    def process(self, handler: str, path: Sequence[Path], **more: str) -> Iterator[RuntimeApi]:
        """Start a process that imports its handler from the folders `path`."""
        self.front.asked.clear()
        with running(BARE_PYTHON, handler, path, self.environment | more, self.folder) as api:
            yield api

    def letter(self) -> str:
        """Receive the only dead letter, delete it, and return its reason."""
        (letter,) = self.sqs.receive_message(QueueUrl=self.dead, MessageAttributeNames=["All"])["Messages"]
        self.sqs.delete_message(QueueUrl=self.dead, ReceiptHandle=letter["ReceiptHandle"])
        return str(letter["MessageAttributes"]["code"]["StringValue"])

    def upload(self, name: str) -> Upload:
        key = upload_key(new_image_id(datetime.now(UTC)), name)
        body = plain_jpeg()
        etag = self.s3.put_object(Bucket="uploads", Key=key, Body=body)["ETag"].strip('"')
        return Upload("uploads", key, etag, len(body), datetime.now(UTC))

    def batch(self, *uploads: Upload) -> dict[str, Any]:
        """Send and receive the uploads' events, and return them as Lambda hands them to a function."""
        records = []
        for upload in uploads:
            self.sqs.send_message(QueueUrl=self.queue, MessageBody=json.dumps(upload.as_event()))
            (message,) = self.sqs.receive_message(QueueUrl=self.queue, MessageSystemAttributeNames=["All"])["Messages"]
            records.append(
                {
                    "messageId": message["MessageId"],
                    "receiptHandle": message["ReceiptHandle"],
                    "body": message["Body"],
                    "attributes": message["Attributes"],
                    "messageAttributes": {},
                    "eventSourceARN": f"arn:aws:sqs:{REGION}:000000000000:work",
                }
            )
        return {"Records": records}

    def sent(self, service: str) -> list[Asked]:
        """Return the requests to a service, and check that each has the token and the trace of its function."""
        functions = [asked for asked in self.front.asked if asked.headers["user-agent"].startswith("Boto3")]
        assert functions
        for asked in functions:
            assert asked.headers["x-amz-security-token"] == self.session_token
            assert asked.headers["x-amzn-trace-id"] == TRACE
        return [asked for asked in functions if f"{service}.{REGION}.amazonaws.com" in asked.host]


def _files(folder: Path) -> dict[str, int]:
    return {str(file): file.stat().st_mtime_ns for file in folder.rglob("*")}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    folder = tmp_path_factory.mktemp("runtime")
    engine = Engine(folder, free_port())
    process = engines.start(engine)
    try:
        with Front(engine, folder) as front:
            yield _prepared(engine, front, folder)
    finally:
        engines.stop(process)


def _prepared(engine: Engine, front: Front, folder: Path) -> Account:
    def client(service: Any) -> Any:
        return engine.session().client(service, endpoint_url=engine.url)

    s3, sqs, iam = client("s3"), client("sqs"), client("iam")
    for bucket in ("uploads", "resized"):
        s3.create_bucket(Bucket=bucket)
    queue, dead = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("work", "dead"))
    secret = client("secretsmanager").create_secret(Name="access", SecretString=SIGNING_KEY)["ARN"]
    invitation = access.new_invitation("Olga", Role.OWNER, datetime.now(UTC) + timedelta(days=1))
    s3.put_object(Bucket="resized", Key=invitation_key(invitation.name, invitation.id), Body=b"{}")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName="function", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    iam.put_role_policy(RoleName="function", PolicyName="p", PolicyDocument=json.dumps(EVERYTHING))
    given = client("sts").assume_role(RoleArn=role, RoleSessionName="function")["Credentials"]
    urls = {name: f"https://sqs.{REGION}.amazonaws.com/000000000000/{name}" for name in ("work", "dead")}
    environment = front.environment | {
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "2048",
        "UPLOAD_BUCKET": "uploads",
        "RESIZED_BUCKET": "resized",
        "LETTERS_BUCKET": "resized",
        "QUEUE_URL": urls["work"],
        "DEAD_LETTER_QUEUE_URL": urls["dead"],
        "MAX_UPLOAD_MEGABYTES": "5",
        "ACCESS_SECRET_ARN": secret,
        "POWERTOOLS_SERVICE_NAME": "test",
        "POWERTOOLS_METRICS_NAMESPACE": "darkroom",
    }
    token = access.sign(invitation, SIGNING_KEY)
    return Account(front, environment, given["SessionToken"], s3, sqs, queue, dead, token, folder)


def request(account: Account, method: str, path: str, body: str = "") -> dict[str, Any]:
    """Return a request with an owner's invitation, as API Gateway hands it to a function."""
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "abc.execute-api.us-east-1.amazonaws.com", "authorization": f"Bearer {account.invitation}"},
        "requestContext": {"http": {"method": method, "path": path}},
        "body": body,
        "isBase64Encoded": False,
    }


def test_the_door_answers_tickets_for_the_buckets_own_address(built: Path, account: Account) -> None:
    wish = json.dumps({"name": "cat.jpg", "type": "image/jpeg", "size": 1000})
    with account.function(built, "IngestFunction") as door:
        kind, answer = door.invoke(request(account, "POST", "/uploads", wish), 15)
    assert (kind, answer["statusCode"]) == ("response", 201), answer
    ticket = json.loads(answer["body"])
    assert ticket["url"] == f"https://uploads.s3.{REGION}.amazonaws.com/"
    assert ticket["fields"]["x-amz-security-token"] == account.session_token
    with account.front.client() as client:
        uploaded = client.post(ticket["url"], data=ticket["fields"], files={"file": ("cat.jpg", plain_jpeg())})
    assert uploaded.status_code == 204, uploaded.text
    assert account.s3.get_object(Bucket="uploads", Key=ticket["fields"]["key"])["Body"].read() == plain_jpeg()


def test_the_gallery_shows_pictures_at_the_buckets_own_address(built: Path, account: Account) -> None:
    image = Image(new_image_id(datetime.now(UTC)), "cat.jpg")
    for name in ("view", "thumb"):
        account.s3.put_object(Bucket="resized", Key=rendition_key(name, image, 640, 480, "jpg"), Body=plain_jpeg())
    with account.function(built, "ListFunction") as gallery:
        kind, answer = gallery.invoke(request(account, "GET", "/images"), 15)
    assert (kind, answer["statusCode"]) == ("response", 200), answer
    shown = json.loads(answer["body"])["images"][0]
    assert shown["id"] == image.id
    url = next(url for url in _texts(shown) if url.startswith("https://"))
    assert url.startswith(f"https://resized.s3.{REGION}.amazonaws.com/")
    with account.front.client() as client:
        assert client.get(url).content == plain_jpeg()
    assert account.sent("s3")


def _texts(node: Any) -> list[str]:
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    return [node] if isinstance(node, str) else [text for child in children for text in _texts(child)]


def test_the_remover_moves_a_picture_to_the_trash(built: Path, account: Account) -> None:
    image = Image(new_image_id(datetime.now(UTC)), "cat.jpg")
    for name in ("view", "thumb"):
        account.s3.put_object(Bucket="resized", Key=rendition_key(name, image, 640, 480, "jpg"), Body=plain_jpeg())
    with account.function(built, "RemoveFunction") as remover:
        kind, answer = remover.invoke(request(account, "DELETE", f"/images/{image.id}"), 15)
    assert (kind, answer["statusCode"]) == ("response", 200), answer
    kept = [found["Key"] for found in account.s3.list_objects_v2(Bucket="resized")["Contents"]]
    assert [key for key in kept if key.startswith(f"thumb/{image.id}/")] == []
    assert account.sent("secretsmanager")


def test_the_resizer_makes_renditions(built: Path, account: Account) -> None:
    upload = account.upload("cat.jpg")
    with account.function(built, "ResizeFunction") as resizer:
        kind, answer = resizer.invoke(account.batch(upload), 60)
    assert (kind, answer) == ("response", {"batchItemFailures": []})
    found = account.s3.list_objects_v2(Bucket="resized", Prefix=f"thumb/{upload.image.id}/")
    assert found["KeyCount"] == 1
    assert account.sent("s3")


def test_with_15_seconds_left_the_resizer_requeues_its_batch_with_the_trace_and_answers_in_time(
    built: Path, account: Account
) -> None:
    uploads = [account.upload(f"{number}.jpg") for number in range(3)]
    with account.function(built, "ResizeFunction") as resizer:
        began = time.monotonic()
        kind, answer = resizer.invoke(account.batch(*uploads), 15)
        took = time.monotonic() - began
    assert (kind, answer) == ("response", {"batchItemFailures": []})
    assert took < 15
    sent = [asked.headers.get("x-amz-target", "").rsplit(".", 1)[-1] for asked in account.sent("sqs")]
    assert "SendMessageBatch" in sent, "Lambda's recursive loop detection knows a requeued message by its trace"
    for upload in uploads:
        assert account.s3.list_objects_v2(Bucket="resized", Prefix=f"thumb/{upload.image.id}/")["KeyCount"] == 0


def test_a_message_that_is_no_event_becomes_a_dead_letter(built: Path, account: Account) -> None:
    event = account.batch(account.upload("cat.jpg"))
    event["Records"][0]["body"] = "no event"
    with account.function(built, "ResizeFunction") as resizer:
        assert resizer.invoke(event, 60) == ("response", {"batchItemFailures": []})
    assert account.letter() == "malformed-event"


def test_a_subscriber_starts_from_the_shared_layer(built: Path, account: Account, tmp_path: Path) -> None:
    """Generated subscribers and examples have this entry point. Its work is the webhook's, without an address."""
    (tmp_path / "examples").mkdir()
    shutil.copytree(stack.ROOT / "examples" / "webhook", tmp_path / "examples" / "webhook")
    image = Image(new_image_id(datetime.now(UTC)), "cat.jpg")
    key = rendition_key("thumb", image, 64, 48, "jpg")
    etag = account.s3.put_object(Bucket="resized", Key=key, Body=plain_jpeg(64, 48))["ETag"].strip('"')
    event = account.batch(Upload("resized", key, etag, 1, datetime.now(UTC)))
    path = [tmp_path, built / "SharedLayer" / "python"]
    with account.process("shared.start.handle", path, HANDLER="examples.webhook.handler.handle") as subscriber:
        assert subscriber.invoke(event, 60) == ("response", {"batchItemFailures": []})


def test_a_subscriber_that_cannot_be_imported_makes_dead_letters_with_the_reason(
    built: Path, account: Account, tmp_path: Path
) -> None:
    event = account.batch(account.upload("cat.jpg"))
    path = [tmp_path, built / "SharedLayer" / "python"]
    with account.process("shared.start.handle", path, HANDLER="no_such_package.handle") as subscriber:
        assert subscriber.invoke(event, 60) == ("response", {"batchItemFailures": []})
    assert account.letter() == "import-failed"
