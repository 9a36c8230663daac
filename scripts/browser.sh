#!/bin/sh
# Installs the browser for the tests of the page: Debian's package if the user is root, else Playwright's.
set -eu
cd "$(dirname "$0")/.."
if command -v chromium >/dev/null 2>&1 || [ -e .venv/browser-ready ]; then
    exit 0
fi
# Without root, Playwright's libraries cannot be installed, and sudo must not wait for a password in the middle of a test.
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-noto-core fonts-noto-cjk >/dev/null
elif sudo -n true 2>/dev/null; then
    .venv/bin/playwright install --with-deps chromium
else
    .venv/bin/playwright install chromium
fi || {
    echo "No browser could be installed: tests of the page fail, all others run. Install one: \`apt install chromium\` as root, or \`.venv/bin/playwright install chromium\` with a network." >&2
    exit 0
}
touch .venv/browser-ready
