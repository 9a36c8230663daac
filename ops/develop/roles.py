"""Writes ops/deployment/roles.yaml: the IAM policies for people who deploy and operate a stack.

The policies have two sources. ops/deployment/calls.json lists the AWS calls of the commands; an end-to-end test records
them. CloudFormation acts with the deployer's permissions. The schemas of the resource types, which cfn-lint ships, list
the permissions that each resource of the template needs.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path
from textwrap import indent
from typing import Any

from ops.deployment.template import Template

ROOT = Path(__file__).parents[2]
CALLS = ROOT / "ops" / "deployment" / "calls.json"
ROLES = ROOT / "ops" / "deployment" / "roles.yaml"
BEGIN, END = "  # generated: begin\n", "  # generated: end\n"

# IAM's service names by botocore's service names, without names that differ only in case.
_SERVICES = {"CloudWatch Logs": "logs", "S3 Control": "s3", "Secrets Manager": "secretsmanager"}
# IAM's actions for calls whose action has another name (Service Authorization Reference).
_ACTIONS = {
    "s3:AbortMultipartUpload": ["s3:AbortMultipartUpload"],
    "s3:CompleteMultipartUpload": ["s3:PutObject"],
    "s3:CopyObject": ["s3:GetObject", "s3:PutObject"],
    "s3:CreateMultipartUpload": ["s3:PutObject"],
    "s3:DeleteObjects": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
    "s3:GetPublicAccessBlock": ["s3:GetAccountPublicAccessBlock"],
    "s3:HeadBucket": ["s3:ListBucket"],
    "s3:HeadObject": ["s3:GetObject"],
    "s3:ListMultipartUploads": ["s3:ListBucketMultipartUploads"],
    "s3:ListObjectVersions": ["s3:ListBucketVersions"],
    "s3:ListObjectsV2": ["s3:ListBucket"],
    "s3:PutBucketEncryption": ["s3:PutEncryptionConfiguration"],
    "s3:UploadPart": ["s3:PutObject"],
    "sqs:ChangeMessageVisibilityBatch": ["sqs:ChangeMessageVisibility"],
    "sqs:DeleteMessageBatch": ["sqs:DeleteMessage"],
    "sqs:SendMessageBatch": ["sqs:SendMessage"],
    "sts:GetCallerIdentity": [],  # everybody may call it
}
# SAM's own resource types, and the CloudFormation types that SAM replaces them by.
_BECOMES = {
    "AWS::Serverless::Function": ["AWS::Lambda::Function", "AWS::Lambda::EventSourceMapping"],
    "AWS::Serverless::LayerVersion": ["AWS::Lambda::LayerVersion"],
}
# The resources of a stack by service: their names begin with the stack's. Other services allow no such limit.
_RESOURCES = {
    "apigateway": ["arn:${AWS::Partition}:apigateway:*::/apis*", "arn:${AWS::Partition}:apigateway:*::/tags/*"],
    "cloudformation": [
        "arn:${AWS::Partition}:cloudformation:*:${AWS::AccountId}:stack/${StackName}*/*",
        "arn:${AWS::Partition}:cloudformation:*:${AWS::AccountId}:stack/aws-sam-cli-managed-default/*",
        "arn:${AWS::Partition}:cloudformation:*:aws:transform/*",
    ],
    "cloudwatch": [
        "arn:${AWS::Partition}:cloudwatch:*:${AWS::AccountId}:alarm:${StackName}*",
        "arn:${AWS::Partition}:cloudwatch::${AWS::AccountId}:dashboard/${StackName}*",
    ],
    "dynamodb": ["arn:${AWS::Partition}:dynamodb:*:${AWS::AccountId}:table/${StackName}*"],
    "iam": ["arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${StackName}*"],
    "lambda": [
        "arn:${AWS::Partition}:lambda:*:${AWS::AccountId}:function:${StackName}*",
        "arn:${AWS::Partition}:lambda:*:${AWS::AccountId}:layer:*",
        "arn:${AWS::Partition}:lambda:*:${AWS::AccountId}:event-source-mapping:*",
    ],
    "logs": ["arn:${AWS::Partition}:logs:*:${AWS::AccountId}:log-group:/aws/*/${StackName}*"],
    "s3": [
        "arn:${AWS::Partition}:s3:::${StackName}*",
        "arn:${AWS::Partition}:s3:::aws-sam-cli-managed-default*",
    ],
    # CloudFormation names a secret after its logical id alone.
    "secretsmanager": ["arn:${AWS::Partition}:secretsmanager:*:${AWS::AccountId}:secret:AccessSecret*"],
    "sns": ["arn:${AWS::Partition}:sns:*:${AWS::AccountId}:${StackName}*"],
    "sqs": ["arn:${AWS::Partition}:sqs:*:${AWS::AccountId}:${StackName}*"],
    "ssm": ["arn:${AWS::Partition}:ssm:*:${AWS::AccountId}:parameter/${StackName}*"],
}
# Calls that the test does not record: the local engine has neither metrics nor SQS's own move of letters, the account's
# public access block is only read with AllowAnonymousUploads=true, and `darkroom remove` needs pictures and a CDN.
_NOT_RECORDED = {
    "deploy": ["S3 Control:GetPublicAccessBlock"],
    "operate": [
        "CloudFront:CreateInvalidation",
        "CloudWatch:GetMetricStatistics",
        "S3:CopyObject",
        "S3:HeadObject",
        "SQS:CancelMessageMoveTask",
        "SQS:ListMessageMoveTasks",
        "SQS:StartMessageMoveTask",
    ],
}
# A managed policy has at most 6144 characters, so the resources' permissions are two policies.
_STORAGE = ("s3:", "sns:", "sqs:", "dynamodb:", "ssm:", "secretsmanager:")
# Calls that list everything in the account, although IAM can limit their action.
_LISTS = {"cloudformation:DescribeStacks", "logs:DescribeLogGroups"}


def iam_actions(calls: Iterable[str]) -> set[str]:
    """Returns the IAM actions that these calls need. A call is `Service:Operation`, as botocore names it."""
    found: set[str] = set()
    for call in calls:
        service, _, operation = call.partition(":")
        action = f"{_SERVICES.get(service, service.lower())}:{operation}"
        found |= set(_ACTIONS.get(action, [action]))
    return found


def resource_actions(template: Template) -> set[str]:
    """Returns the IAM actions that CloudFormation needs to create, change and delete the template's resources."""
    types = {kind for name in template.types() for kind in _BECOMES.get(name, [name])}
    index = json.loads(_cfn_lint("schemas", "providers", "us-east-1.json"))
    needed: set[str] = set()
    for kind in types:
        handlers = json.loads(_cfn_lint("schemas", "resources", f"{index[kind]}.json")).get("handlers", {})
        for handler in handlers.values():
            # One schema has `s3:getObject`, which IAM takes for the same as `s3:GetObject`.
            for service, name in (action.split(":") for action in handler.get("permissions", [])):
                needed.add(f"{service}:{name[:1].upper()}{name[1:]}")
    # The schemas also list the permissions of optional properties (keys, networks, tables), and names that IAM does not
    # know.
    return {action for action in needed if action.partition(":")[0] in {*_RESOURCES, "cloudfront"} and is_known(action)}


def is_known(action: str) -> bool:
    """Returns whether IAM knows the action (Service Authorization Reference, which cfn-lint ships)."""
    service, _, name = action.partition(":")
    return name.lower() in _reference().get(service, {}).get("Actions", {})


def is_limitable(action: str) -> bool:
    """Returns whether a policy can limit the action to the stack's resources."""
    service, _, name = action.partition(":")
    known = _reference().get(service, {}).get("Actions", {}).get(name.lower(), {})
    return service in _RESOURCES and action not in _LISTS and bool(known.get("Resources"))


def statements(actions: Iterable[str]) -> list[dict[str, Any]]:
    """Writes the policy statements that allow `actions`, on resources whose names begin with the stack's."""
    grouped: defaultdict[str, list[str]] = defaultdict(list)
    for action in sorted(actions):
        grouped[action.partition(":")[0] if is_limitable(action) else ""].append(action)
    return [
        {"Effect": "Allow", "Action": some, "Resource": _RESOURCES.get(service, ["*"])}
        for service, some in sorted(grouped.items())
    ]


def policies() -> dict[str, list[dict[str, Any]]]:
    """Returns the statements of each managed policy."""
    calls: dict[str, list[str]] = json.loads(CALLS.read_text(encoding="utf-8"))
    for purpose, more in _NOT_RECORDED.items():
        calls[purpose] = [*calls[purpose], *more]
    needed = resource_actions(Template(ROOT / "template.yaml"))
    return {
        "DeployPolicy": statements(iam_actions([*calls["deploy"], *calls["adopt"], *calls["smoke"]])),
        "StoragePolicy": statements(action for action in needed if action.startswith(_STORAGE)),
        "ComputePolicy": statements(action for action in needed if not action.startswith(_STORAGE)),
        "OperatePolicy": statements(iam_actions([*calls["operate"], *calls["smoke"]])),
        "UninstallPolicy": statements(iam_actions(calls["uninstall"])),
    }


def roles_file(text: str) -> str:
    """Returns the text of roles.yaml with current policies. `text` is an earlier version of the file."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    made = "\n".join(_resource(name, found) for name, found in policies().items())
    return head + BEGIN + made + END + tail


def _resource(name: str, found: list[dict[str, Any]]) -> str:
    lines = [f"{name}:", "  Type: AWS::IAM::ManagedPolicy"]
    everywhere = {action for statement in found if statement["Resource"] == ["*"] for action in statement["Action"]}
    if any(action.startswith("cloudfront:") for action in everywhere):
        # checkov's check of writes without a limit.
        reason = "CloudFront draws the ids of its resources, so no policy can limit them to a stack."
        lines += ["  Metadata:", f'    checkov: {{ skip: [{{ id: CKV_AWS_111, comment: "{reason}" }}] }}']
    lines += ["  Properties:", "    PolicyDocument:"]
    lines += ['      Version: "2012-10-17"', "      Statement:"]
    for statement in found:
        lines += ["        - Effect: Allow", "          Action:"]
        lines += [f"            - {action}" for action in statement["Action"]]
        lines += ["          Resource:"]
        lines += [
            f"            - !Sub {resource}" if "${" in resource else f'            - "{resource}"'
            for resource in statement["Resource"]
        ]
    return indent("\n".join(lines) + "\n", "  ")


@cache
def _reference() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_cfn_lint("AdditionalSpecs", "Policies.json"))
    return found


def _cfn_lint(*path: str) -> str:
    return files("cfnlint").joinpath("data", *path).read_text(encoding="utf-8")
