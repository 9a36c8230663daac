"""Build the template with the SAM CLI, deploy it to the local engine, and read a deployed stack's outputs."""

import errno
import fcntl
import hashlib
import json
import os
import platform
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from ops.local.engine import REGION, Engine
from ops.local.patience import Patience, work_of
from ops.local.processes import end_with_parent
from ops.problem import Problem

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

ROOT = Path(__file__).parents[2]
LOCAL_STACK = "darkroom"
INCLUDED = "ops/monitoring/dashboard.yaml"  # by template.yaml
STALL_SECONDS = 300  # without any progress
COMPILE_SECONDS = 900
_UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"
UNTRUSTED_SENTENCE = (
    "The package index has a certificate that this machine does not trust. If your network inspects TLS, set "
    "SSL_CERT_FILE and PIP_CERT to the file of its root certificate and try again."
)
_NO_NETWORK = (
    "Temporary failure in name resolution",
    "Name or service not known",
    "Connection refused",
    "NewConnectionError",
    "Network is unreachable",
    "nodename nor servname",
    "No matching distribution found",
    "Could not satisfy the requirement",  # SAM prints no more of pip's error; locked versions always exist
)


@dataclass(frozen=True, slots=True)
class Build:
    """A built template. `digest` identifies its sources."""

    template: Path
    digest: str


def host_architecture() -> str:
    """Return this machine's processor by Lambda's name. The engine runs functions with the host's own Python."""
    return "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"


def service_folder(name: str, root: Path = ROOT) -> Path:
    """Returns the folder of the service `name` with a separate stack. Raises Problem (`no-such-service`)."""
    for parent in ("services", "examples"):
        if (root / parent / name.replace("-", "_") / "template.yaml").is_file():
            return root / parent / name.replace("-", "_")
    raise Problem("no-such-service", f"There is no services/{name}/template.yaml or examples/{name}/template.yaml.")


def service_stack(service: str | None, darkroom: str = LOCAL_STACK) -> str:
    """Return the name of the service's separate stack. Without a service, return `darkroom`."""
    return f"{darkroom}-{service}" if service else darkroom


def identifier(service: str) -> str:
    """Returns the name of the service's resources in a template: NewTags for new-tags."""
    return "".join(part.capitalize() for part in service.split("-"))


def build(folder: Path, architecture: str, source: Path = ROOT) -> tuple[Build, bool]:
    """Runs `sam build` of source/template.yaml into `folder` unless the sources have not changed since the last build.

    Returns whether it ran. Raises Problem (`build-failed`, `no-network`).
    """
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(folder.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second process waits here and then finds a finished build
        return _build(folder, architecture, source)


def _build(folder: Path, architecture: str, source: Path) -> tuple[Build, bool]:
    sources = digest(architecture, source)
    built = Build(folder / "template.yaml", sources)
    stamp = folder.with_name(folder.name + ".digest")
    if built.template.exists() and stamp.exists() and stamp.read_text() == sources:
        return built, False
    stamp.unlink(missing_ok=True)
    _sam(
        "build",
        [
            "build",
            "--template",
            str(source / "template.yaml"),
            "--build-dir",
            str(folder),
            "--parallel",
            "--cached",
            "--cache-dir",
            str(folder.with_name(folder.name + "-cache")),
            "--parameter-overrides",
            f"Architecture={architecture}",
        ],
        os.environ,
        folder.with_name(folder.name + ".log"),
        # SAM keeps `.aws-sam/deps` in its working folder, and deletes the files of all other builds there.
        folder.with_name(folder.name + "-work"),
    )
    _compile(folder)
    stamp.write_text(sources)
    return built, True


def deploy(engine: Engine, built: Build, parameters: Mapping[str, str], stack: str = LOCAL_STACK) -> bool:
    """Run `sam deploy` of the built template to the engine unless it is deployed already. Return whether it ran.

    Raises Problem (`deploy-failed`).
    """
    parameters = {name: value for name, value in parameters.items() if declares(built.template, name)}
    wanted = json.dumps([built.digest, sorted(parameters.items())])
    stamp = engine.folder / f"deployed-{stack}.json"
    cloudformation = engine.session().client("cloudformation", endpoint_url=engine.url)
    if stamp.exists() and stamp.read_text() == wanted and _is_complete(cloudformation, stack):
        return False
    stamp.unlink(missing_ok=True)
    _sam(
        "deploy",
        [
            "deploy",
            "--template",
            str(built.template),
            "--stack-name",
            stack,
            "--region",
            REGION,
            "--capabilities",
            "CAPABILITY_IAM",
            "--resolve-s3",
            "--no-confirm-changeset",
            "--no-fail-on-empty-changeset",
            "--no-progressbar",
            *(["--parameter-overrides"] if parameters else []),
            *[f"{name}={value}" for name, value in parameters.items()],
        ],
        engine.client_environment(),
        engine.folder / "deploy.log",
    )
    stamp.write_text(wanted)
    return True


def declares(template: Path, parameter: str) -> bool:
    """Return whether the template has a parameter of this name."""
    head = template.read_text().partition("\nResources:")[0]
    return re.search(rf"(?m)^  {re.escape(parameter)}:", head) is not None


def outputs(cloudformation: "CloudFormationClient", stack: str) -> dict[str, str]:
    """Read the outputs of a deployed stack by name. Raises Problem (`no-stack`)."""
    try:
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except (ClientError, BotoCoreError) as error:
        raise Problem(
            "no-stack",
            f"No stack {stack} could be read ({error}). Check its name, the region and your AWS credentials.",
        ) from error
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}


def _is_complete(cloudformation: "CloudFormationClient", stack: str) -> bool:
    try:
        return cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"].endswith("_COMPLETE")
    except ClientError:
        return False


def digest(architecture: str, source: Path) -> str:
    """Return a hash of the files that a build of source/template.yaml depends on."""
    own = ROOT.glob("functions/**/*") if source == ROOT else source.glob("**/*")
    sources = [source / "template.yaml", ROOT / INCLUDED, *sorted(own), *sorted(ROOT.glob("shared/**/*"))]
    hashed = hashlib.sha256(f"{architecture} {sys.version}".encode())
    for file in sources:
        if file.is_file() and not {"__pycache__", ".aws-sam"} & set(file.parts):
            hashed.update(os.path.relpath(file, ROOT).encode() + b"\0" + file.read_bytes())
    return hashed.hexdigest()


def _compile(folder: Path) -> None:
    # SAM ships no .pyc files, and compiling boto3 in each cold start takes longer than everything else in it.
    # The files are validated by hash, not by time, because a zip rewrites times.
    subprocess.run(
        [sys.executable, "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash", str(folder)],
        check=False,
        capture_output=True,
        timeout=COMPILE_SECONDS,
    )


def _sam(what: str, arguments: list[str], environment: Mapping[str, str], log: Path, work: Path = ROOT) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    work.mkdir(exist_ok=True)
    bin_folder = Path(sys.executable).parent  # sam build looks for python3.13 and its pip on PATH
    with (
        log.open("w") as out,
        subprocess.Popen(
            [str(bin_folder / "sam"), *arguments],
            env={
                **environment,
                "SAM_CLI_TELEMETRY": "0",
                "__SAM_CLI_APP_DIR": str(log.parent / "sam"),  # not in the home, which may be read-only
                "PATH": f"{bin_folder}{os.pathsep}{environment['PATH']}",
            },
            cwd=work,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_parent if sys.platform == "linux" else None,
        ) as process,
    ):
        try:
            code = _await(process, f"sam {what}", log)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    if code == 0:
        return
    said = log.read_text()
    if os.strerror(errno.ENOSPC) in said:
        raise Problem("disk-full", f"The disk is full: `sam {what}` could not write. Free some space and try again.")
    if what == "build" and _UNTRUSTED in said:
        raise Problem("untrusted-certificate", f"{UNTRUSTED_SENTENCE} See {log}.")
    if what == "build" and any(sign in said for sign in _NO_NETWORK):
        raise Problem("no-network", f"`sam build` could not reach the package index. Connect and try again. See {log}.")
    last = "\n".join(said.strip().splitlines()[-15:])
    raise Problem(f"{what}-failed", f"`sam {what}` failed; the whole of it is in {log}. It ended with:\n{last}")


def _await(process: subprocess.Popen[bytes], command: str, log: Path) -> int:
    """Wait for the process and return its exit code. Raises Problem (`stuck`) if it does nothing for too long."""
    patience = Patience(STALL_SECONDS, work_of(process.pid, log))
    while True:
        try:
            return process.wait(1)
        except subprocess.TimeoutExpired:
            if patience.is_over():
                sentence = (
                    f"`{command}` did nothing for {STALL_SECONDS} s and was stopped. Its log is {log}. Try again."
                )
                raise Problem("stuck", sentence) from None
