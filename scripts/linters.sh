#!/bin/sh
# Installs the linters of the template and the workflows into .venv-lint, once for each version of their lists.
set -eu
cd "$(dirname "$0")/.."
lists="scripts/linters.sh scripts/linters/requirements.txt scripts/linters/package-lock.json"
installed=.venv-lint/installed
[ -f "$installed" ] && [ -z "$(find $lists -newer "$installed")" ] && exit 0
uv=$(command -v uv || echo .venv-uv/bin/uv)
echo "Setting up: linters of the template and the workflows" >&2
"$uv" venv --quiet --clear --python .venv/bin/python .venv-lint
"$uv" pip install --quiet --python .venv-lint/bin/python --requirements scripts/linters/requirements.txt
PATH="$PWD/.venv-lint/bin:$PATH" npm ci --silent --prefix scripts/linters
touch "$installed"
