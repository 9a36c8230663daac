"""The versions that benches compare: this tree, or an earlier revision, with the packages that are deployed."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ops.local.uv import run_uv

ROOT = Path(__file__).parent.parent
DEPLOYED = ("shared", "functions/resize", "functions/resize/simd")


@contextmanager
def tree_of(revision: str) -> Iterator[Path]:
    """Checks out `revision` into a temporary folder and prepares it as its Makefile says; yields the folder."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", tree, revision], cwd=ROOT, check=True)
        try:
            subprocess.run(["make", "--quiet", ".venv/ready"], cwd=tree, check=True)
            yield tree
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=ROOT, check=True)


@contextmanager
def deployed_python(tree: Path) -> Iterator[Path]:
    """Yields a Python that has the resizer's deployed packages only.

    A developer's environment has more: there botocore imports awscrt and urllib3 imports pyOpenSSL, 10 MB of memory.
    Raises RuntimeError with uv's output if a package cannot be installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        python = f"{folder}/bin/python"
        files = [f"--requirement={tree / part / 'requirements.txt'}" for part in DEPLOYED]
        for command in (
            ("venv", "--quiet", "--python", sys.executable, folder),
            ("pip", "install", "--quiet", "--python", python, *files),
        ):
            done = run_uv(*command)
            if done.returncode:
                raise RuntimeError(done.stderr)
        yield Path(python)
