#!/bin/sh
# Runs the README's commands on Debian's minimal base, as an ordinary user, and prints a transcript. Run it as root:
#
#     tests/newcomer/debian.sh [FOLDER]
#
# The base has only `make python3 python3-venv curl git`. What a network needs beyond that comes from the environment:
# SSL_CERT_FILE is copied into the base, where TLS is inspected, and the interpreter of PYTHON313 is, where uv cannot
# download Python 3.13. TEST=1 runs `make test` as well, as far as it goes without root.
set -eu
source=$(cd "$(dirname "$0")/../.." && pwd)
base=${1:-$(mktemp -d)/debian}
mkdir -p "$(dirname "$base")"
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")

[ -e "$base/etc/debian_version" ] ||
    debootstrap --variant=minbase --include=make,python3,python3-venv,curl,git "$suite" "$base" >"$base.log" 2>&1
mkdir -p "$base/proc" "$base/dev"
mountpoint -q "$base/proc" || mount -t proc proc "$base/proc"
mountpoint -q "$base/dev" || mount --bind /dev "$base/dev"
trap 'umount --lazy "$base/proc" "$base/dev"' EXIT
cp /etc/resolv.conf /etc/hosts "$base/etc/"
id=4242
grep -q newcomer "$base/etc/passwd" || chroot "$base" useradd --create-home --uid $id newcomer
home=$base/home/newcomer
# A path with a space and umlauts, as people have them.
rm -rf "$home/Grüße aus dem Urlaub"
git -c safe.directory='*' clone --quiet "file://$source" "$home/Grüße aus dem Urlaub/darkroom"
set -- PATH=/usr/bin:/bin HOME=/home/newcomer LANG=C.UTF-8 TERM=dumb
if [ -n "${SSL_CERT_FILE:-}" ]; then
    cp "$SSL_CERT_FILE" "$base/etc/roots.pem"
    set -- "$@" SSL_CERT_FILE=/etc/roots.pem PIP_CERT=/etc/roots.pem
fi
if [ -n "${PYTHON313:-}" ]; then
    # At the same path, which its libraries are found by.
    [ -d "$base$PYTHON313" ] || { mkdir -p "$base${PYTHON313%/*}" && cp -a "$PYTHON313" "$base${PYTHON313%/*}/"; }
    chmod a+rx "$base/root" "$base/root/.pyenv" "$base/root/.pyenv/versions" 2>/dev/null || true
    set -- "$@" PYENV_ROOT="${PYTHON313%/versions/*}"
fi
chown -R $id:$id "$home"

as_newcomer() { chroot --userspec=$id:$id "$base" /usr/bin/env -i "$@"; }

cat >"$base/home/newcomer/tour.sh" <<'TOUR'
cd ~/"Grüße aus dem Urlaub/darkroom"
echo '$ make run'
make run >~/run.log 2>&1 &
until grep -q '^Ctrl-C' ~/run.log; do
    kill -0 $! 2>/dev/null || { cat ~/run.log; exit 1; }
    sleep 1
done
cat ~/run.log
gallery=$(sed -n 's/^Gallery: //p' ~/run.log)
python3 -c 'import struct, zlib; row = b"\0" + b"\x80\x40\x20" * 64
chunk = lambda name, data: struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
open("cat.png", "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0))
    + chunk(b"IDAT", zlib.compress(row * 64)) + chunk(b"IEND", b""))'
echo '$ curl -sX POST "$GALLERY/uploads?name=cat.png&as=curl" | curl -K - -F file=@cat.png'
curl -sX POST "${gallery}uploads?name=cat.png&as=curl" | curl -sK - -F file=@cat.png
for _ in $(seq 60); do curl -s "${gallery}images" | grep -q '"cat"' && break; sleep 1; done
echo '$ curl "$GALLERY/images"'
curl -s "${gallery}images" | cut -c 1-160
echo
echo '$ .venv/bin/darkroom doctor'
.venv/bin/darkroom doctor
# Only the newcomer's own processes take the signal.
for process in $(grep -l venv/bin/darkroom /proc/[0-9]*/cmdline 2>/dev/null | tr -dc '0-9\n'); do kill "$process"; done 2>/dev/null
wait
TOUR
as_newcomer "$@" sh /home/newcomer/tour.sh
if [ "${TEST:-}" = 1 ]; then
    echo '$ make test'
    as_newcomer "$@" sh -c 'cd ~/*Urlaub/darkroom && make test'
fi
