#!/bin/sh
# Installs the browser for the tests of the page: Debian's package if the user is root, else Playwright's.
set -eu
cd "$(dirname "$0")/.."
if command -v chromium >/dev/null 2>&1 || [ -e .venv/browser-ready ]; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-noto-core fonts-noto-cjk >/dev/null
else
    .venv/bin/playwright install --with-deps chromium || .venv/bin/playwright install chromium
fi
touch .venv/browser-ready
