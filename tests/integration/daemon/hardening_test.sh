#!/usr/bin/env bash
# As the unit runs it: a user of its own, no capabilities, no new privileges. It works, leaves no core with secrets in it, keeps its
# files to itself, and writes nowhere but where it was told to: hardening_test.sh BIN
source "$(dirname "$0")/../../support/lib.sh"
setup "$1"
if [ "$(id -u)" -ne 0 ]; then
	echo "skipped: changing users needs root"
	exit 77
fi
mkdir "$DIR/bin"
cp "$BIN/leadrelayd" "$DIR/bin/"
chmod 755 "$DIR/bin" "$DIR/bin/leadrelayd"
start_crm
write_config
BIN_ROOT=$BIN
chown -R nobody "$DIR"
find "$DIR" | sort >"$DIR/before"
umask 000 # its own is what counts
BIN=$DIR/bin
start_relay setpriv --reuid=nobody --regid=nogroup --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all \
	prlimit --core=unlimited
umask 022
BIN=$BIN_ROOT
accept_lead one@example.com
wait_until 10 "it works" delivered "$ID" crm
status=$(cat "/proc/$RELAY_PID/status")
equal "$(awk '/^CapEff/{print $2}' <<<"$status")" 0000000000000000 "no capabilities"
equal "$(awk '/^NoNewPrivs/{print $2}' <<<"$status")" 1
equal "$(awk '/^Uid/{print $2}' <<<"$status")" "$(id -u nobody)"
# The kernel gives what belongs to a process that may not be dumped to root. The leak check needs it the other way.
libraries=$(ldd "$BIN/leadrelayd")
[[ $libraries == *san.so* ]] || equal "$(stat -c %U "/proc/$RELAY_PID/mem")" root "its memory is nobody's to read"
equal "$(stat -c %a "$DIR/state")" 700
[ -z "$(find "$DIR/state" -type f ! -perm 600)" ] || fail "files that others may read: $(find "$DIR/state" -type f ! -perm 600)"
new=$(find "$DIR" | sort | comm -13 "$DIR/before" - | grep -vE "^$DIR/(state(/(outbox\.db(-wal|-shm)?|lock|control\.sock))?|archive\.jsonl|relay\.log|before|crm\.(log|port))$" || true)
[ -z "$new" ] || fail "written beside the state: $new"
# Its secrets are on no command line and in no environment of its own.
for word in 'rehearsal~secret' "$TOKEN"; do
	! grep -qaF "$word" "/proc/$RELAY_PID/cmdline" "/proc/$RELAY_PID/environ" || fail "a secret where others look"
	! grep -qF "$word" "$DIR/relay.log" || fail "a secret in the log"
done
(cd "$DIR" && kill -ABRT "$RELAY_PID")
wait "$RELAY_PID" 2>/dev/null || true
[ -z "$(find "$DIR" -name 'core*')" ] || fail "a core was left"
said "no core"
