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
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
command -v debootstrap >/dev/null && [ "$(id -u)" -eq 0 ] || {
	echo "chroot.sh: this takes root and the package debootstrap" >&2
	exit 1
}

base=$here/../../build/chroot/bookworm.tar
if [ ! -f "$base" ]; then
	mkdir -p "$(dirname "$base")"
	rm -rf "$base.making"
	debootstrap --variant=minbase bookworm "$base.making" "$mirror" >"$base.log" 2>&1 || {
		tail "$base.log" >&2
		exit 1
	}
	tar -C "$base.making" -cf "$base.part" .
	rm -rf "$base.making"
	mv "$base.part" "$base"
fi

root=$(mktemp -d "${TMPDIR:-/tmp}/leadrelay-chroot.XXXXXX")
trap 'rm -rf "$root"' EXIT
tar -C "$root" -xf "$base"
cp /etc/resolv.conf "$root/etc/"
cp "$here/life.sh" "$root/root/"

dpkg-deb --raw-extract "$old" "$root/root/old"
[ -n "${2:-}" ] || sed -i 's/^Version: .*/&~older/' "$root/root/old/DEBIAN/control"
dpkg-deb --root-owner-group --build "$root/root/old" "$root/root/leadrelay_old.deb" >/dev/null
cp "$new" "$root/root/leadrelay_new.deb"

# A process namespace of its own: when life.sh ends, so does what it started, and /proc is unmounted with the mount namespace.
unshare --mount --pid --fork --kill-child --mount-proc="$root/proc" \
	env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb \
	http_proxy="${http_proxy:-}" DEBIAN_FRONTEND=noninteractive chroot "$root" bash /root/life.sh
