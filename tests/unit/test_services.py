"""Services with stacks of their own keep the promises that Darkroom's template keeps; the generator writes such."""

import ast
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from ops.develop.new_subscriber import KINDS, On, Where, write
from ops.local.stack import service_stack
from ops.problem import Problem
from shared.limits import MAX_ATTEMPTS, MESSAGE_SECONDS, RESERVE_SECONDS
from tests.support.template import RESOURCES, ROOT, TEMPLATE, every_value, load_template
from tests.unit.test_template import MAX_RETENTION_SECONDS, UNNAMEABLE

PYTHON_LINES, YAML_LINES = 64, 80
EXAMPLES = sorted(path.parent.name for path in ROOT.glob("examples/*/template.yaml"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "template.yaml", tmp_path)
    return tmp_path


def promises(template: dict[str, Any], name: str) -> None:
    """Fails where a subscriber lacks what each must have."""
    resources = template["Resources"]
    kept = {
        kind: resources[f"{name}{kind}"]["Properties"]
        for kind in (
            "Subscription",
            "Queue",
            "DeadLetterQueue",
            "QueuePolicy",
            "DeadLettersAlarm",
            "LogGroup",
            "Function",
        )
    }
    assert kept["Queue"]["RedrivePolicy"]["maxReceiveCount"] == MAX_ATTEMPTS
    assert kept["Queue"]["VisibilityTimeout"] >= 6 * kept["Function"]["Timeout"]
    assert kept["Function"]["Timeout"] >= MESSAGE_SECONDS + RESERVE_SECONDS
    for queue in ("Queue", "DeadLetterQueue"):
        assert kept[queue]["MessageRetentionPeriod"] == MAX_RETENTION_SECONDS
    assert kept["Function"]["RecursiveLoop"] == "Allow"
    (let_in,) = kept["QueuePolicy"]["PolicyDocument"]["Statement"]
    assert list(let_in["Condition"]) == ["ArnEquals"], "aws:SourceAccount is not documented for SNS to SQS"
    assert kept["Subscription"]["RawMessageDelivery"] is True
    assert kept["Subscription"]["RedrivePolicy"]
    assert kept["DeadLettersAlarm"]["Dimensions"][0]["Value"] == {"Fn::GetAtt": f"{name}DeadLetterQueue.QueueName"}
    assert kept["LogGroup"]["RetentionInDays"]
    (event,) = kept["Function"]["Events"].values()
    assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    for policy in resources[f"{name}Role"]["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement.get("Resource") == "*":
                assert set(statement["Action"]) == UNNAMEABLE
            assert not {"*", "s3:*", "sqs:*"} & {
                one for one in every_value(statement.get("Action")) if isinstance(one, str)
            }


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_keeps_the_promises(name: str) -> None:
    promises(load_template(ROOT / "examples" / name / "template.yaml"), name.capitalize())


@pytest.mark.parametrize("where", Where)
@pytest.mark.parametrize("on", On)
def test_what_is_written_keeps_the_promises(project: Path, on: On, where: Where) -> None:
    written = write(project, "new-tags", on, "*", where)
    template = project / ("template.yaml" if where is Where.here else "services/new_tags/template.yaml")
    promises(load_template(template), "NewTags")
    for source in (path for path in written if path.suffix == ".py"):
        ast.parse(source.read_text())
        assert all(len(line) <= 120 for line in source.read_text().splitlines()), source
    readme = next(path for path in written if path.name == "README.md").read_text()
    assert KINDS[on].topic in readme


@pytest.mark.parametrize("where", Where)
@pytest.mark.parametrize("on", On)
def test_what_is_written_is_small(project: Path, on: On, where: Where) -> None:
    written = write(project, "new-tags", on, "*", where)
    assert _lines(*(path for path in written if path.suffix == ".py")) <= PYTHON_LINES
    before = _lines(ROOT / "template.yaml") if where is Where.here else 0
    assert 0 < _lines(*(path for path in written if path.suffix == ".yaml")) - before <= YAML_LINES


def _lines(*files: Path) -> int:
    return sum(1 for file in files for line in file.read_text().splitlines() if line.strip() or file.suffix == ".py")


@pytest.mark.parametrize("on", On)
def test_it_is_deployed_beside_the_stacks_that_darkroom_is_deployed_as(project: Path, on: On) -> None:
    write(project, "new-tags", on, "*", Where.own)
    folder = project / "services/new_tags"
    own, darkroom = (tomllib.loads((at / "samconfig.toml").read_text()) for at in (folder, ROOT))
    parameters = load_template(folder / "template.yaml")["Parameters"]
    for environment in ("default", "dev", "prod"):
        deployed = own[environment]["deploy"]["parameters"]
        beside = darkroom[environment]["deploy"]["parameters"]["stack_name"]
        assert deployed["stack_name"] == service_stack("new-tags", beside)
        assert deployed["parameter_overrides"] == [f"{name}=/{beside}/{name}" for name in parameters]


def test_a_block_is_added_and_nothing_else_changes(project: Path) -> None:
    write(project, "new-tags", On.uploads, "*", Where.here)
    before = (ROOT / "template.yaml").read_text().splitlines()
    after = (project / "template.yaml").read_text().splitlines()
    first = next(number for number, (a, b) in enumerate(zip(before, after, strict=False)) if a != b)
    added = len(after) - len(before)
    assert after[:first] + after[first + added :] == before


@pytest.mark.parametrize(
    ("name", "keys", "code"),
    [("resize", "*", "taken"), ("a_b", "*", "bad-name"), ("A", "*", "bad-name"), ("x" * 31, "*", "bad-name"),
     ("x", '"; import os', "bad-filter"), ("x", "*.gif", "bad-filter")],
)  # fmt: skip
def test_what_cannot_be_written_is_said(project: Path, name: str, keys: str, code: str) -> None:
    with pytest.raises(Problem) as raised:
        write(project, name, On.renditions, keys, Where.own)
    assert raised.value.code == code
    assert not (project / "services").exists()


def test_only_what_the_contract_tells_is_announced() -> None:
    announced = RESOURCES["ResizedBucket"]["Properties"]["NotificationConfiguration"]["TopicConfigurations"]
    prefixes = [one["Filter"]["S3Key"]["Rules"] for one in announced]
    assert prefixes == [[{"Name": "prefix", "Value": "thumb/"}], [{"Name": "prefix", "Value": "rejected/"}]]


def test_what_is_exported_is_a_parameter_too() -> None:
    exported = {name for name, output in TEMPLATE["Outputs"].items() if "Export" in output}
    parameters = {
        resource["Properties"]["Name"]["Fn::Sub"].rsplit("/", 1)[-1]: resource["Properties"]["Value"]
        for resource in RESOURCES.values()
        if resource["Type"] == "AWS::SSM::Parameter"
    }
    assert set(parameters) == exported
    assert all(TEMPLATE["Outputs"][name]["Value"] == value for name, value in parameters.items())
