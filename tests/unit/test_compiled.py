"""The JPEG decoder is compiled when it has to be, and where it cannot be, that is said."""

import sys

import pytest

from functions.resize import scaled_jpeg
from ops import compiled
from ops.problem import Problem


def test_it_is_compiled_anew_when_its_source_is_newer(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [path.name for path in compiled.decoders()]
    assert made[:2] == ["scaled_jpeg-linux-x86_64.bin", "scaled_jpeg-linux-aarch64.bin"]
    ran: list[tuple[str, str]] = []
    monkeypatch.setattr(compiled, "_compile", ran.append)
    compiled.decoders()
    assert ran == []
    monkeypatch.setattr(compiled, "_is_current", lambda made: "aarch64" not in made.name)
    compiled.decoders()
    assert ran == [("linux", "aarch64")]


def test_a_source_that_does_not_compile_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_FLAGS", ["--no-such-flag"])
    with pytest.raises(Problem, match="could not be compiled for linux-x86_64") as raised:
        compiled._compile(("linux", "x86_64"))
    assert raised.value.code == "compile-failed"


def test_this_machine_has_it() -> None:
    assert sys.platform in {"linux", "darwin"}
    assert scaled_jpeg._decoder() is not None
