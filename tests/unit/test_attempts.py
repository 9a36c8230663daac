"""bench/attempts.py checks the gallery's page: it finds every element that a hostile name adds, and nothing else."""

import pytest
from mypy_boto3_s3 import S3Client

from bench.attempts import NAMES
from bench.attempts_by_name import LONG_AGO, elements_beyond
from tests.support.gallery import get, picture


@pytest.mark.usefixtures("gallery")
def test_a_page_of_hostile_names_has_only_the_elements_of_pictures(s3: S3Client) -> None:
    for number, name in enumerate(NAMES):
        picture(s3, number, name=name)
    page, plain = get("/").text, get("/", until=LONG_AGO).text
    assert elements_beyond(page, plain) == ""
    assert page.count("<img") > len(NAMES) / 2
    script = page.replace("</main>", "<script>alert(1)</script><img onerror=x></main>")
    assert elements_beyond(script, plain) == "img onerror, script"
    assert elements_beyond(page.replace("</main>", "<iframe></iframe></main>"), plain) == "iframe"
