"""The two parameters that restore the behaviour of the 2016 tutorial."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.deployed import Stack, deployed, until
from tests.support.uploads import picture


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with deployed(
        tmp_path_factory.mktemp("tutorial"), {"AllowAnonymousUploads": "true", "DeleteOriginals": "true"}
    ) as running:
        yield running


def test_a_plain_curl_uploads_and_the_original_is_deleted(tutorial: Stack, tmp_path: Path) -> None:
    (tmp_path / "test.jpeg").write_bytes(picture(500, 500))
    bucket = f"{tutorial.engine.url}/{tutorial.upload_bucket}"
    line = f"curl -sS --fail {bucket} -F key=test.jpeg -F file=@test.jpeg"
    subprocess.run(line, shell=True, cwd=tmp_path, check=True)
    thumbs = until(lambda: [key for key in tutorial.keys("thumb/") if key.endswith("/500x500/test.jpg")], "the thumb")
    assert len(thumbs) == 1
    until(lambda: tutorial.keys("", tutorial.upload_bucket) == [], "the original's end")
    assert tutorial.waiting("ResizeDeadLetterQueueUrl") == 0


def test_a_rejected_original_is_kept(tutorial: Stack) -> None:
    image_id = tutorial.upload("lies.jpg", b"I am not a picture")
    until(lambda: tutorial.keys(f"rejected/{image_id}"), "the rejection")
    assert tutorial.keys(f"uploads/{image_id}/", tutorial.upload_bucket) == [f"uploads/{image_id}/lies.jpg"]


def test_anonymous_clients_may_only_upload(tutorial: Stack) -> None:
    bucket = f"{tutorial.engine.url}/{tutorial.upload_bucket}"
    tutorial.s3.put_object(Bucket=tutorial.upload_bucket, Key="private.jpg", Body=b"not a picture, so it stays")
    assert httpx.get(f"{bucket}/private.jpg").status_code == 403
    assert httpx.get(bucket).status_code == 403
    assert httpx.delete(f"{bucket}/private.jpg").status_code == 403
