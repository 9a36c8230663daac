"""The policies of roles.yaml allow the recorded calls and the template's deployment, on the stack's resources only."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.deployment.template import Template
from ops.develop import roles
from tests.support.template import load_template

ROOT = Path(__file__).parents[2]
ROLES = load_template(roles.ROLES)["Resources"]
POLICIES = [name for name, found in ROLES.items() if found["Type"] == "AWS::IAM::ManagedPolicy"]
# IAM counts a managed policy's characters without white space.
MAX_POLICY_CHARS = 6144


def statements(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ROLES[name]["Properties"]["PolicyDocument"]["Statement"]
    return found


def allowed(*names: str) -> set[str]:
    return {action for name in names for statement in statements(name) for action in statement["Action"]}


def test_the_policies_are_up_to_date() -> None:
    text = roles.ROLES.read_text(encoding="utf-8")
    assert roles.roles_file(text) == text, "run `make generated`"


def test_the_deployer_may_do_what_a_deployment_needs() -> None:
    needed = {
        "cloudformation:CreateChangeSet",
        "cloudformation:ExecuteChangeSet",
        "iam:CreateRole",
        "iam:PassRole",
        "lambda:CreateFunction",
        "lambda:CreateEventSourceMapping",
        "s3:CreateBucket",
        "s3:PutObject",
        "sns:Subscribe",
        "sqs:CreateQueue",
    }
    assert needed <= allowed("DeployPolicy", "StoragePolicy", "ComputePolicy")


def test_an_operator_may_not_change_the_stack() -> None:
    verbs = ("Create", "Update", "Execute", "PassRole", "AddPermission", "PutBucket", "PutRole", "Subscribe")
    changing = {action for action in allowed("OperatePolicy") if action.partition(":")[2].startswith(verbs)}
    assert changing == {"cloudfront:CreateInvalidation"}  # takes a removed picture out of the CDN's caches
    assert {"sqs:SendMessage", "logs:FilterLogEvents"} <= allowed("OperatePolicy")


@pytest.mark.parametrize("name", POLICIES)
def test_every_action_is_limited_to_the_stacks_names_where_iam_can(name: str) -> None:
    for statement in statements(name):
        assert statement["Effect"] == "Allow"
        assert not [action for action in statement["Action"] if "*" in action]
        for action in statement["Action"]:
            assert roles.is_known(action), action
            assert (statement["Resource"] == ["*"]) != roles.is_limitable(action), action


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_fits_into_iams_limit(name: str) -> None:
    document = json.dumps(ROLES[name]["Properties"]["PolicyDocument"], separators=(",", ":"))
    assert len(document.replace('{"Fn::Sub":', "").replace("${AWS::Partition}", "aws")) < MAX_POLICY_CHARS


def test_github_gets_in_only_with_its_environment_and_without_keys() -> None:
    (trusted,) = ROLES["DeployRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trusted["Action"] == "sts:AssumeRoleWithWebIdentity"
    equal = trusted["Condition"]["StringEquals"]
    issuer = "token.actions.githubusercontent.com"
    assert equal[f"{issuer}:aud"] == "sts.amazonaws.com"
    assert equal[f"{issuer}:sub"] == {"Fn::Sub": "repo:${GitHubRepository}:environment:${GitHubEnvironment}"}


def test_every_resource_type_of_the_template_is_covered() -> None:
    template = Template(ROOT / "template.yaml")
    services = {name.split("::")[1].lower() for name in template.types()} - {"serverless"}
    named = {action.partition(":")[0] for action in roles.resource_actions(template)}
    assert {"apigateway" if service == "apigatewayv2" else service for service in services} <= named


def workflow(name: str) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))
    return found


def test_the_workflow_deploys_after_the_tests_with_a_smoke_test_and_no_key() -> None:
    job = workflow("deploy.yaml")["jobs"]["deploy"]
    assert job["needs"] == "test"
    assert job["permissions"] == {"contents": "read", "id-token": "write"}
    assert any("make deploy" in step.get("run", "") and "--yes --smoke" in step["run"] for step in job["steps"])
    assert "secrets." not in (ROOT / ".github/workflows/deploy.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["deploy.yaml", "release.yaml"])
def test_every_action_is_pinned_to_a_commit(name: str) -> None:
    used = [step["uses"] for job in workflow(name)["jobs"].values() for step in job.get("steps", []) if "uses" in step]
    assert used
    for action in used:
        assert len(action.partition("@")[2]) == 40, action
