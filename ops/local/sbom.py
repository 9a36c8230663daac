"""Writes a build's bill of materials: every deployed package with version and hashes, as CycloneDX."""

from pathlib import Path

from ops.local.uv import run_uv
from ops.problem import Problem

FILE = "sbom.cdx.json"
GROUPS = ("shared", "resize", "list")
FORMAT = "cyclonedx1.5"


def write(folder: Path, architecture: str) -> Path:
    """Write the bill of materials into `folder` and return its path. Raises Problem (`no-bill-of-materials`)."""
    groups = (*GROUPS, "simd") if architecture == "x86_64" else GROUPS
    chosen = [option for group in groups for option in ("--only-group", group)]
    # Everything is in uv.lock. Without --no-cache, uv would want to write into the home, which may be read-only.
    exported = run_uv("export", "--quiet", "--frozen", "--no-cache", "--format", FORMAT, *chosen)
    if exported.returncode:
        raise Problem(
            "no-bill-of-materials", f"`uv export` failed. Run `make requirements` again. {exported.stderr.strip()}"
        )
    written = folder / FILE
    written.write_text(exported.stdout)
    return written
