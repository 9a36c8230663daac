"""Services with separate stacks, generated ones and examples, have the same properties as Darkroom's template."""

import ast
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from ops.develop import new_subscriber
from ops.develop.new_subscriber import write
from ops.develop.subscriber_choices import KINDS, On, Wanted, Where
from ops.local.stack import service_stack
from ops.problem import Problem
from shared import contract
from shared.limits import MAX_RECEIVES, MESSAGE_SECONDS, RESERVE_SECONDS
from tests.support.template import (
    MAX_RETENTION_SECONDS,
    RESOURCES,
    ROOT,
    TEMPLATE,
    UNNAMEABLE,
    every_value,
    load_template,
)

PYTHON_LINES, YAML_LINES = 66, 104
EXAMPLES = sorted(path.parent.name for path in ROOT.glob("examples/*/template.yaml"))
IN_PYTHON = sorted(path.parent.name for path in ROOT.glob("examples/*/handler.py"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "template.yaml", tmp_path)
    return tmp_path


def promises(template: dict[str, Any], name: str) -> None:
    """Fails if a subscriber lacks a property that each subscriber must have."""
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
    assert kept["Queue"]["RedrivePolicy"]["maxReceiveCount"] == MAX_RECEIVES
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
    own = "AlarmTopicArn" in template.get("Parameters", {})
    assert kept["DeadLettersAlarm"]["AlarmActions"] == kept["DeadLettersAlarm"]["OKActions"]
    assert kept["DeadLettersAlarm"]["AlarmActions"] == [{"Ref": "AlarmTopicArn" if own else "AlarmTopic"}]
    assert kept["LogGroup"]["RetentionInDays"]
    variables = kept["Function"]["Environment"]["Variables"]
    assert kept["Function"]["Handler"] == "shared.start.handle"
    assert variables["HANDLER"].endswith(".handler.handle")
    bucket = variables["EVENTS_BUCKET"]["Ref"]
    assert bucket.removesuffix("Name") in {"UploadBucket", "ResizedBucket"}
    common = template.get("Globals", {}).get("Function", {}).get("Environment", {}).get("Variables", {})
    assert (common | variables)["POWERTOOLS_METRICS_NAMESPACE"] == {"Ref": "AWS::StackName"}
    assert resources[f"{name}Subscription"]["DependsOn"] == f"{name}QueuePolicy"
    (event,) = kept["Function"]["Events"].values()
    assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    most = {"Fn::If": ["OnAws", {"Ref": "MaxConcurrency"}, 2]} if own else 2
    assert event["Properties"]["ScalingConfig"] == {"MaximumConcurrency": most}
    for policy in resources[f"{name}Role"]["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement.get("Resource") == "*":
                assert set(statement["Action"]) == UNNAMEABLE
            assert not {"*", "s3:*", "sqs:*"} & {
                one for one in every_value(statement.get("Action")) if isinstance(one, str)
            }


@pytest.mark.parametrize("name", IN_PYTHON)
def test_an_example_has_the_required_properties(name: str) -> None:
    promises(load_template(ROOT / "examples" / name / "template.yaml"), name.capitalize())


@pytest.mark.parametrize("where", Where)
@pytest.mark.parametrize("on", On)
def test_a_generated_service_has_the_required_properties(project: Path, on: On, where: Where) -> None:
    written = write(project, Wanted("new-tags", on, where=where))
    template = project / ("template.yaml" if where is Where.here else "services/new_tags/template.yaml")
    promises(load_template(template), "NewTags")
    for source in (path for path in written if path.suffix == ".py"):
        ast.parse(source.read_text())
        assert all(len(line) <= 120 for line in source.read_text().splitlines()), source
    readme = next(path for path in written if path.name == "README.md").read_text()
    assert KINDS[on].topic in readme


@pytest.mark.parametrize("where", Where)
@pytest.mark.parametrize("on", On)
def test_a_generated_service_is_small(project: Path, on: On, where: Where) -> None:
    written = write(project, Wanted("new-tags", on, where=where))
    assert _lines(*(path for path in written if path.suffix == ".py")) <= PYTHON_LINES
    before = _lines(ROOT / "template.yaml") if where is Where.here else 0
    assert 0 < _lines(*(path for path in written if path.suffix == ".yaml")) - before <= YAML_LINES


def _lines(*files: Path) -> int:
    return sum(1 for file in files for line in file.read_text().splitlines() if line.strip() or file.suffix == ".py")


@pytest.mark.parametrize("on", On)
def test_a_generated_service_has_an_environment_for_each_darkroom_stack(project: Path, on: On) -> None:
    write(project, Wanted("new-tags", on, where=Where.own))
    folder = project / "services/new_tags"
    own, darkroom = (tomllib.loads((at / "samconfig.toml").read_text()) for at in (folder, ROOT))
    parameters = load_template(folder / "template.yaml")["Parameters"]
    for environment in ("default", "dev", "prod"):
        deployed = own[environment]["deploy"]["parameters"]
        beside = darkroom[environment]["deploy"]["parameters"]["stack_name"]
        assert deployed["stack_name"] == service_stack("new-tags", beside)
        assert deployed["parameter_overrides"] == [
            f"{name}={text.replace('/darkroom/', f'/{beside}/')}"
            for name, parameter in parameters.items()
            if (text := str(parameter["Default"])).startswith("/darkroom/")
        ]


def test_a_block_is_added_and_nothing_else_changes(project: Path) -> None:
    write(project, Wanted("new-tags", On.uploads, where=Where.here))
    before = (ROOT / "template.yaml").read_text().splitlines()
    after = (project / "template.yaml").read_text().splitlines()
    first = next(number for number, (a, b) in enumerate(zip(before, after, strict=False)) if a != b)
    added = len(after) - len(before)
    assert after[:first] + after[first + added :] == before


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (Wanted("resize"), "taken"),
        (Wanted("webhook"), "taken"),
        (Wanted("look-alikes"), "taken"),
        (Wanted("upload", where=Where.here), "taken"),
        (Wanted("a_b"), "bad-name"),
        (Wanted("A"), "bad-name"),
        (Wanted("x" * 31), "bad-name"),
        (Wanted("class"), "bad-name"),
        (Wanted("match"), "bad-name"),
        (Wanted("null"), "bad-name"),
        (Wanted("yes"), "bad-name"),
        (Wanted("x", keys='"; import os'), "bad-filter"),
        (Wanted("x", On.renditions, "*.gif"), "bad-filter"),
        (Wanted("x", writes="thumb"), "bad-prefix"),
        (Wanted("x", writes="../a"), "bad-prefix"),
        (Wanted("x", needs=("--index-url=x",)), "bad-package"),
        (Wanted("x", reads_originals=True), "bad-option"),
    ],
)
def test_an_impossible_subscriber_is_refused(project: Path, wanted: Wanted, code: str) -> None:
    for example in EXAMPLES:
        (project / "examples" / example).mkdir(parents=True)
    (project / "examples" / "look_alikes").mkdir()
    with pytest.raises(Problem) as raised:
        write(project, wanted)
    assert raised.value.code == code
    assert not (project / "services").exists()


@pytest.mark.parametrize("where", Where)
def test_options_write_permissions_settings_and_requirements(
    project: Path, monkeypatch: pytest.MonkeyPatch, where: Where
) -> None:
    monkeypatch.setattr(new_subscriber, "pinned", lambda packages: "".join(f"{name}==1\n" for name in packages))
    wanted = Wanted("new-tags", On.renditions, where=where, needs=("pillow",), writes="tags", reads_originals=True)
    write(project, wanted)
    folder = project / wanted.folder
    assert (folder / "requirements.txt").read_text() == "pillow==1\n"
    template = load_template((project if where is Where.here else folder) / "template.yaml")
    promises(template, "NewTags")
    (policy,) = template["Resources"]["NewTagsRole"]["Properties"]["Policies"]
    granted = {
        (statement["Action"], statement["Resource"]["Fn::Sub"].rpartition(":::")[2])
        for statement in policy["PolicyDocument"]["Statement"]
        if str(statement.get("Action")).startswith("s3:")
    }
    uploads, resized = ("${UploadBucket.Arn}", "${ResizedBucket.Arn}")
    if where is Where.own:
        uploads, resized = ("${UploadBucketName}", "${ResizedBucketName}")
    assert granted == {
        ("s3:GetObject", f"{resized}/thumb/*"),
        ("s3:ListBucket", resized),
        ("s3:GetObject", f"{uploads}/uploads/*"),
        ("s3:ListBucket", uploads),
        ("s3:PutObject", f"{resized}/tags/*"),
    }
    variables = template["Resources"]["NewTagsFunction"]["Properties"]["Environment"]["Variables"]
    assert {"UPLOAD_BUCKET", "RESIZED_BUCKET"} <= variables.keys()


def test_a_package_is_pinned_to_the_locked_version() -> None:
    locked = (ROOT / "examples" / "lookalikes" / "requirements.txt").read_text()
    assert new_subscriber.pinned(("pillow",)).splitlines() == [locked.split()[0]]


def test_an_unknown_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 1, "", "No solution found")

    monkeypatch.setattr(subprocess, "run", refuse)
    with pytest.raises(Problem) as raised:
        new_subscriber.pinned(("no-such-package",))
    assert raised.value.code == "bad-package"
    assert "No solution found" in raised.value.sentence


def test_the_topics_announce_only_events_of_the_contract() -> None:
    announced = RESOURCES["ResizedBucket"]["Properties"]["NotificationConfiguration"]["TopicConfigurations"]
    rules = [rule for one in announced for rule in one["Filter"]["S3Key"]["Rules"]]
    assert rules == [{"Name": "prefix", "Value": prefix} for prefix in ("thumb/", "rejected/", "removed/")]


def test_each_export_has_an_ssm_parameter() -> None:
    exported = {name for name, output in TEMPLATE["Outputs"].items() if "Export" in output}
    parameters = {
        resource["Properties"]["Name"]["Fn::Sub"].rsplit("/", 1)[-1]: resource["Properties"]["Value"]
        for resource in RESOURCES.values()
        if resource["Type"] == "AWS::SSM::Parameter"
    }
    assert parameters.pop("ContractVersion") == contract.VERSION
    assert set(parameters) == exported
    assert all(TEMPLATE["Outputs"][name]["Value"] == value for name, value in parameters.items())
