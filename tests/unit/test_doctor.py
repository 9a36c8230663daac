"""`darkroom doctor` on machines with one trouble each: every finding names its fix."""

import json
import os
import re
import shutil
import socket
import ssl
import sys
from pathlib import Path

import httpx
import pytest
from pytest_socket import enable_socket
from typer.testing import CliRunner

from ops import doctor
from ops.cli import app
from tests.support.template import ROOT


@pytest.fixture(autouse=True)
def _healthy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without troubles."""
    for name in list(os.environ):
        if name.startswith("AWS_") or "proxy" in name.lower():
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(doctor.httpx, "head", lambda *_, **__: httpx.Response(200))  # type: ignore[attr-defined]
    monkeypatch.setattr(doctor, "chromium", lambda: "/usr/bin/chromium")
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    enable_socket()  # it binds a port of loopback


def examined(tmp_path: Path, *options: str, code: int = 0) -> dict[str, dict[str, str]]:
    done = CliRunner().invoke(app, ["doctor", "--folder", str(tmp_path), "--json", *options])
    assert done.exit_code == code, done.output
    return {found["check"]: found for found in json.loads(done.output)}


def test_a_healthy_machine_passes(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    found = examined(tmp_path, "--port", str(port))
    assert {one["verdict"] for one in found.values()} == {"good"}
    assert len(found) == 8


def test_a_taken_port_names_another_one(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        found = examined(tmp_path, "--port", str(port), code=1)["port"]
    assert f"`make run PORT={port + 1}`" in found["fix"]


def test_a_full_disk_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 10_000_000))
    assert "A build needs 2 GB" in doctor.disk(tmp_path).fix


def test_a_read_only_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert doctor.disk(tmp_path / "new").state.endswith("is read-only")


def test_another_python_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 12, 1))
    assert doctor.python().verdict == "bad"


def test_a_python_without_ensurepip_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert "python3-venv" in doctor.python().fix


def test_proxies_are_named_with_what_curl_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    found = doctor.proxies()
    assert (found.verdict, found.state) == ("note", "HTTP_PROXY")
    assert "NO_PROXY=127.0.0.1" in found.fix
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost,::1")
    assert doctor.proxies().verdict == "good"


def test_an_untrusted_certificate_has_another_message_than_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    error = httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]")
    error.__cause__ = ssl.SSLError()

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(doctor.httpx, "head", fail)  # type: ignore[attr-defined]
    found = doctor.package_index()
    assert found.verdict == "bad"
    assert "SSL_CERT_FILE" in found.fix
    error = httpx.ConnectError("Name or service not known")
    assert doctor.package_index().verdict == "note"


def test_an_aws_account_is_named_and_said_to_be_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").touch()
    monkeypatch.setenv("AWS_PROFILE", "corp")
    found = doctor.aws_account()
    assert found.state == f"{tmp_path}/.aws/config, AWS_PROFILE"
    assert "Local runs ignore them" in found.fix


def test_missing_tools_are_named_with_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "rm" else name)
    assert doctor.tools().fix.endswith("apt install coreutils")


def test_without_a_browser_the_finding_is_a_note(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "chromium", lambda: None)
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    found = doctor.browser()
    assert found.verdict == "note"
    assert "playwright install chromium" in found.fix


def test_the_browser_that_playwright_downloaded_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (ready,) = re.findall(r"^ready=(\S+)", (ROOT / "scripts" / "browser.sh").read_text(), re.MULTILINE)
    (tmp_path / ready).parent.mkdir()
    (tmp_path / ready).touch()
    monkeypatch.setattr(doctor, "chromium", lambda: None)
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    assert doctor.browser().state == "Playwright's own"
