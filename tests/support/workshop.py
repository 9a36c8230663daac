"""A copy of the project, in which tests write services as a person would write them into a checkout."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.deployed import until

ROOT = Path(__file__).parents[2]
UP_SECONDS = 600
_NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv*", ".aws-sam*", ".darkroom", "node_modules", "__pycache__", ".*_cache"
)
_TOOLS = ("ruff", "mypy", "cfn-lint")


@dataclass(frozen=True)
class Workshop:
    """The copy, under git, with a `.venv/bin` whose commands work on it and not on the checkout they come from."""

    root: Path

    def run(self, *command: str) -> str:
        """Run a command and return its output; fail if the command fails."""
        done = subprocess.run(
            command, cwd=self.root, capture_output=True, text=True, check=False, env=self.environment()
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def darkroom(self, *arguments: str) -> str:
        return self.run(".venv/bin/darkroom", *arguments)

    def environment(self) -> dict[str, str]:
        tools = str(Path(sys.executable).parent)
        return {**os.environ, "PYTHONPATH": "", "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}

    @contextmanager
    def up(self, *arguments: str) -> Iterator[str]:
        """Run `darkroom up` until the end of the block; yield its output until the gallery was up."""
        with self.running("up.out", "up", *arguments) as printed:
            until(lambda: "Ctrl-C stops it" in printed(), "gallery", UP_SECONDS)
            yield printed()

    @contextmanager
    def running(self, out: str, *arguments: str) -> Iterator[Callable[[], str]]:
        """Run `darkroom` with these arguments until the end of the block; yield a function that reads its output."""
        file = self.root.parent / out
        command = [str(self.root / ".venv/bin/darkroom"), *arguments]
        with (
            file.open("w") as log,
            subprocess.Popen(
                command, cwd=self.root, env=self.environment(), stdout=log, stderr=subprocess.STDOUT
            ) as process,
        ):

            def printed() -> str:
                assert process.poll() is None, file.read_text()
                return file.read_text()

            try:
                yield printed
            finally:
                process.terminate()


def make_workshop(root: Path) -> Workshop:
    """Copy the project to `root` and commit every file."""
    shutil.copytree(ROOT, root, ignore=_NOT_COPIED)
    tools = root / ".venv" / "bin"
    tools.mkdir(parents=True)
    for tool in _TOOLS:
        (tools / tool).symlink_to(Path(sys.executable).with_name(tool))
    for tool, code in (("darkroom", '-c "from ops.cli import app; app()"'), ("pytest", "-m pytest")):
        (tools / tool).write_text(f'#!/bin/sh\nexec {sys.executable} {code} "$@"\n')
        (tools / tool).chmod(0o755)
    workshop = Workshop(root)
    workshop.run("git", "init", "--quiet")
    workshop.run("git", "add", "--all")
    workshop.run("git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "--message", "As it was")
    return workshop
