#!/bin/sh
# Makes .venv with all packages of uv.lock. Needs Python 3.10 or later. Finds Python 3.13, or lets uv download it.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# Prints the reason of a failed download, if the output of pip or uv has a known reason; else prints the sentence "$2".
explain() {
    case $(cat "$log" 2>/dev/null) in
        *ertificate* | *CERTIFICATE*)
            fail "$1: this machine does not trust the server's certificate. If your network inspects TLS, set SSL_CERT_FILE and PIP_CERT to the file of its root certificate and try again." ;;
        *"o space left"* | *"os error 28"*) fail "$1: the disk is full. Free some space and try again." ;;
        *"ead-only file system"* | *"os error 30"*) fail "$1: this folder is read-only. Clone Darkroom to a place where you may write and try again." ;;
    esac
    cat "$log" >&2
    fail "$2"
}

log=${TMPDIR:-/tmp}/darkroom-setup.$$
trap 'rm -f "$log"' EXIT
touch .setup-probe 2>/dev/null || fail "This folder cannot be written to: it is read-only, full, or another user's. Clone Darkroom to another place and try again."
rm -f .setup-probe

# uv keeps its downloads in the home folder. If the home is read-only, they go beside the environment.
home=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}
if ! { mkdir -p "$home" && [ -w "$home" ]; } 2>/dev/null; then
    export UV_CACHE_DIR="${UV_CACHE_DIR:-$PWD/.venv-uv-cache}" UV_PYTHON_INSTALL_DIR="${UV_PYTHON_INSTALL_DIR:-$PWD/.venv-python}"
fi

if command -v uv >/dev/null 2>&1; then
    uv=uv
else
    uv=.venv-uv/bin/uv
    if ! "$uv" --version >/dev/null 2>&1; then
        old="" python=""
        for candidate in python3 python3.13 python3.12 python3.11 python3.10 python3.14; do
            command -v "$candidate" >/dev/null 2>&1 || continue
            version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
            "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { old="$old $version"; continue; }
            "$candidate" -c 'import venv, ensurepip' 2>/dev/null && { python=$candidate; break; }
            without=$version
        done
        if [ -z "$python" ] && [ -n "${without:-}" ]; then
            fail "Python $without is here, but its venv module has no ensurepip. On Debian and Ubuntu: \`apt install python3-venv\`. Or install uv (docs.astral.sh/uv). Then try again."
        elif [ -z "$python" ] && [ -n "$old" ]; then
            fail "The Python here is too old:$old. Install Python 3.10 or later (python.org, or your package manager) and try again."
        elif [ -z "$python" ]; then
            fail "No Python was found. Install Python 3.10 or later (python.org, or your package manager) and try again."
        fi
        say "Setting up: fetching uv"
        rm -rf .venv-uv
        "$python" -m venv .venv-uv >"$log" 2>&1 || explain "A virtual environment could not be made" "A virtual environment could not be made with Python at $(command -v "$python"). See above."
        .venv-uv/bin/python -m pip install --quiet --disable-pip-version-check uv >"$log" 2>&1 ||
            explain "uv could not be fetched" "uv could not be fetched from the package index. Connect to the network and try again."
    fi
fi

# Python 3.13 is often installed but not first on PATH (pyenv). If it is missing, uv downloads it.
python=$(for candidate in "$(command -v python3.13 || true)" "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.13.*/bin/python3.13; do
    [ -x "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null && { echo "$candidate"; break; }
done || true)

say "Setting up: Python 3.13 and the packages of uv.lock"
if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; then
    "$uv" venv --quiet --clear --python "${python:-3.13}" .venv >"$log" 2>&1 ||
        explain "Python 3.13 could not be downloaded" "uv cannot download Python 3.13 from here. uv gets it from github.com: connect to the network, or install Python 3.13 (python.org, or your package manager), and try again."
fi
"$uv" sync --quiet --frozen >"$log" 2>&1 ||
    explain "The packages of uv.lock could not be fetched" "The packages of uv.lock could not be fetched. Connect to the network and try again."
# Services with separate stacks list their own packages, and their tests and checks need these packages too.
for requirements in services/*/requirements.txt; do
    [ ! -e "$requirements" ] || "$uv" pip install --quiet --python .venv/bin/python --requirement "$requirements"
done
touch .venv/ready
