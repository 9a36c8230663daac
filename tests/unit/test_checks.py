"""What `make test` checks besides the code, and what `pytest --stack` leaves out."""

import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def test_checkov_reads_every_template() -> None:
    templates = [ROOT / "template.yaml", *ROOT.glob("examples/*/template.yaml"), ROOT / "ops/deployment/roles.yaml"]
    config = yaml.safe_load((ROOT / ".checkov.yaml").read_text(encoding="utf-8"))
    assert sorted(config["file"]) == sorted(str(path.relative_to(ROOT)) for path in templates)


def test_every_linter_of_templates_and_workflows_runs_in_make_test() -> None:
    ran = subprocess.run(["make", "--dry-run", "test"], cwd=ROOT, capture_output=True, text=True, check=True)
    for linter in ("cfn-lint template.yaml", "sam validate --lint", "checkov", "zizmor", "actionlint"):
        assert linter in ran.stdout, linter


def test_tests_that_make_no_sense_on_aws_are_listed_with_the_reason() -> None:
    files = ["tests/e2e/test_door_policy.py", "tests/e2e/test_up.py"]
    options = ["--stack", "nobody", "--collect-only", "--quiet", "-p", "no:xdist", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *files], cwd=ROOT, capture_output=True, text=True, check=True
    )
    collected, *sections = ran.stdout.split("left out: ")
    assert "test_a_valid_ticket_is_accepted" in collected
    (of_roles,) = (section for section in sections if "test_an_expired_ticket_is_refused" in section)
    (of_other_stacks,) = (section for section in sections if "test_pictures_survive_a_stop_and_a_kill" in section)
    assert of_roles.startswith("AWS lets only Lambda assume the roles of the functions")
    assert of_other_stacks.startswith("uses no stack")
