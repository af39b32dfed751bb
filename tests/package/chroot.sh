#!/usr/bin/env bash
# The life of the Debian package in a bare Debian 12: installed by apt, the daemon at work as the package's user, upgraded with a
# backlog, removed and purged with leads that wait and without. Needs root, debootstrap and a mirror; part of tools/torture --package.
#
#   tests/package/chroot.sh NEW.deb [OLD.deb]   without OLD.deb the new one under a lower version
#
# The bare system is made once, in build/chroot. Nothing of this machine is seen in it but the network; all processes end with it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ $# -lt 1 ] || [ $# -gt 2 ]; then
	echo "usage: chroot.sh NEW.deb [OLD.deb]" >&2
	exit 2
fi
new=$(realpath "$1")
old=$(realpath "${2:-$1}")
source "$here/bare.sh"
need debootstrap debootstrap
make_system bookworm bare

root=$(mktemp -d "${TMPDIR:-/tmp}/leadrelay-chroot.XXXXXX")
trap 'rm -rf "$root"' EXIT
tar -C "$root" -xf "$chroots/bookworm.tar"
cp /etc/resolv.conf "$root/etc/"
cp "$here/life.sh" "$root/root/"

dpkg-deb --raw-extract "$old" "$root/root/old"
[ -n "${2:-}" ] || sed -i 's/^Version: .*/&~older/' "$root/root/old/DEBIAN/control"
dpkg-deb --root-owner-group --build "$root/root/old" "$root/root/leadrelay_old.deb" >/dev/null
cp "$new" "$root/root/leadrelay_new.deb"

in_system "$root" bash /root/life.sh
