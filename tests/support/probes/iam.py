"""Questions to the local engine about IAM and SSM."""

import json
from typing import Any

from botocore.config import Config

from tests.support.probes.base import Place, Probe, allow

API, GUIDE = "IAM API", "IAM User Guide"


def _lambdas_role(place: Place) -> str:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = place.iam.create_role(RoleName="probed", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    place.sts.assume_role(RoleArn=role, RoleSessionName="probe")
    return "accepted"


def _batch_visibility(place: Place) -> str:
    sqs = place.as_user("sqs", allow("sqs:ChangeMessageVisibility"))
    entry = {"Id": "1", "ReceiptHandle": place.received(), "VisibilityTimeout": 0}
    failed = sqs.change_message_visibility_batch(QueueUrl=place.queue, Entries=[entry]).get("Failed", [])
    return "refused" if failed else "accepted"


def _trusting(place: Place, name: str, **more: Any) -> Any:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    return place.iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, **more)


def _made_twice(place: Place) -> None:
    for _ in range(2):
        _trusting(place, "twice")


def _deleted_with_policy(place: Place) -> None:
    _trusting(place, "full")
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow("s3:GetObject")]})
    place.iam.put_role_policy(RoleName="full", PolicyName="p", PolicyDocument=document)
    place.iam.delete_role(RoleName="full")


def _read(place: Place, *statements: dict[str, Any], key: str = "there") -> None:
    place.as_user("s3", *statements).get_object(Bucket="probes", Key=key)


def _conditional(action: str, **condition: Any) -> dict[str, Any]:
    return {**allow(action), "Condition": condition}


def _with_keys(place: Place, key: str, secret: str) -> None:
    session: Any = place.engine.session()
    client = session.client(
        "s3",
        endpoint_url=place.engine.url,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}),
    )
    client.list_objects_v2(Bucket="probes")


def _wrong_secret(place: Place) -> None:
    keys = place.user(allow("s3:*")).get_credentials()
    assert keys
    _with_keys(place, str(keys.access_key), "x" * 40)


PROBES = (
    Probe("IAM: a user without a policy", "AccessDenied", f"{GUIDE}, policy evaluation",
          lambda p: p.as_user("s3").list_objects_v2(Bucket="probes"), "yes: the tests of the roles"),
    Probe("IAM: an action on a resource that the policy does not name", "AccessDenied", f"{GUIDE}, policy evaluation",
          lambda p: p.as_user("s3", allow("s3:GetObject", "arn:aws:s3:::other/*")).get_object(
              Bucket="probes", Key="there"
          ), "yes: the tests of the roles"),
    Probe("IAM: a deny beside an allow", "AccessDenied", f"{GUIDE}, policy evaluation",
          lambda p: p.as_user("s3", allow("s3:*"), {**allow("s3:*"), "Effect": "Deny"}).get_object(
              Bucket="probes", Key="there"
          ), "yes: TLS-only bucket policies"),
    Probe("IAM: root assumes a role that trusts Lambda alone", "AccessDenied", "STS API, AssumeRole",
          _lambdas_role, "no: tests check the trust policies"),
    Probe("IAM: the batch request with sqs:ChangeMessageVisibility alone", "accepted",
          "Service Authorization Reference, Amazon SQS", _batch_visibility,
          "yes: RunsOn=local grants an action that AWS does not have"),
    Probe("SSM: a parameter whose name begins with aws", "AccessDeniedException", "Systems Manager API, PutParameter",
          lambda p: p.ssm.put_parameter(Name="/aws-x/y", Value="v", Type="String")),
    Probe("IAM: an action by a wildcard in its name", "accepted", f"{GUIDE}, policy evaluation",
          lambda p: _read(p, allow("s3:Get*"))),
    Probe("IAM: a condition on a key that the request does not have", "AccessDenied", f"{GUIDE}, conditions",
          lambda p: _read(p, _conditional("s3:GetObject", StringEquals={"aws:SourceAccount": "000000000000"})),
          "yes: why no queue policy demands aws:SourceAccount"),
    Probe("IAM: the same condition with IfExists", "accepted", f"{GUIDE}, conditions",
          lambda p: _read(p, _conditional("s3:GetObject", StringEqualsIfExists={"aws:SourceAccount": "000000000000"}))),
    Probe("IAM: an allow that demands TLS, without TLS", "AccessDenied", f"{GUIDE}, global condition keys",
          lambda p: _read(p, _conditional("s3:GetObject", Bool={"aws:SecureTransport": "true"})),
          "yes: TLS-only bucket policies"),
    Probe("IAM: a deny of what has no TLS, without TLS", "AccessDenied", f"{GUIDE}, global condition keys",
          lambda p: _read(p, allow("s3:*"), {
              **_conditional("s3:*", Bool={"aws:SecureTransport": "false"}), "Effect": "Deny",
          }), "yes: TLS-only bucket policies"),
    Probe("IAM: listing a prefix that s3:prefix does not allow", "AccessDenied", f"{GUIDE}, conditions",
          lambda p: p.as_user("s3", _conditional("s3:ListBucket", StringLike={"s3:prefix": "mine/*"})).list_objects_v2(
              Bucket="probes", Prefix="yours/"
          )),
    Probe("IAM: who am I, without a policy", "accepted", "STS API, GetCallerIdentity",
          lambda p: p.as_user("sts").get_caller_identity(), "yes: preflight asks it"),
    Probe("IAM: an unknown access key", "InvalidAccessKeyId", "S3 API, error responses",
          lambda p: _with_keys(p, "AKIAIOSFODNN7EXAMPLE", "x" * 40)),
    Probe("IAM: a wrong secret", "SignatureDoesNotMatch", "S3 API, error responses", _wrong_secret),
    Probe("IAM: a role whose name is taken", "EntityAlreadyExists", f"{API}, CreateRole", _made_twice),
    Probe("IAM: a role's name of 65 characters", "ValidationError", f"{API}, CreateRole",
          lambda p: _trusting(p, "r" * 65), "no: preflight checks the stack's name"),
    Probe("IAM: a trust policy that is no JSON", "MalformedPolicyDocument", f"{API}, CreateRole",
          lambda p: p.iam.create_role(RoleName="torn", AssumeRolePolicyDocument="{")),
    Probe("IAM: deleting a role that has a policy", "DeleteConflict", f"{API}, DeleteRole", _deleted_with_policy),
    Probe("IAM: deleting a missing role", "NoSuchEntity", f"{API}, DeleteRole",
          lambda p: p.iam.delete_role(RoleName="missing")),
)  # fmt: skip
