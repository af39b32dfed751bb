# bare.sh: a bare Debian 12 for the tests of the package; sourced. Made once, in build/chroot, by debootstrap as root.
need() { # COMMAND PACKAGE
	command -v "$1" >/dev/null && [ "$(id -u)" -eq 0 ] || {
		echo "$(basename "$0"): this takes root and the package $2" >&2
		exit 1
	}
}
chroots=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/build/chroot

# make_system NAME FUNCTION: build/chroot/NAME.tar, of what FUNCTION puts into a folder.
make_system() {
	[ ! -f "$chroots/$1.tar" ] || return 0
	mkdir -p "$chroots"
	rm -rf "$chroots/$1"
	"$2" "$chroots/$1" >"$chroots/$1.log" 2>&1 || {
		tail "$chroots/$1.log" >&2
		exit 1
	}
	tar -C "$chroots/$1" -cf "$chroots/$1.part" .
	rm -rf "${chroots:?}/$1"
	mv "$chroots/$1.part" "$chroots/$1.tar"
}
bare() {
	debootstrap --variant=minbase bookworm "$1" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}"
}
# With systemd as its first process, and what a user has to look around with.
booting() {
	mkdir "$1"
	tar -C "$1" -xf "$chroots/bookworm.tar"
	cp /etc/resolv.conf "$1/etc/"
	in_system "$1" sh -c 'apt-get update && apt-get install -y --no-install-recommends systemd systemd-sysv dbus curl jq procps man-db'
}

# in_system ROOT COMMAND...: with processes and a /proc of its own, which end with COMMAND.
in_system() {
	local root=$1
	shift
	unshare --mount --pid --fork --kill-child --mount-proc="$root/proc" \
		env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb \
		http_proxy="${http_proxy:-}" DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"
}
