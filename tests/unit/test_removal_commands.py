"""`darkroom remove` and `darkroom restore`, as the owner types them."""

from collections.abc import Callable

import boto3
import pytest
from mypy_boto3_s3 import S3Client
from typer.testing import CliRunner

from ops.cli import app
from ops.target import Target
from tests.support.gallery import image_id, picture, shown

pytestmark = pytest.mark.usefixtures("gallery")


@pytest.fixture
def command(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """Runs a `darkroom` command on this gallery; returns its exit code and output."""
    outputs = {"ResizedBucketName": "resized", "UploadBucketName": "uploads"}
    target = Target("darkroom", boto3.Session(), None, outputs, "https://gallery.test/")
    monkeypatch.setattr("ops.removal.resolve", lambda _place: target)

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, arguments)
        return done.exit_code, done.output

    return run


def test_the_owner_removes_by_date_and_name_after_a_dry_run(
    s3: S3Client, command: Callable[..., tuple[int, str]]
) -> None:
    old = picture(s3, 60 * 24 * 3, "party 1.jpg")
    others = [picture(s3, 60 * 24 * 3, "lake.jpg"), picture(s3, 1, "party 2.jpg")]
    arguments = ("remove", "--before", "2d", "--name", "party*")
    code, output = command(*arguments)
    assert code == 0
    assert old in output
    assert "Dry run: these 1 would be removed" in output
    assert len(shown()) == 3
    assert command(*arguments, "--yes")[0] == 0
    assert sorted(shown()) == sorted(others)
    assert command("restore", old) == (0, "1 of 1 restored.\n")
    assert old in shown()


def test_erasing_says_what_remains_and_for_how_long(s3: S3Client, command: Callable[..., tuple[int, str]]) -> None:
    code, output = command("remove", picture(s3), "--forever", "--yes")
    assert code == 0
    for word in ("log lines", "LogRetentionDays", "dead letters", "14 days", "backups"):
        assert word in output


@pytest.mark.parametrize("arguments", [["remove"], ["remove", "x"], ["remove", "0" * 26, "--name", "x"]])
def test_a_removal_that_makes_no_sense_is_refused(
    command: Callable[..., tuple[int, str]], arguments: list[str]
) -> None:
    assert command(*arguments)[0] == 1


def test_a_picture_that_is_not_there_ends_the_command_with_1(command: Callable[..., tuple[int, str]]) -> None:
    code, output = command("remove", image_id(), "--yes")
    assert (code, "unknown-image" in output) == (1, True)
