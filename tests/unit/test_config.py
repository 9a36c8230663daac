"""Settings from the environment: conversion, and all mistakes at once."""

import importlib
from dataclasses import dataclass

import pytest

from functions.resize import handler
from functions.resize.work import Settings
from shared import config
from shared.errors import Unavailable
from shared.log_events import SettingsWrong


@dataclass(frozen=True)
class Example:
    bucket: str
    megabytes: int = config.parsed(config.positive)
    loud: bool = config.parsed(config.flag, default=False)


def test_settings_are_read_and_converted() -> None:
    assert config.read(Example, {"BUCKET": "b", "MEGABYTES": "5", "LOUD": "true"}) == Example("b", 5, loud=True)
    assert config.read(Example, {"BUCKET": "b", "MEGABYTES": "5"}).loud is False


def test_all_mistakes_are_reported_at_once() -> None:
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


def test_wrong_settings_are_logged_at_start_and_fail_every_message(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("UPLOAD_BUCKET", "uploads")
    monkeypatch.setenv("RESIZED_BUCKET", "resized")
    monkeypatch.setenv("MAX_UPLOAD_MEGABYTES", "lots")
    monkeypatch.setenv("RENDITIONS", '[{"name": "thumb", "width": 0, "height": 400}]')
    importlib.reload(handler)
    (line,) = caplog.records
    assert (line.levelname, line.getMessage()) == ("ERROR", SettingsWrong.message)
    sentence = vars(line)["sentence"]
    assert "MAX_UPLOAD_MEGABYTES='lots'" in sentence
    assert "RENDITIONS=" in sentence
    for _ in range(2):
        with pytest.raises(Unavailable) as raised:
            handler.settings()
        assert (raised.value.code, raised.value.sentence) == ("misconfigured", sentence)

    monkeypatch.setenv("MAX_UPLOAD_MEGABYTES", "64")
    monkeypatch.delenv("RENDITIONS")
    importlib.reload(handler)
    assert len(caplog.records) == 1
    assert handler.settings().max_upload_megabytes == 64
