#!/bin/sh
# Installs the browsers for the tests of the page: Chromium, Firefox and WebKit from the Linux distribution's packages.
# Without root only Chromium is installed, by Playwright. Tests of a missing browser are left out and name this script.
set -eu
cd "$(dirname "$0")/.."
ready=.venv/browsers-ready
if [ -e "$ready" ] || { [ ! -e /etc/debian_version ] && command -v chromium >/dev/null 2>&1; }; then
    exit 0
fi
if [ "$(id -u)" = 0 ]; then
    root=env
elif sudo -n true 2>/dev/null; then # -n: do not wait for a password in the middle of a test
    root="sudo env"
else
    root=
fi
# Playwright's driver needs libatomic1.
packages="libatomic1 firefox-esr webkit2gtk-driver xvfb fonts-noto-core fonts-noto-cjk"
# Where a network inspects TLS, Node.js trusts the same root certificate as Python.
export NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-${SSL_CERT_FILE:-}}"

# Ubuntu's chromium and firefox are snaps, which cannot read a test's profile.
ubuntu() { grep -q '^ID=ubuntu' /etc/os-release; }
from_packages() {
    if ubuntu; then
        $root add-apt-repository --yes ppa:mozillateam/ppa >/dev/null && .venv/bin/playwright install chromium
    else
        packages="$packages chromium chromium-driver"
    fi
    # shellcheck disable=SC2086 # words
    $root apt-get update -qq &&
        $root DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
}

if [ -n "$root" ] && command -v apt-get >/dev/null 2>&1; then
    from_packages
elif command -v chromium >/dev/null 2>&1; then
    exit 0 # It serves most tests. Those in other browsers say that they are missing.
else
    .venv/bin/playwright install chromium >/dev/null 2>&1
fi || {
    echo "Not all browsers could be installed. Tests that need a missing browser are left out, all others run. As root:" \
        "\`apt install chromium chromium-driver $packages\`; or Chromium only: \`.venv/bin/playwright install chromium\`." >&2
    exit 0
}
touch "$ready"
