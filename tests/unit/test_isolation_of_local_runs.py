"""A local run on a machine with accounts, proxies and a hostile home: every client resolves to loopback."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx
import pytest

from ops.local.engine import Engine
from ops.local.isolation import isolated, past_proxies

SERVICES = ("s3", "sqs", "sns", "logs", "cloudformation", "lambda", "iam", "sts", "ssm", "dynamodb", "cloudwatch")
CLIENTS = f"import boto3; print(*(boto3.client(name).meta.endpoint_url for name in {SERVICES}))"


@pytest.fixture
def _hostile_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home whose configuration, profiles and variables point to real AWS, and a proxy for everything."""
    aws = tmp_path / ".aws"
    aws.mkdir()
    (aws / "config").write_text(
        "[default]\nregion = eu-west-3\nignore_configured_endpoint_urls = true\nendpoint_url = https://evil.example\n"
        "ca_bundle = /nonexistent.pem\nuse_fips_endpoint = true\nsso_session = corp\n"
        "[profile corp]\nsso_start_url = https://corp.awsapps.com/start\n[sso-session corp]\nsso_region = eu-west-1\n"
    )
    (aws / "credentials").write_text("[default]\naws_access_key_id = REAL\naws_secret_access_key = REAL\n")
    for name, value in {
        "HOME": str(tmp_path),
        "AWS_PROFILE": "missing",
        "AWS_ENDPOINT_URL_S3": "https://s3.evil.example",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_CA_BUNDLE": "/nonexistent.pem",
        "AWS_USE_DUALSTACK_ENDPOINT": "true",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(tmp_path, 4566)


@pytest.mark.usefixtures("_hostile_home")
def test_every_client_of_a_child_process_resolves_to_the_engine(engine: Engine) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CLIENTS], env=engine.client_environment(), capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) == {engine.url}


@pytest.mark.usefixtures("_hostile_home")
def test_every_client_of_this_process_resolves_to_the_engine(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())
    session = engine.session()
    for service in SERVICES:
        client = session.client(service, endpoint_url=engine.url)  # type: ignore[call-overload]
        assert client.meta.endpoint_url == engine.url
    credentials = session.get_credentials()
    assert credentials
    assert credentials.access_key == "test"
    assert not {name for name in os.environ if name.startswith("AWS_")} - {
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_EC2_METADATA_DISABLED",
    }


@pytest.mark.usefixtures("_hostile_home")
def test_loopback_never_goes_through_a_proxy(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in past_proxies(os.environ).items():
        monkeypatch.setenv(name, value)
    assert getproxies()["http"]
    for host in ("127.0.0.1", "localhost", "[::1]"):
        assert proxy_bypass(host.strip("[]"))
        with httpx.Client() as client:
            transport = client._transport_for_url(httpx.URL(f"http://{host}:{engine.port}"))
            assert transport is client._transport


def test_hosts_that_were_outside_the_proxy_stay_outside() -> None:
    environment = isolated({"NO_PROXY": "intranet.example, 10.0.0.0/8", "PATH": "/bin", "AWS_REGION": "x"})
    assert environment["no_proxy"] == environment["NO_PROXY"]
    assert environment["NO_PROXY"].split(",")[:2] == ["intranet.example", "10.0.0.0/8"]
    assert environment["PATH"] == "/bin"
    assert "AWS_REGION" not in environment


def test_the_engine_is_addressed_by_number_so_that_ipv6_only_localhost_does_no_harm(engine: Engine) -> None:
    assert urlsplit(engine.url).hostname == urlsplit(engine.gallery_url("a")).hostname == "127.0.0.1"
