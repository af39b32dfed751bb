#!/usr/bin/env bash
# The Debian package under a real systemd: a bare Debian 12 is booted by systemd-nspawn without a network, and somebody new goes by
# README.md alone from `apt install` to a lead in the rehearsal CRM. Then upgrades with a backlog, kills, removal, all under the hardened unit.
# Needs root and the packages debootstrap and systemd-container; part of tools/torture --package.
#
#   tests/package/boot.sh PACKAGE.deb
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ $# -ne 1 ]; then
	echo "usage: boot.sh PACKAGE.deb" >&2
	exit 2
fi
source "$here/bare.sh"
need debootstrap debootstrap
need systemd-nspawn systemd-container
make_system bookworm bare
make_system booting booting

root=$(mktemp -d "${TMPDIR:-/tmp}/leadrelay-boot.XXXXXX")
trap 'rm -rf "$root"' EXIT
tar -C "$root" -xf "$chroots/booting.tar"
mkdir -p "$root/root/build/package"
cp "$1" "$root/root/build/package/leadrelay_0_amd64.deb"
cp "$here/booted.sh" "$root/root/"
# The journey of the README: the first block below its heading, as it stands there.
sed -n '/^### Try it/,/^### /p' "$here/../../README.md" | sed -n '/^```$/,/^```$/{/^```$/d;p}' >"$root/root/journey"
cat >"$root/etc/systemd/system/booted.service" <<'UNIT'
[Service]
Type=idle
ExecStart=/bin/bash /root/booted.sh
StandardOutput=file:/root/said
StandardError=file:/root/said
ExecStopPost=/bin/systemctl --no-block poweroff
UNIT
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -s ../booted.service "$root/etc/systemd/system/multi-user.target.wants/"
# What the package depends on, from the mirror; inside there is no network.
in_system "$root" sh -c 'apt-get update && apt-get install -y --download-only /root/build/package/*.deb' >"$root/fetch.log" 2>&1 || {
	tail "$root/fetch.log" >&2
	exit 1
}

timeout --kill-after=5 300 systemd-nspawn --directory="$root" --register=no --keep-unit --private-network --boot </dev/null >"$root/boot.log" 2>&1 ||
	tail -n 20 "$root/boot.log"
cat "$root/root/said"
grep -q '^all is well$' "$root/root/said"
