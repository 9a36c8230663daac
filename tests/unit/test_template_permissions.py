"""Permissions in the template: roles, policies, and the privacy of buckets."""

import pytest

from tests.support.template import FUNCTIONS, RESOURCES, TEMPLATE, UNNAMEABLE, of_type, statements


def test_the_resizer_may_requeue_into_its_own_queue() -> None:
    (allowed,) = [
        one["Resource"] for name, one in statements() if name == "ResizeRole" and one["Action"] == "sqs:SendMessage"
    ]
    assert {"Fn::GetAtt": "ResizeQueue.Arn"} in allowed
    assert {"Fn::GetAtt": "ResizeDeadLetterQueue.Arn"} in allowed


def test_a_traced_function_may_send_traces() -> None:
    # Lambda refuses to create a function that traces with a role that may not.
    assert TEMPLATE["Parameters"]["Tracing"]["AllowedValues"] == ["Active", "PassThrough"]
    for function in FUNCTIONS.values():
        role = function["Role"]["Fn::GetAtt"].split(".")[0]
        allowed = [statement["Action"] for name, statement in statements() if name == role]
        assert any(set(UNNAMEABLE) == set(actions) for actions in allowed), role


def test_each_function_has_its_own_role() -> None:
    roles = [function["Role"]["Fn::GetAtt"] for function in FUNCTIONS.values()]
    assert len(set(roles)) == len(FUNCTIONS)
    assert not [function for function in FUNCTIONS.values() if "Policies" in function]


def test_no_policy_allows_everything() -> None:
    assert statements()
    for name, statement in statements():
        resources = statement.get("Resource", [])
        if resources == "*" and set(statement["Action"]) == UNNAMEABLE:
            continue
        assert "*" not in (resources if isinstance(resources, list) else [resources]), name
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        if statement["Effect"] == "Allow":
            assert not [action for action in actions if "*" in action], name


def test_policies_admit_services_only_for_our_own_resources() -> None:
    let_in = [
        (name, statement)
        for name, statement in statements()
        if name.endswith(("TopicPolicy", "QueuePolicy")) and statement["Effect"] == "Allow"
    ]
    assert {name for name, _ in let_in} >= {"UploadTopicPolicy", "ResizeQueuePolicy"}
    for name, statement in let_in:
        condition = statement["Condition"]
        assert list(condition["ArnEquals"]) == ["aws:SourceArn"], name
        if statement["Principal"] == {"Service": "s3.amazonaws.com"}:
            assert condition["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}, name
        else:
            # AWS documents no aws:SourceAccount for SNS to SQS. If SNS does not send it, every message is dropped.
            assert statement["Principal"] == {"Service": "sns.amazonaws.com"}, name
            assert list(condition) == ["ArnEquals"], name


@pytest.mark.parametrize("name", sorted(of_type("AWS::S3::Bucket")))
def test_a_bucket_is_private_encrypted_and_tls_only(name: str) -> None:
    bucket = RESOURCES[name]["Properties"]
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    # CloudFront writes its logs with an ACL; no other bucket takes any.
    ownership = "BucketOwnerPreferred" if name == "CdnLogBucket" else "BucketOwnerEnforced"
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": ownership}]
    for setting, value in bucket["PublicAccessBlockConfiguration"].items():
        assert value is True or value == {"Fn::If": ["AnonymousUploads", False, True]}, setting
    denied = [
        statement
        for _, statement in statements()
        if statement.get("Sid") == "TlsOnly" and {"Fn::GetAtt": f"{name}.Arn"} in statement["Resource"]
    ]
    assert denied[0]["Effect"] == "Deny"
    assert denied[0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
