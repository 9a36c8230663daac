#!/bin/sh
# Writes the requirements of each deployed package from uv.lock, with versions and hashes. SAM builds from these files.
set -eu
cd "$(dirname "$0")/.."
uv=$(command -v uv || echo .venv-uv/bin/uv)
for pair in shared=shared resize=functions/resize simd=functions/resize/simd list=functions/list lookalikes=examples/lookalikes; do
    "$uv" export --quiet --frozen --only-group "${pair%%=*}" --no-header --no-annotate \
        --output-file "${1:-.}/${pair#*=}/requirements.txt"
done
