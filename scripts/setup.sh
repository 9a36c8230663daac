#!/bin/sh
# Makes .venv with all packages of uv.lock. Needs any Python 3.10 or later; finds 3.13, or lets uv fetch it.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

if command -v uv >/dev/null 2>&1; then
    uv=uv
else
    uv=.venv-uv/bin/uv
    if ! "$uv" --version >/dev/null 2>&1; then
        for python in python3 python3.13 python3.12 python3.11 python3.10 ""; do
            [ -n "$python" ] || { say "No Python 3.10 or later was found. Install one (python.org, or your package manager) and try again."; exit 1; }
            "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null && break
        done
        say "Setting up: fetching uv"
        rm -rf .venv-uv
        "$python" -m venv .venv-uv
        .venv-uv/bin/python -m pip install --quiet --disable-pip-version-check uv || {
            say "uv could not be fetched from the package index. Connect to the network and try again."; exit 1; }
    fi
fi

# Python 3.13 is often installed but not first on PATH (pyenv). If it is missing, uv fetches it.
python=$(for candidate in "$(command -v python3.13 || true)" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13.*/bin/python3.13; do
    [ -x "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null && { echo "$candidate"; break; }
done || true)

say "Setting up: Python 3.13 and the packages of uv.lock"
if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; then
    "$uv" venv --quiet --clear --python "${python:-3.13}" .venv || {
        say "Python 3.13 was not found and could not be fetched. Connect to the network, or install it, and try again."; exit 1; }
fi
"$uv" sync --quiet --frozen || {
    say "The packages of uv.lock could not be fetched. Connect to the network and try again."; exit 1; }
# Services with stacks of their own name their packages themselves; their tests and checks need them too.
for requirements in services/*/requirements.txt; do
    [ ! -e "$requirements" ] || "$uv" pip install --quiet --python .venv/bin/python --requirement "$requirements"
done
touch .venv/ready
