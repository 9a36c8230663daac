"""The built artifact, as Lambda would unpack it."""

import sys
from pathlib import Path

from ops.local import stack
from tests.support.template import FUNCTIONS

# An interpreter without the packages of this environment.
BARE_PYTHON = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
HOST = stack.host_architecture()


def folders_of(built: Path, name: str) -> list[Path]:
    """Return the folders that a function imports from: the function's and its layers'."""
    simd = ["SimdLayer"] if "Layers" in FUNCTIONS[name] and HOST == "x86_64" else []
    return [built / name, *(built / layer / "python" for layer in ["SharedLayer", *simd])]
