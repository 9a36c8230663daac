"""A start on a machine with a full disk, a read-only place or IPv6 alone ends with a sentence, not with a traceback."""

import errno
import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ops import doctor
from ops.cli import app
from ops.local import engine, stack
from ops.local.engine import Engine
from ops.problem import Problem


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOSPC, "The disk is full"),
        (errno.EDQUOT, "Your quota on this disk is used up"),
        (errno.EROFS, "This place is read-only"),
        (errno.EACCES, "Permission denied"),
    ],
)
def test_a_folder_that_cannot_be_written_to_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, says: str
) -> None:
    def refuse(self: Path, *_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number), str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    folder = tmp_path / "state"
    done = CliRunner().invoke(app, ["up", "--folder", str(folder)])
    assert done.exit_code == 1
    assert done.stderr == f"disk: {says} ({folder}). Free or choose another place, then try again.\n"


def sam_that_says(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a `sam` in place that prints `text` and fails."""
    (tmp_path / "bin").mkdir()
    sam = tmp_path / "bin" / "sam"
    sam.write_text(f"#!/bin/sh\necho '{text}'\nexit 1\n")
    sam.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        (
            "OSError: [Errno 28] No space left on device: x",
            "disk-full",
            "The disk is full: `sam build` could not write.",
        ),
        ("SSLError(SSLCertVerificationError(1, [SSL: CERTIFICATE_VERIFY_FAILED]", "untrusted-certificate", "PIP_CERT"),
        ("Temporary failure in name resolution", "no-network", "Connect and try again."),
    ],
)
def test_a_build_that_fails_for_the_machine_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, code: str, says: str
) -> None:
    sam_that_says(text, tmp_path, monkeypatch)
    with pytest.raises(Problem) as raised:
        stack.build(tmp_path / "state" / "build", "x86_64")
    assert raised.value.code == code
    assert says in raised.value.sentence


def test_a_full_disk_during_the_deployment_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sam_that_says("write failed: No space left on device", tmp_path, monkeypatch)
    template = tmp_path / "template.yaml"
    template.write_text("Parameters: {}\nResources: {}\n")
    with pytest.raises(Problem) as raised:
        stack.deploy(Engine(tmp_path, 1), stack.Build(template, "digest"), {})
    assert raised.value.code == "disk-full"


@pytest.fixture
def without_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    class Socket:
        def __enter__(self) -> "Socket":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def setsockopt(self, *_: object) -> None:
            pass

        def bind(self, _: object) -> None:
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")

    monkeypatch.setattr(socket, "socket", Socket)


@pytest.mark.usefixtures("without_ipv4")
def test_a_machine_with_ipv6_alone_is_told_to_enable_ipv4_on_its_loopback(tmp_path: Path) -> None:
    with pytest.raises(Problem) as raised:
        engine.start(Engine(tmp_path, 4566))
    assert raised.value.code == "no-loopback"
    assert "Enable IPv4 on its loopback interface" in raised.value.sentence
    found = doctor.loopback_port(tmp_path, 4566)
    assert (found.verdict, found.fix) == ("bad", raised.value.sentence)
