#!/usr/bin/env bash
# What `cmake --install` puts where and with which rights, the hardening of the unit, the user and folders of the system's own helpers,
# and, of a release build, the Debian package as lintian sees it: package_test.sh BIN BUILD
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
build=$(cd "$2" && pwd)
source=$(cd "$(dirname "$0")/../../.." && pwd)
root=$DIR/root
umask 022

DESTDIR=$root cmake --install "$build" --prefix /usr >"$DIR/install.log" || fail "$(tail "$DIR/install.log")"
wanted="/etc/leadrelay
/usr/bin/leadctl
/usr/bin/leadrelay-rehearsal
/usr/lib/systemd/system/leadrelayd.service
/usr/lib/sysusers.d/leadrelay.conf
/usr/lib/tmpfiles.d/leadrelay.conf
/usr/sbin/leadrelayd
/usr/share/bash-completion/completions/leadctl
/usr/share/doc/leadrelay/README.md
/usr/share/doc/leadrelay/copyright
/usr/share/doc/leadrelay/examples/leadrelay-dashboard.json
/usr/share/doc/leadrelay/examples/leadrelay.rules.yml
/usr/share/doc/leadrelay/examples/leadrelay.yaml
/usr/share/doc/leadrelay/openapi.yaml
/usr/share/doc/leadrelay/rehearsal.md
/usr/share/man/man1/leadctl.1
/usr/share/man/man1/leadrelay-rehearsal.1
/usr/share/man/man5/leadrelay.yaml.5
/usr/share/man/man8/leadrelayd.8"
installed=$(find "$root" '(' -type f -o -empty ')' -printf '/%P\n' | sort)
equal "$installed" "$wanted" "what is installed"
equal "$(stat -c %a "$root/etc/leadrelay")" 750 "the folder of the configuration"
equal "$(find "$root/usr" -type f -perm /111 -printf '%f ' | xargs -n 1 | sort | xargs)" "leadctl leadrelay-rehearsal leadrelayd" programs
said "each file where it belongs"

unit=$root/usr/lib/systemd/system/leadrelayd.service
grep -qx "ExecStart=/usr/sbin/leadrelayd -c /etc/leadrelay/leadrelay.yaml" "$unit" || fail "the unit starts something else"
! grep -n '@[A-Z_]*@' "$unit" || fail "something was not filled in"
systemd-analyze security --offline=true --threshold=20 --no-pager "$unit" >"$DIR/security" 2>&1 || fail "$(tail -n 40 "$DIR/security")"
said "$(tail -n 1 "$DIR/security" | tr -dc '[:print:]')"

DESTDIR=$DIR/local cmake --install "$build" --prefix /usr/local >"$DIR/install.log"
grep -q "^ExecStart=/usr/local/sbin/leadrelayd " "$DIR/local/usr/local/lib/systemd/system/leadrelayd.service" || fail "another prefix"
[ -d "$DIR/local/etc/leadrelay" ] || fail "the programs read /etc/leadrelay"
DESTDIR='' cmake --install "$build" --prefix "$DIR/of its own" >"$DIR/install.log"
[ -d "$DIR/of its own/etc/leadrelay" ] || fail "a prefix of its own keeps to itself"
said "prefixes"

if [ "$(id -u)" -eq 0 ]; then
	systemd-sysusers --root="$root"
	systemd-tmpfiles --root="$root" --create --prefix=/etc/leadrelay --prefix=/var/lib/leadrelay
	user=$(awk -F : '$1 == "leadrelay" {print $3}' "$root/etc/passwd")
	group=$(awk -F : '$1 == "leadrelay" {print $3}' "$root/etc/group")
	equal "$(stat -c '%a %u %g' "$root/var/lib/leadrelay")" "700 $user $group"
	equal "$(stat -c '%a %u %g' "$root/etc/leadrelay")" "750 0 $group"
	said "sysusers and tmpfiles"
fi

for script in postinst prerm postrm; do
	sh -n "$source/tools/system/debian/$script" || fail "$script"
done
"$BIN/leadctl" -c "$root/usr/share/doc/leadrelay/examples/leadrelay.yaml" config check 2>"$DIR/example" || true
expect_no_text "of the example only the secrets' files are missing" "$(grep -vE '_file: |: wrong$|errors?$' "$DIR/example")" .

libraries=$(ldd "$BIN/leadrelayd")
if [[ $libraries == *san.so* ]]; then
	said "nobody packs sanitizers"
	exit 0
fi
(cd "$DIR" && SOURCE_DATE_EPOCH=1000000000 cpack -G DEB -B "$DIR/deb" --config "$build/CPackConfig.cmake") >"$DIR/cpack.log" 2>&1 ||
	fail "$(tail "$DIR/cpack.log")"
package=$(echo "$DIR"/deb/leadrelay_*.deb)
version=$("$BIN/leadctl" version | sed 's/^leadrelay //')
equal "$(dpkg-deb -f "$package" Version)" "$version" "one version"
equal "$(dpkg-deb --fsys-tarfile "$package" | tar -xO ./usr/share/doc/leadrelay/changelog.gz | gunzip | dpkg-parsechangelog -l - -S Version)" "$version" "the version of the newest entry"
depends=$(dpkg-deb -f "$package" Depends)
for library in adduser ca-certificates tzdata libc6 libsqlite3-0 libcurl4 libmicrohttpd12 libuv1 libssl3; do
	grep -q "\b$library\b" <<<"$depends" || fail "it does not depend on $library: $depends"
done
equal "$(dpkg-deb -c "$package" | grep -cvE '^.{10} root/root .* 2001-09-09 ')" 0 "owners and times"
said "package $(basename "$package"), depends on $depends"
lintian --no-cfg --allow-root --fail-on error,warning "$package" || fail "lintian"
said "lintian is content"
