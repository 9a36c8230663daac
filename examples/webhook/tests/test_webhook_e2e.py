"""webhook on the local engine, deployed from the real templates with IAM on."""

from pathlib import Path

from tests.e2e.conftest import deployed, until


def test_it_works_on_renditions(tmp_path: Path) -> None:
    with deployed(tmp_path, {}, examples=["webhook"]) as stack:
        bucket = stack.outputs["ResizedBucketName"]
        stack.s3.put_object(Bucket=bucket, Key="thumb/7ybqx4m8hz6wwqcr6076spxfyx/300x200/cat.jpg", Body=b"content")
        until(lambda: stack.log_lines("darkroom-webhook", "webhook done"), "a line in its log")
