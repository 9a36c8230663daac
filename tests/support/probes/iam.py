"""Questions to the local engine about IAM and SSM."""

import json
from typing import Any

from botocore.config import Config

from tests.support.probes.base import Place, Probe, allow
from tests.support.probes.sources import Inferred, Model, Page, Recorded


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
    Probe(
        "IAM: a user without a policy",
        "AccessDenied",
        Model("s3", "Error", "Code: AccessDenied Description: Access Denied HTTP Status Code: 403 Forbidden"),
        lambda p: p.as_user("s3").list_objects_v2(Bucket="probes"),
        "yes: the tests of the roles",
    ),
    Probe(
        "IAM: an action on a resource that the policy does not name",
        "AccessDenied",
        Model("s3", "Error", "Code: AccessDenied Description: Access Denied HTTP Status Code: 403 Forbidden"),
        lambda p: p.as_user("s3", allow("s3:GetObject", "arn:aws:s3:::other/*")).get_object(
            Bucket="probes", Key="there"
        ),
        "yes: the tests of the roles",
    ),
    Probe(
        "IAM: a deny beside an allow",
        "AccessDenied",
        Inferred("an explicit deny overrides any allow"),
        lambda p: p.as_user("s3", allow("s3:*"), {**allow("s3:*"), "Effect": "Deny"}).get_object(
            Bucket="probes", Key="there"
        ),
        "yes: TLS-only bucket policies",
    ),
    Probe(
        "IAM: root assumes a role that trusts Lambda alone",
        "AccessDenied",
        Model(
            "sts",
            "AssumeRole",
            "You specify the trusted principal that is allowed to assume the role",
        ),
        _lambdas_role,
        "no: tests check the trust policies",
    ),
    Probe(
        "IAM: the batch request with sqs:ChangeMessageVisibility alone",
        "accepted",
        Model(
            "sqs",
            "AddPermission",
            "also grants permissions for the corresponding batch versions of those actions",
        ),
        _batch_visibility,
        "yes: RunsOn=local grants an action that AWS does not have",
    ),
    Probe(
        "SSM: a parameter whose name begins with aws",
        "AccessDeniedException",
        Recorded("aws-solutions/quota-monitor-for-aws#30"),
        lambda p: p.ssm.put_parameter(Name="/aws-x/y", Value="v", Type="String"),
    ),
    Probe(
        "IAM: an action by a wildcard in its name",
        "accepted",
        Inferred("policies of AWS itself use such names"),
        lambda p: _read(p, allow("s3:Get*")),
    ),
    Probe(
        "IAM: a condition on a key that the request does not have",
        "AccessDenied",
        Page(
            "IAM User Guide, condition operators",
            "If the key … is not present in the request context, the values do not match",
        ),
        lambda p: _read(p, _conditional("s3:GetObject", StringEquals={"aws:SourceAccount": "000000000000"})),
        "yes: why no queue policy demands aws:SourceAccount",
    ),
    Probe(
        "IAM: the same condition with IfExists",
        "accepted",
        Page(
            "IAM User Guide, condition operators",
            "This logic applies to all condition operators except ...IfExists and Null check.",
        ),
        lambda p: _read(p, _conditional("s3:GetObject", StringEqualsIfExists={"aws:SourceAccount": "000000000000"})),
    ),
    Probe(
        "IAM: an allow that demands TLS, without TLS",
        "AccessDenied",
        Inferred("a condition that does not match allows nothing"),
        lambda p: _read(p, _conditional("s3:GetObject", Bool={"aws:SecureTransport": "true"})),
        "yes: TLS-only bucket policies",
    ),
    Probe(
        "IAM: a deny of requests without TLS, without TLS",
        "AccessDenied",
        Inferred("an explicit deny overrides any allow"),
        lambda p: _read(
            p,
            allow("s3:*"),
            {
                **_conditional("s3:*", Bool={"aws:SecureTransport": "false"}),
                "Effect": "Deny",
            },
        ),
        "yes: TLS-only bucket policies",
    ),
    Probe(
        "IAM: listing a prefix that s3:prefix does not allow",
        "AccessDenied",
        Inferred("a condition that does not match allows nothing"),
        lambda p: p.as_user("s3", _conditional("s3:ListBucket", StringLike={"s3:prefix": "mine/*"})).list_objects_v2(
            Bucket="probes", Prefix="yours/"
        ),
    ),
    Probe(
        "IAM: who am I, without a policy",
        "accepted",
        Model("sts", "GetCallerIdentity", "No permissions are required to perform this operation."),
        lambda p: p.as_user("sts").get_caller_identity(),
        "yes: preflight asks it",
    ),
    Probe(
        "IAM: an unknown access key",
        "InvalidAccessKeyId",
        Model("s3", "Error", "Code: InvalidAccessKeyId"),
        lambda p: _with_keys(p, "AKIAIOSFODNN7EXAMPLE", "x" * 40),
    ),
    Probe(
        "IAM: a wrong secret",
        "SignatureDoesNotMatch",
        Model("s3", "Error", "Code: SignatureDoesNotMatch"),
        _wrong_secret,
    ),
    Probe(
        "IAM: a role whose name is taken",
        "EntityAlreadyExists",
        Model(
            "iam",
            "CreateRole",
            "The request was rejected because it attempted to create a resource that already exists.",
        ),
        _made_twice,
    ),
    Probe(
        "IAM: a role's name of 65 characters",
        "ValidationError",
        Inferred("names have 64 characters at most; other values out of range have this code"),
        lambda p: _trusting(p, "r" * 65),
        "no: preflight checks the stack's name",
    ),
    Probe(
        "IAM: a trust policy that is not JSON",
        "MalformedPolicyDocument",
        Recorded("iam/test_iam_roles.py::TestRoleLifecycle::test_update_assume_role_policy_errors"),
        lambda p: p.iam.create_role(RoleName="torn", AssumeRolePolicyDocument="{"),
    ),
    Probe(
        "IAM: deleting a role that has a policy",
        "DeleteConflict",
        Recorded("iam/test_iam_roles.py::TestRoleLifecycle::test_delete_role_with_inline_policy"),
        _deleted_with_policy,
    ),
    Probe(
        "IAM: deleting a missing role",
        "NoSuchEntity",
        Recorded("iam/test_iam_roles.py::TestRoleLifecycle::test_role_errors"),
        lambda p: p.iam.delete_role(RoleName="missing"),
    ),
)
