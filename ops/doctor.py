"""`darkroom doctor`: checks whether Darkroom can run on this machine, and names the fix of each finding."""

import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import httpx
import typer
from rich.table import Table

from ops.local import engine
from ops.local.browser import chromium
from ops.local.isolation import past_proxies
from ops.local.stack import ROOT, UNTRUSTED_SENTENCE
from ops.options import JsonOption, console, print_json
from ops.problem import Problem, sentence_on_problem
from ops.target import DEFAULT_FOLDER, FolderOption
from ops.terminal import escape

NEEDED_BYTES = 2_000_000_000
INDEX_SECONDS = 5
type Verdict = Literal["good", "note", "bad"]
_MARKS = {"good": "[green]✓[/]", "note": "[yellow]·[/]", "bad": "[red]✗[/]"}


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: verdict, state of the machine, fix. Darkroom runs in spite of a `note`."""

    check: str
    verdict: Verdict
    state: str
    fix: str = ""


@sentence_on_problem
def doctor(
    port: Annotated[int, typer.Option(help="The port that `darkroom up` would use.", min=1, max=65535)] = 4566,
    folder: FolderOption = DEFAULT_FOLDER,
    as_json: JsonOption = False,
) -> None:
    """Check this machine: Python, disk, port, proxies, certificates, AWS configuration, browser, tools.

    Exit code 1 if Darkroom cannot run here.

    Example: darkroom doctor --port 4570
    """
    found = list(findings(folder.resolve(), port))
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        table = Table(box=None, show_header=False)
        for one in found:
            table.add_row(_MARKS[one.verdict], one.check, escape(one.state))
            if one.fix:
                table.add_row("", "", f"[bold]{escape(one.fix)}[/]")
        console.print(table)
    if any(one.verdict == "bad" for one in found):
        raise typer.Exit(1)


def findings(folder: Path, port: int) -> Iterator[Finding]:
    """Run every check."""
    checks: list[Callable[[], Finding]] = [
        python,
        lambda: disk(folder),
        lambda: loopback_port(folder, port),
        proxies,
        package_index,
        aws_account,
        browser,
        tools,
    ]
    for check in checks:
        yield check()


def python() -> Finding:
    """Check the interpreter, and that it can make virtual environments."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] != (3, 13):
        return Finding("Python", "bad", version, "Darkroom needs Python 3.13. Delete .venv and run `make run`.")
    complete = subprocess.run([sys.executable, "-c", "import venv, ensurepip, ssl"], capture_output=True, check=False)
    if complete.returncode:
        return Finding(
            "Python", "bad", f"{version} without venv, ensurepip or ssl", "On Debian: apt install python3-venv."
        )
    return Finding("Python", "good", f"{version} at {sys.prefix}")


def disk(folder: Path) -> Finding:
    """Check that the state's folder can be written to and has room for a build."""
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not os.access(there, os.W_OK):
        return Finding("disk", "bad", f"{there} is read-only", "Choose another folder: darkroom up --folder FOLDER.")
    free = shutil.disk_usage(there).free
    state = f"{free / 1e9:.1f} GB free in {there}"
    if free < NEEDED_BYTES:
        return Finding("disk", "bad", state, f"A build needs {NEEDED_BYTES / 1e9:.0f} GB. Free some, or use --folder.")
    return Finding("disk", "good", state)


def loopback_port(folder: Path, port: int) -> Finding:
    """Check that the engine can listen."""
    running = engine.running(folder)
    if running and running.port == port:
        return Finding("port", "good", f"Darkroom runs on 127.0.0.1:{port}")
    try:
        engine.refuse_taken_port(port)
    except Problem as problem:
        return Finding("port", "bad", f"127.0.0.1:{port}: {problem.code}", problem.sentence)
    return Finding("port", "good", f"127.0.0.1:{port} is free")


def proxies() -> Finding:
    """Tell which proxies are set. Local runs keep loopback outside them."""
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    found = [name for name in names if os.environ.get(name) or os.environ.get(name.lower())]
    if not found:
        return Finding("proxies", "good", "none")
    missing = past_proxies(os.environ)["NO_PROXY"] != (os.environ.get("no_proxy") or os.environ.get("NO_PROXY"))
    fix = "Darkroom keeps loopback outside them. For curl: export NO_PROXY=127.0.0.1,localhost" if missing else ""
    return Finding("proxies", "note" if missing else "good", ", ".join(found), fix)


def package_index() -> Finding:
    """Check that the package index can be reached and that its certificate is trusted."""
    url = os.environ.get("PIP_INDEX_URL") or os.environ.get("UV_INDEX_URL") or "https://pypi.org/simple"
    try:
        httpx.head(url, timeout=INDEX_SECONDS, follow_redirects=True)
    except httpx.ConnectError as error:
        if isinstance(error.__cause__, ssl.SSLError) or "CERTIFICATE" in str(error):
            return Finding("package index", "bad", f"{url}: {error}", UNTRUSTED_SENTENCE)
        return Finding("package index", "note", f"{url}: {error}", "A first build needs it. Connect to the network.")
    except httpx.HTTPError as error:
        return Finding("package index", "note", f"{url}: {error}", "A first build needs it. Connect to the network.")
    return Finding("package index", "good", url)


def aws_account() -> Finding:
    """Tell which AWS account commands with --stack would use. Local runs ignore it."""
    home = Path.home() / ".aws"
    found = [str(home / name) for name in ("config", "credentials") if (home / name).exists()]
    found += sorted(name for name in os.environ if name.startswith("AWS_"))
    if not found:
        return Finding("AWS", "good", "not configured; only commands with --stack need it")
    return Finding("AWS", "note", ", ".join(found), "Commands with --stack use these. Local runs ignore them.")


def browser() -> Finding:
    """Tell whether the tests of the page have a browser."""
    found = chromium() or ("Playwright's own" if (ROOT / ".venv" / "browsers-ready").exists() else None)
    if found:
        return Finding("browser", "good", found)
    with_root, without = "apt install chromium libatomic1", ".venv/bin/playwright install chromium"
    fix = f"Only `make test` needs one. As root: {with_root}. Otherwise: {without}"
    return Finding("browser", "note", "none", fix)


def tools() -> Finding:
    """Check the commands that scripts run."""
    missing = [
        name for name in ("make", "git", "rm", *(["ps"] if sys.platform == "darwin" else [])) if not shutil.which(name)
    ]
    if missing:
        return Finding(
            "tools", "bad", f"without {', '.join(missing)}", f"Install them: apt install {_packages(missing)}"
        )
    return Finding("tools", "good", "make, git, rm")


def _packages(commands: list[str]) -> str:
    of = {"rm": "coreutils"}
    return " ".join(of.get(name, name) for name in commands)
