"""A deployment keeps the parameters that are not named, and builds for the processor that it deploys to."""

import shutil
from pathlib import Path

import pytest
from moto import mock_aws
from samcli.cli.types import CfnParameterOverridesType

from ops.deployment import deploy, rollback, sam
from ops.deployment.plan import Environment, make_plan, read_environment
from ops.deployment.rollback import Version
from ops.problem import Problem
from tests.support.account import Account

ROOT = Path(__file__).parents[2]
PROD = {"OriginalsRetentionDays": "90", "LogRetentionDays": "90"}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "template.yaml", tmp_path)
    return tmp_path


def described(**parameters: str) -> dict[str, object]:
    given = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
    return {"StackStatus": "UPDATE_COMPLETE", "Parameters": given}


def given(arguments: list[str]) -> dict[str, str]:
    """The parameters as SAM itself reads them from its command line."""
    overrides = arguments[arguments.index("--parameter-overrides") + 1 :]
    read: dict[str, str] = CfnParameterOverridesType().convert(tuple(overrides), None, None)
    return read


@mock_aws
def test_an_override_is_added_to_the_parameters_of_samconfig(source: Path) -> None:
    plan = make_plan(source, Environment("prod", "darkroom-prod", None, PROD), Account(), {"AlarmEmail": "a@b.example"})
    arguments = sam.deploy_arguments(plan, source / "built.yaml", plan.given, ask=True)
    assert given(arguments) == {**PROD, "AlarmEmail": "a@b.example", "Architecture": "x86_64"}
    assert "--confirm-changeset" in arguments
    assert arguments[arguments.index("--config-env") + 1] == "prod"


@mock_aws
def test_a_deployment_on_arm64_is_built_for_arm64(source: Path) -> None:
    on_arm = Account(described=described(Architecture="arm64", DeleteOriginals="true"))
    plan = make_plan(source, Environment("dev", "darkroom-dev", None, {}), on_arm, {})
    assert plan.architecture == "arm64"
    assert plan.given == {"Architecture": "arm64"}
    assert plan.sources["Architecture"] == "deployed stack"
    assert plan.parameters["DeleteOriginals"] == "true"


@mock_aws
def test_the_command_line_wins_over_samconfig_and_samconfig_over_the_deployed_stack(source: Path) -> None:
    account = Account(described=described(LogRetentionDays="7", OriginalsRetentionDays="7", MaxSidePixels="100"))
    plan = make_plan(source, Environment("prod", "darkroom-prod", None, PROD), account, {"LogRetentionDays": "30"})
    wanted = {"LogRetentionDays": "30", "OriginalsRetentionDays": "90", "MaxSidePixels": "100"}
    assert {name: plan.parameters[name] for name in wanted} == wanted
    assert [plan.sources[name] for name in wanted] == ["command line", "samconfig.toml", "deployed stack"]


@pytest.mark.parametrize(
    "value", ['[{"name": "thumb", "width_px": 400}]', "two words", "a@b.example", "https://x/?a=b"]
)
def test_sam_reads_a_value_with_spaces_and_quotes_as_it_was(value: str) -> None:
    assert given(["--parameter-overrides", *sam.quoted({"Renditions": value, "Cdn": "true"})]) == {
        "Renditions": value,
        "Cdn": "true",
    }


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_samconfig_has_the_environment(name: str) -> None:
    found = read_environment(ROOT, name)
    assert found.stack == f"darkroom-{name}"
    assert found.parameters


def test_samconfig_has_parameters_that_the_template_knows() -> None:
    with mock_aws():
        for name in ("dev", "prod"):
            make_plan(ROOT, read_environment(ROOT, name), Account(), {})


def test_an_unknown_environment_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(Problem, match="dev or prod"):
        read_environment(ROOT, "staging")


@mock_aws
def test_a_failed_smoke_test_goes_back_to_the_earlier_version(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_plan(source, Environment("prod", "darkroom-prod", None, PROD), Account(), {"LogRetentionDays": "30"})
    plan.build.parent.mkdir()
    ran: list[list[str]] = []
    monkeypatch.setattr(sam, "run", lambda arguments, folder: ran.append(arguments))
    before = Version("Resources: {}", {"LogRetentionDays": "7"})
    deploy._smoke_or_go_back(plan, before, passed=True)
    assert not ran
    with pytest.raises(Problem, match="back at the earlier version"):
        deploy._smoke_or_go_back(plan, before, passed=False)
    (arguments,) = ran
    assert given(arguments) == {"LogRetentionDays": "7"}
    assert Path(arguments[arguments.index("--template-file") + 1]).read_text() == "Resources: {}"
    assert "--no-confirm-changeset" in arguments


@mock_aws
def test_the_first_version_of_a_stack_has_nothing_to_go_back_to(source: Path) -> None:
    plan = make_plan(source, Environment("dev", "darkroom-dev", None, {}), Account(), {})
    assert rollback.remember(plan) is None
    with pytest.raises(Problem, match="nothing to go back to"):
        deploy._smoke_or_go_back(plan, None, passed=False)
