"""`darkroom preflight` finds what would stop a deployment, and says how to fix it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner

from ops.cli import app
from ops.deployment import preflight
from ops.deployment.plan import Environment, Plan, make_plan
from ops.deployment.preflight import Finding, Level
from tests.support.account import REGION, Account

ROOT = Path(__file__).parents[2]
ACCOUNT = "123456789012"
# The first 20 bytes of a shared library: ELF, 64 bits, low byte first, and the processor in the last two.
ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00"
X86_64, ARM64 = ELF + b"\x3e\x00", ELF + b"\xb7\x00"


@pytest.fixture(autouse=True)
def _account() -> Iterator[None]:
    with mock_aws():
        yield


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with the real template and a build for x86_64."""
    shutil.copy(ROOT / "template.yaml", tmp_path)
    build = tmp_path / ".aws-sam/build"
    build.mkdir(parents=True)
    (build / "template.yaml").touch()
    (build / "decoder.so").write_bytes(X86_64)
    return tmp_path


def found(
    source: Path,
    check: str,
    *,
    stack: str = "darkroom-dev",
    overrides: dict[str, str] | None = None,
    **account: Any,
) -> list[Finding]:
    plan = make_plan(source, Environment("dev", stack, None, {}), Account(**account), overrides or {})
    return [one for one in preflight.check(plan) if one.check == check]


def one(source: Path, check: str, **options: Any) -> Finding:
    (finding,) = found(source, check, **options)
    return finding


def test_an_empty_account_with_a_good_build_has_no_problem(source: Path) -> None:
    plan = make_plan(source, Environment("dev", "darkroom-dev", None, {}), Account(), {})
    findings = preflight.check(plan)
    assert {finding.level for finding in findings} == {Level.OK}
    assert {finding.check for finding in findings} == {
        "account", "region", "stack name", "stack", "concurrency", "public", "leftovers", "build",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "says"),
    [("x" * 33, "too long by 1 characters"), ("Darkroom", "capital letters"), ("dark_room", "not a stack name")],
)
def test_a_stack_name_that_aws_would_refuse_midway_is_a_problem(source: Path, name: str, says: str) -> None:
    finding = one(source, "stack name", stack=name)
    assert finding.level is Level.PROBLEM
    assert says in finding.says
    assert "at most 32 characters in eu-west-1" in finding.fix


def test_the_longest_allowed_stack_name_is_accepted(source: Path) -> None:
    assert one(source, "stack name", stack="x" * 32).level is Level.OK


@pytest.mark.parametrize(("free", "level"), [(10, Level.OK), (9, Level.WARNING), (1000, Level.OK)])
def test_an_account_with_too_few_executions_is_warned(source: Path, free: int, level: Level) -> None:
    """A new account has ten executions, and the default leaves five to door and gallery."""
    finding = one(source, "concurrency", free_executions=free)
    assert finding.level is level
    assert ("Service Quotas" in finding.fix) == (level is Level.WARNING)


def test_a_resizer_that_takes_every_execution_is_warned(source: Path) -> None:
    finding = one(source, "concurrency", free_executions=10, overrides={"ResizeMaxConcurrency": "10"})
    assert finding.level is Level.WARNING
    assert "--parameter ResizeMaxConcurrency=5" in finding.fix


def test_an_account_that_blocks_public_buckets_cannot_take_anonymous_uploads(source: Path) -> None:
    anonymous = {"AllowAnonymousUploads": "true"}
    assert one(source, "public", overrides=anonymous).level is Level.WARNING
    blocked = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    s3control: Any = boto3.client("s3control")
    s3control.put_public_access_block(AccountId=ACCOUNT, PublicAccessBlockConfiguration=blocked)
    assert one(source, "public", overrides=anonymous).level is Level.PROBLEM
    assert one(source, "public").level is Level.OK


def test_a_bucket_and_a_log_group_of_an_earlier_stack_are_adopted(source: Path) -> None:
    bucket = f"darkroom-dev-uploads-{ACCOUNT}-{REGION}"
    boto3.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    logs: Any = boto3.client("logs")
    logs.create_log_group(logGroupName="/aws/lambda/darkroom-dev-resize")
    logs.create_log_group(logGroupName="/aws/lambda/darkroom-dev-resize-of-another-stack")
    findings = found(source, "leftovers")
    assert [finding.level for finding in findings] == [Level.WARNING] * 2
    assert findings[0].says.startswith(f"{bucket} remains from an earlier stack.")
    assert findings[1].says.startswith("/aws/lambda/darkroom-dev-resize remains from an earlier stack.")
    assert all("adopts it" in finding.says for finding in findings)
    # They belong to the stack while it is deployed.
    assert found(source, "leftovers", stack="darkroom-dev", **deployed("UPDATE_COMPLETE")) == []


def test_a_log_group_with_a_longer_name_is_no_leftover(source: Path) -> None:
    logs: Any = boto3.client("logs")
    logs.create_log_group(logGroupName="/aws/lambda/darkroom-dev-resize-of-another-stack")
    assert one(source, "leftovers").level is Level.OK


def deployed(status: str, **parameters: str) -> dict[str, Any]:
    given = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
    return {"described": {"StackStatus": status, "Parameters": given}}


@pytest.mark.parametrize(
    ("status", "level", "fix"),
    [
        ("CREATE_COMPLETE", Level.OK, ""),
        ("UPDATE_ROLLBACK_COMPLETE", Level.OK, ""),
        ("REVIEW_IN_PROGRESS", Level.OK, ""),
        ("ROLLBACK_COMPLETE", Level.PROBLEM, "delete-stack"),
        ("UPDATE_IN_PROGRESS", Level.PROBLEM, "Wait"),
        ("UPDATE_ROLLBACK_FAILED", Level.PROBLEM, "continue-update-rollback"),
    ],
)
def test_the_finding_depends_on_the_stacks_state(source: Path, status: str, level: Level, fix: str) -> None:
    finding = one(source, "stack", **deployed(status))
    assert finding.level is level
    assert fix in finding.fix


def test_wheels_for_another_processor_are_a_problem(source: Path) -> None:
    arm = deployed("UPDATE_COMPLETE", Architecture="arm64")
    finding = one(source, "build", **arm)
    assert finding.level is Level.PROBLEM
    assert "decoder.so" in finding.says
    assert "ARCHITECTURE=arm64" in finding.fix
    (source / ".aws-sam/build/decoder.so").write_bytes(ARM64)
    assert one(source, "build", **arm).level is Level.OK


def test_a_missing_build_is_only_a_warning(source: Path) -> None:
    (source / ".aws-sam/build/template.yaml").unlink()
    assert one(source, "build").level is Level.WARNING


def test_a_check_that_is_not_allowed_is_a_warning(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_plan(source, Environment("dev", "darkroom-dev", None, {}), Account(), {})

    def denied(plan: Plan) -> Iterator[Finding]:
        raise plan.session.client("s3").exceptions.ClientError(
            {"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetAccountSettings"
        )
        yield

    monkeypatch.setitem(preflight._CHECKS, "concurrency", denied)
    (finding,) = [one for one in preflight.check(plan) if one.check == "concurrency"]
    assert finding.level is Level.WARNING
    assert "docs/operate.md" in finding.fix


def test_the_command_prints_json_and_exits_1_on_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "Session", lambda **_: Account(**deployed("ROLLBACK_COMPLETE")))
    done = CliRunner().invoke(app, ["preflight", "prod", "--json"])
    assert done.exit_code == 1, done.output
    assert [one["check"] for one in json.loads(done.stdout) if one["level"] == "problem"] == ["stack"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["staging"], "no-such-environment"),
        (["dev", "--parameter", "Architecture=sparc"], "bad-parameter"),
        (["dev", "--parameter", "Archtecture=arm64"], "bad-parameter"),
        (["dev", "--parameter", "Architecture"], "bad-parameter"),
    ],
)
def test_a_wrong_command_line_is_refused(arguments: list[str], code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "Session", lambda **_: Account())
    done = CliRunner().invoke(app, ["preflight", *arguments])
    assert done.exit_code == 1
    assert done.stderr.startswith(code)
