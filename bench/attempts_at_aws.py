"""Attacks that bypass the API: requests to AWS without rights or with the functions' roles, and forged events."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from bench.attempts_over_http import Closed, Count
from ops.local.engine import REGION
from tests.support.deployed import until
from tests.support.subscribers import s3_event
from tests.support.uploads import picture

FUNCTIONS = ("ingest", "list", "remove", "resize")
ONCE: Any = {"total_max_attempts": 1}
STRANGERS = {
    "unsigned": Config(signature_version=UNSIGNED, retries=ONCE),
    "with an unknown key": Config(retries=ONCE),
}
# The requests that a function needs, by the beginning of their names below; template.yaml has the reasons.
PERMITTED = {
    "ingest": ("read the key", "list resized", "get_object resized invitations/"),
    "list": ("read the key", "list ", "get_object resized"),
    "remove": ("read the key", "list ", "get_object", "put_object", "delete_object"),
    "resize": ("list ", "get_object uploads", "put_object resized", "delete_object resized", "send to work",
               "receive from work", "send to dead"),
}  # fmt: skip
FORGED_BUCKETS = ("victim", "another-account-uploads", "")
NO_EVENTS = ("{}", "[]", "null", '{"Records": 1}', '{"Records": [{}]}', "no JSON", "[" * 5000, "x" * 200_000)

type Request = Callable[[], Any]
type Client = Callable[[Any], Any]


def at_aws(closed: Closed) -> Count:
    """Send requests to the services behind the API, unsigned and with an unknown key."""
    count = Count("requests to S3, SQS, SNS, Lambda, IAM and Secrets Manager without rights")
    stranger = boto3.Session("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", region_name=REGION)
    for how, config in STRANGERS.items():
        client = partial(stranger.client, endpoint_url=closed.stack.engine.url, config=config)
        for what, request in _requests(closed, client):
            _attempt(count, f"{what}, {how}", request)
    return count


def with_the_roles_of_functions(closed: Closed) -> Count:
    """Send the same requests with the role of each function, without the requests that the function needs."""
    count = Count("requests with a function's role beyond its work")
    for function in FUNCTIONS:
        role = closed.stack.client("lambda").get_function_configuration(FunctionName=f"darkroom-{function}")["Role"]
        assumed = closed.stack.client("sts").assume_role(RoleArn=role, RoleSessionName="attempt")["Credentials"]
        session = boto3.Session(
            assumed["AccessKeyId"], assumed["SecretAccessKey"], assumed["SessionToken"], region_name=REGION
        )
        client = partial(session.client, endpoint_url=closed.stack.engine.url, config=Config(retries=ONCE))
        for what, request in _requests(closed, client):
            if not what.startswith(PERMITTED[function]):
                _attempt(count, f"{function}: {what}", request)
    return count


def forged_events(closed: Closed) -> Count:
    """Put events about other buckets, and messages that are no events, into the resizer's queue."""
    count = Count("forged events in the resizer's queue")
    stack = closed.stack
    stack.s3.create_bucket(Bucket="victim")
    etag = stack.s3.put_object(Bucket="victim", Key="uploads/secret.jpg", Body=picture())["ETag"].strip('"')
    before = set(stack.keys(""))
    forged = [json.dumps(s3_event(bucket, "uploads/secret.jpg", etag, 100)) for bucket in FORGED_BUCKETS]
    for body in (*forged, *NO_EVENTS):
        stack.sqs.send_message(QueueUrl=stack.outputs["ResizeQueueUrl"], MessageBody=body)
    letters = len(forged) + len(NO_EVENTS)
    until(lambda: stack.waiting("ResizeDeadLetterQueueUrl") == letters, "dead letters of all forged events", 120)
    made = sorted(key for key in set(stack.keys("")) - before if not key.startswith("letters/"))
    for body in (*forged, *NO_EVENTS):
        count.tell(f"{body[:60]} made {made}", got_in=bool(made))
    stack.sqs.purge_queue(QueueUrl=stack.outputs["ResizeDeadLetterQueueUrl"])
    return count


def _requests(closed: Closed, client: Client) -> Iterator[tuple[str, Request]]:
    """Yield requests to every resource that an attacker may want."""
    outputs = closed.stack.outputs
    yield from _of_buckets(closed, client("s3"))
    for name, url in (("work", outputs["ResizeQueueUrl"]), ("dead", outputs["ResizeDeadLetterQueueUrl"])):
        sqs = client("sqs")
        yield f"send to {name}", partial(sqs.send_message, QueueUrl=url, MessageBody="{}")
        yield f"receive from {name}", partial(sqs.receive_message, QueueUrl=url)
        yield f"purge {name}", partial(sqs.purge_queue, QueueUrl=url)
    for topic in (outputs["UploadTopicArn"], outputs["RenditionTopicArn"]):
        sns = client("sns")
        yield f"publish to {topic}", partial(sns.publish, TopicArn=topic, Message="{}")
        subscribe = partial(sns.subscribe, TopicArn=topic, Protocol="https", Endpoint="https://mallory.invalid/")
        yield f"subscribe to {topic}", subscribe
    for function in FUNCTIONS:
        yield f"invoke {function}", partial(client("lambda").invoke, FunctionName=f"darkroom-{function}", Payload="{}")
    secrets, secret = client("secretsmanager"), outputs["AccessSecretArn"]
    yield "read the key", partial(secrets.get_secret_value, SecretId=secret)
    yield "replace the key", partial(secrets.put_secret_value, SecretId=secret, SecretString="mallory")
    yield "users", client("iam").list_users


def _of_buckets(closed: Closed, s3: Any) -> Iterator[tuple[str, Request]]:
    for name, bucket in (("uploads", closed.stack.upload_bucket), ("resized", closed.stack.resized_bucket)):
        for operation in ("get_object", "put_object", "delete_object"):
            for key in ("elsewhere/x.jpg", "invitations/Mallory/1.json"):
                yield f"{operation} {name} {key}", partial(getattr(s3, operation), Bucket=bucket, Key=key)
        yield f"list {name}", partial(s3.list_objects_v2, Bucket=bucket)
        yield f"write the policy of {name}", partial(s3.put_bucket_policy, Bucket=bucket, Policy="{}")
        yield f"delete the bucket {name}", partial(s3.delete_bucket, Bucket=bucket)


def _attempt(count: Count, what: str, request: Request) -> None:
    try:
        request()
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status >= 500:
            count.errors.append(f"{count.kind}: {what}: {error}")
        count.tell(f"{what}: {error}", got_in=status not in {400, 401, 403})
    else:
        count.tell(what, got_in=True)
