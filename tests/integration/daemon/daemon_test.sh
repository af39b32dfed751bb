#!/usr/bin/env bash
# The daemon as a process: options, exit codes, files and their modes, the service manager's notifications, what it does not
# reveal, its end within 10 s whatever hangs, secrets that change without a signal, a jumping clock, and its control socket.
source "$(dirname "$0")/../../support/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
setup "$1"

expect_exit 0 "$BIN/leadrelayd" --help
expect_text "--help teaches" "$OUT" 'config check'
expect_exit 0 "$BIN/leadrelayd" --version
expect_text "--version" "$OUT" '^leadrelayd [0-9]+\.[0-9]+'
expect_exit 2 "$BIN/leadrelayd" --nonsense
expect_exit 2 "$BIN/leadrelayd" nonsense
expect_exit 2 "$BIN/leadrelayd" -c "$DIR/nowhere.yaml"
expect_text "an absent file is named" "$ERR" 'nowhere.yaml'
LEADRELAY_CONFIG=$DIR/elsewhere.yaml expect_exit 2 "$BIN/leadrelayd"
expect_text "\$LEADRELAY_CONFIG is read" "$ERR" 'elsewhere.yaml'

start_crm
write_config
logged() { grep -qE "$1" "$DIR/relay.log"; }

# A start that fails is one sentence and exit 1, and no unclean end: what it took it gives back.
sed -i "s#state_dir: .*#state_dir: $DIR/no/such/state#" "$DIR/leadrelay.yaml"
expect_exit 1 "$BIN/leadrelayd" -c "$DIR/leadrelay.yaml"
expect_text "a state_dir that cannot be made" "$ERR" 'cannot start.*state_dir'
write_config
sed -i "s#127.0.0.1:0#${CRM#http://}#" "$DIR/leadrelay.yaml"
for _ in 1 2 3 4; do
	expect_exit 1 "$BIN/leadrelayd" -c "$DIR/leadrelay.yaml"
	expect_text "an address in use" "$ERR" "cannot start.*${CRM#http://}"
done
write_config

# The service manager hears what it needs to.
cat >"$DIR/manager.py" <<'PYTHON'
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
out = open(sys.argv[2], "a", buffering=1)
while True:
    out.write(s.recv(4096).decode().replace("\n", "|") + "\n")
PYTHON
python3 "$DIR/manager.py" "$DIR/notify" "$DIR/notified" &
PIDS+=($!)
wait_until 10 "the manager listens" test -S "$DIR/notify"
NOTIFY_SOCKET=$DIR/notify WATCHDOG_USEC=600000 start_relay
notified() { grep -q "$1" "$DIR/notified"; }
wait_until 5 "READY" notified '^READY=1|.*STATUS=accepting and delivering'
wait_until 5 "WATCHDOG" notified '^WATCHDOG=1'
expect_no_text "four failed starts are no unclean ends" "$(cat "$DIR/relay.log")" suspended
kill -HUP "$RELAY_PID"
wait_until 5 "RELOADING" notified '^RELOADING=1|MONOTONIC_USEC='

equal "$(stat -c %a "$DIR/state")" 700
for file in lock outbox.db outbox.db-wal control.sock; do equal "$(stat -c %a "$DIR/state/$file")" 600 "$file"; done
expect_exit 5 "$BIN/leadrelayd" -c "$DIR/leadrelay.yaml"
expect_text "a second daemon" "$ERR" 'cannot start.*already runs'

expect "control.sock" node "$here/control.mjs" "$DIR/state/control.sock"

# A changed token is taken within 10 s, without a signal.
printf '%s\n' "brand-new-token-0123456789" >"$DIR/marketplace.token"
taken() { post marketplace brand-new-token-0123456789 "$(marketplace_lead "new@example.com")" && [ "$STATUS" -lt 300 ]; }
wait_until 11 "a changed token file is noticed" taken

# Its end: at most 10 s with a destination that never answers, and the lead is delivered after the next start.
crm faults -X POST --data '{"fault":"hang","where":"create","times":-1,"ms":60000}' >/dev/null
post marketplace brand-new-token-0123456789 "$(marketplace_lead hang@example.com)"
equal "$STATUS" 202
hang=$(jq -r .id <<<"$BODY")
exec 3<>"/dev/tcp/127.0.0.1/${RELAY##*:}"
printf 'POST /in/marketplace HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n' >&3 # a request that never ends
python3 -c "import socket, time; s = socket.socket(socket.AF_UNIX); s.connect('$DIR/state/control.sock'); time.sleep(30)" &
PIDS+=($!)
sleep 0.3
before=$(date +%s%N)
stop_relay
exec 3>&-
equal "$STATUS" 0
[ $((($(date +%s%N) - before) / 1000000)) -lt 10000 ] || fail "stopping took too long"
said "stopped in $((($(date +%s%N) - before) / 1000000)) ms with three things that hang"
expect "STOPPING" notified '^STOPPING=1'
[ ! -e "$DIR/state/control.sock" ] || fail "control.sock was left behind"
crm faults -X DELETE >/dev/null

# A wall clock that jumps is noticed. (libfaketime does not go with the sanitizers.)
faketime=$(find /usr/lib -name libfaketimeMT.so.1 2>/dev/null | head -n 1)
libraries=$(ldd "$BIN/leadrelayd")
if [ -n "$faketime" ] && ! grep -q 'san\.so' <<<"$libraries"; then
	echo +0 >"$DIR/offset"
	start_relay env LD_PRELOAD="$faketime" FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_NO_CACHE=1 FAKETIME_TIMESTAMP_FILE="$DIR/offset"
	sleep 1.2
	echo +3d >"$DIR/offset"
	wait_until 5 "a jump of the wall clock is told" logged 'wall clock jumped by=3d direction=forward'
	equal "$(ctl --json status | jq .accounting.dead)" 0
	echo +0 >"$DIR/offset"
	stop_relay
	equal "$STATUS" 0
fi

start_relay
wait_until 15 "the lead that hung is delivered" delivered "$hang" crm
expect "the books balance" accounting_holds
stop_relay INT
equal "$STATUS" 0
expect_no_text "no secret in the log" "$(cat "$DIR/relay.log")" 'token-0123456789|rehearsal~secret|@example.com'
