"""Records the calls that code makes to AWS, and compares them with the template's roles.

IAM action names and resource types: docs.aws.amazon.com/service-authorization/latest/reference/, Amazon S3, Amazon SQS
and Amazon DynamoDB.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote

import boto3
from moto.iam.access_control import IAMPolicy, PermissionResult

ACCOUNT, REGION, STACK = "123456789012", "eu-west-1", "darkroom"
# Operations whose IAM action has another name. Batch requests of SQS need the permission of the single request.
_ACTIONS = {
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListObjects": "s3:ListBucket",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:CopyObject": "s3:PutObject",  # and s3:GetObject on its source
    "s3:DeleteObjects": "s3:DeleteObject",
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
}


@dataclass(frozen=True, slots=True, order=True)
class Call:
    """One request: an IAM action on a resource."""

    action: str
    resource: str


@dataclass
class Recorder:
    """The calls of every boto3 client that is made while `recording` runs."""

    calls: set[Call] = field(default_factory=set)

    def asked(self, model: Any, context: Mapping[str, Any], **_: Any) -> None:
        service = model.service_model.service_name
        operation = f"{service}:{model.name}"
        if operation == "s3:CopyObject":
            source = unquote(context["darkroom_params"]["CopySource"])
            self.calls.add(Call("s3:GetObject", f"arn:aws:s3:::{source}"))
        action = _ACTIONS.get(operation, operation)
        for resource in _resources(service, action, context["darkroom_params"]):
            self.calls.add(Call(action, resource))

    def answered(self, parsed: Mapping[str, Any], model: Any, context: Mapping[str, Any], **_: Any) -> None:
        # Without s3:ListBucket on its bucket, S3 answers 403 and not 404 for an object that does not exist.
        if parsed.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404 and model.name in {
            "GetObject",
            "HeadObject",
        }:
            self.calls.add(Call("s3:ListBucket", f"arn:aws:s3:::{context['darkroom_params']['Bucket']}"))


@contextmanager
def recording() -> Iterator[Recorder]:
    """Record the calls of boto3's default session. Clients that exist before are not recorded."""
    recorder = Recorder()
    boto3.setup_default_session()
    session: Any = boto3.DEFAULT_SESSION
    events = session._session.get_component("event_emitter")
    events.register("before-parameter-build.*.*", _remember_params)
    events.register("before-call.*.*", recorder.asked)  # which presigning does not reach
    events.register("after-call.*.*", recorder.answered)
    yield recorder
    setattr(boto3, "DEFAULT_SESSION", None)  # noqa: B010  (mypy knows no None there)


def _remember_params(params: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
    context["darkroom_params"] = params


def _resources(service: str, action: str, params: Mapping[str, Any]) -> list[str]:
    match service:
        case "s3" if action == "s3:ListBucket":
            return [f"arn:aws:s3:::{params['Bucket']}"]
        case "s3":
            keys = [params["Key"]] if "Key" in params else [one["Key"] for one in params["Delete"]["Objects"]]
            return [f"arn:aws:s3:::{params['Bucket']}/{key}" for key in keys]
        case "sqs":
            return [f"arn:aws:sqs:{REGION}:{ACCOUNT}:{params['QueueUrl'].rsplit('/', 1)[-1]}"]
        case "dynamodb":
            tables = params.get("RequestItems") or {params.get("TableName"): None}
            return [f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}" for table in tables]
        case "ssm":
            return [f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{params['Name']}"]
        case "cloudfront":
            return [f"arn:aws:cloudfront::{ACCOUNT}:distribution/{params['DistributionId']}"]
        case "secretsmanager":
            return [params["SecretId"]]
    raise AssertionError(f"{service} is called, and no test knows the resources of its actions")


@dataclass(frozen=True, slots=True)
class Grant:
    """One action on one resource, as a statement allows it."""

    action: str
    resource: str


def grants(
    template: Mapping[str, Any], role: str, conditions: Mapping[str, bool], names: Mapping[str, str]
) -> set[Grant]:
    """Return the permissions of a role's policies, each for one action on one resource.

    `names` has the physical name of each resource that the policies mention, by its logical id.
    """
    found = set()
    for policy in template["Resources"][role]["Properties"]["Policies"]:
        for statement in resolve(policy["PolicyDocument"]["Statement"], template, conditions, names):
            assert statement["Effect"] == "Allow"
            found |= {
                Grant(action, resource)
                for action in _listed(statement["Action"])
                for resource in _listed(statement["Resource"])
            }
    return found


def resolve(node: Any, template: Mapping[str, Any], conditions: Mapping[str, bool], names: Mapping[str, str]) -> Any:
    """Return a part of a template with its functions replaced by values."""

    def within(child: Any) -> Any:
        return resolve(child, template, conditions, names)

    def substituted(match: re.Match[str]) -> str:
        name, _, attribute = match[1].partition(".")
        return str(within({"Fn::GetAtt": match[1]} if attribute else {"Ref": name}))

    match node:
        case {"Ref": "AWS::NoValue"}:
            return None
        case {"Ref": name}:
            pseudo = {
                "AWS::Partition": "aws",
                "AWS::Region": REGION,
                "AWS::AccountId": ACCOUNT,
                "AWS::StackName": STACK,
            }
            return pseudo.get(name) or names[name]
        case {"Fn::GetAtt": attribute}:
            return _arn(template["Resources"][attribute.split(".")[0]]["Type"], names[attribute.split(".")[0]])
        case {"Fn::Sub": text}:
            return re.sub(r"\$\{([^}]+)\}", substituted, text)
        case {"Fn::If": [condition, yes, no]}:
            return within(yes if conditions[condition] else no)
        case dict():
            return {name: within(value) for name, value in node.items()}
        case list():
            return [value for child in node if (value := within(child)) is not None]
    return node


def _arn(resource_type: str, name: str) -> str:
    return {
        "AWS::S3::Bucket": f"arn:aws:s3:::{name}",
        "AWS::SQS::Queue": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}",
        "AWS::DynamoDB::Table": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}",
        "AWS::SecretsManager::Secret": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}",
        "AWS::Logs::LogGroup": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}:*",
    }[resource_type]


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def denied(calls: set[Call], allowed: set[Grant]) -> list[Call]:
    """Return the calls that IAM would deny, as moto's evaluator decides."""
    statements = [{"Effect": "Allow", "Action": one.action, "Resource": one.resource} for one in allowed]
    policy = IAMPolicy({"policy_document": json.dumps({"Version": "2012-10-17", "Statement": statements})})
    return sorted(
        call for call in calls if policy.is_action_permitted(call.action, call.resource) != PermissionResult.PERMITTED
    )


def permits(document: Mapping[str, Any], caller: Mapping[str, str], call: Call, **context: str) -> bool:
    """Return whether a resource's policy permits the call of a principal that no other policy permits anything.

    `caller` is a principal as policies name it: {"AWS": account} or {"Service": name}. `context` has the values of the
    keys in conditions, with `_` for the colon.
    """

    def concerns(statement: Mapping[str, Any]) -> bool:
        principals = statement["Principal"]
        of_caller = principals == "*" or all(name in _listed(principals.get(kind)) for kind, name in caller.items())
        conditions = [
            fnmatchcase(context.get(key.replace(":", "_"), ""), wanted)
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
            if operator in {"ArnEquals", "StringEquals", "Bool"}
        ]
        return (
            of_caller
            and all(conditions)
            and any(fnmatchcase(call.action, action) for action in _listed(statement["Action"]))
            and any(fnmatchcase(call.resource, resource) for resource in _listed(statement["Resource"]))
        )

    return {statement["Effect"] for statement in document["Statement"] if concerns(statement)} == {"Allow"}


def unused(calls: set[Call], allowed: set[Grant]) -> list[Grant]:
    """Return each grant that no call needs."""
    return [one for one in allowed if denied(calls, allowed - {one}) == denied(calls, allowed)]
