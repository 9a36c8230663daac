"""Settings are read once, and whoever set them wrong hears of everything at once."""

from dataclasses import dataclass

import pytest

from functions.resize.work import Settings
from shared import config
from shared.errors import Unavailable


@dataclass(frozen=True)
class Example:
    bucket: str
    megabytes: int = config.parsed(config.positive)
    loud: bool = config.parsed(config.flag, default=False)


def test_settings_are_read_and_converted() -> None:
    assert config.read(Example, {"BUCKET": "b", "MEGABYTES": "5", "LOUD": "true"}) == Example("b", 5, loud=True)
    assert config.read(Example, {"BUCKET": "b", "MEGABYTES": "5"}).loud is False


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(Unavailable) as raised:
        config.read(Example, {"MEGABYTES": "-5", "LOUD": "yes"})
    assert raised.value.code == "misconfigured"
    for variable in ("BUCKET", "MEGABYTES", "LOUD"):
        assert variable in raised.value.sentence


def test_one_bucket_for_both_is_refused() -> None:
    environment = {"UPLOAD_BUCKET": "same", "RESIZED_BUCKET": "same", "MAX_UPLOAD_MEGABYTES": "5"}
    with pytest.raises(Unavailable, match="same bucket"):
        config.read(Settings, environment)
    assert config.read(Settings, environment | {"RESIZED_BUCKET": "other"}).delete_originals is False
