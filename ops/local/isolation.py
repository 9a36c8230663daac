"""Keep a local run away from this machine's AWS accounts and proxies, in this process and in its children.

A local run talks to loopback only. Files in `~/.aws`, profiles, SSO and `AWS_*` variables could send it elsewhere: with
`ignore_configured_endpoint_urls` in the configuration file, `sam deploy` would deploy to a real account. A proxy cannot
reach the loopback of this machine.
"""

import os
from collections.abc import Mapping

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_NOBODY = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def isolated(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without any AWS account, and with loopback outside every proxy."""
    kept = {name: value for name, value in environment.items() if not name.startswith("AWS_")}
    return kept | _NOBODY | past_proxies(environment)


def past_proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that keep loopback outside every proxy. Tools read them in lower or in upper case."""
    listed = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    hosts = dict.fromkeys([*filter(None, map(str.strip, listed.split(","))), *LOOPBACK])
    return dict.fromkeys(("NO_PROXY", "no_proxy"), ",".join(hosts))


def isolate_process() -> None:
    """Apply `isolated` to this process, for every client that it makes from now on."""
    wanted = isolated(os.environ)
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    os.environ.update(wanted)
