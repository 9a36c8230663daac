#!/bin/sh
# Installs the peers of the bench: pyvips, OpenCV and Wand from PyPI, sharp from npm, ImageMagick's library.
set -eu
cd "$(dirname "$0")/.."
uv=$(command -v uv || echo .venv-uv/bin/uv)
UV_PROJECT_ENVIRONMENT=.venv-bench "$uv" sync --quiet --frozen --no-install-project --only-group bench \
    --python .venv/bin/python
npm ci --silent --prefix bench
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 && ! ldconfig -p | grep -q libMagickWand; then
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends libmagickwand-6.q16-7t64 >/dev/null 2>&1 ||
        apt-get install -y -qq --no-install-recommends libmagickwand-dev >/dev/null
fi
