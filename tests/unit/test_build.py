"""`sam build`, as the `darkroom` command runs it."""

import sys
from pathlib import Path

import pytest

from ops.local import stack

SAM = """#!/bin/sh
while [ "$1" != --build-dir ]; do shift; done
mkdir -p .aws-sam/deps "$2"
pwd > "$2/template.yaml"
"""


def test_two_builds_share_no_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A build of SAM deletes the files that another build puts into `.aws-sam/deps` of the same working folder.
    sam = tmp_path / "bin" / "sam"
    sam.parent.mkdir()
    sam.write_text(SAM)
    sam.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(sam.with_name("python")))
    monkeypatch.setattr(stack, "_compile", lambda folder: None)
    worked_in = [stack.build(tmp_path / name, "x86_64")[0].template.read_text() for name in ("one", "two")]
    assert worked_in[0] != worked_in[1]
    assert str(stack.ROOT) + "\n" not in worked_in
