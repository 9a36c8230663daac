"""Probes of the local engine: a question, AWS's answer, and the place to ask."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
import httpx
from botocore.config import Config
from botocore.exceptions import ClientError

from ops.local.engine import REGION, Engine
from tests.support.probes.sources import Source


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
    """One question, AWS's answer in the words that `ask` returns, and the source of that answer."""

    asks: str
    aws: str
    source: Source
    ask: Callable[[Place], Any]
    depends: str = "no"


def answer(probe: Probe, place: Place) -> str:
    """Return the engine's answer: an error code, or the result of the probe."""
    try:
        found = probe.ask(place)
    except ClientError as error:
        return str(error.response["Error"]["Code"]).rsplit(".", 1)[-1]
    return str(found) if isinstance(found, str | int | bool) else "accepted"


def allow(action: str, resource: str = "*") -> dict[str, Any]:
    """Return a statement that allows an action."""
    return {"Effect": "Allow", "Action": action, "Resource": resource}
