"""No picture shows memory of another one: freed memory with other contents makes the same bytes."""

import sys
from pathlib import Path

import pytest

from bench import perturb
from tests.support.makers import MAKERS, valid
from tests.support.rendered import STILLS

pytestmark = pytest.mark.linux


def test_renditions_do_not_depend_on_freed_memory(tmp_path: Path) -> None:
    files = []
    for name, data in [*STILLS.items(), *((name, valid(name)) for name in MAKERS)]:
        whole, cut = tmp_path / f"whole {name}", tmp_path / f"cut {name}"
        whole.write_bytes(data)
        cut.write_bytes(data[: len(data) * 3 // 4])
        files += [whole, cut]
    assert perturb.differing(files) == []


def test_a_picture_of_unwritten_memory_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child prints a block that nobody wrote, instead of a digest."""

    child = tmp_path / "child.py"
    child.write_text(
        "import ctypes, json, sys\n"
        "libc = ctypes.CDLL(None)\n"
        "libc.malloc.restype = ctypes.c_void_p\n"
        "block = ctypes.string_at(libc.malloc(64), 64)\n"
        "print(json.dumps({path: block.hex() for path in sys.stdin.read().splitlines()}))\n"
    )
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{child}"\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    file = tmp_path / "picture"
    file.touch()
    assert perturb.differing([file]) == [file]
